"""What this machine draws while nothing is upscaled, kept in the user's cache folder for each machine and power mode.

Measured before and after the work: a machine that is warm, or whose GPU is awake, draws more than one that has rested.
A file that is damaged or of another machine is as good as none.
"""

import hashlib
import json
import logging
import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from rtsr.errors import BackendError
from rtsr.jobs.energy import Idle
from rtsr.jobs.machine import fingerprint
from rtsr.mailbox import Mailbox
from rtsr.power import Probe, probe_reasons
from rtsr.power.load import CpuLoad
from rtsr.power.meter import Drawn, Span, total
from rtsr.user_cache import folder, write_whole

log = logging.getLogger(__name__)
IDLE_S = 5.0
"""Measured before, and as long after."""
SETTLE_S = 3.0
"""Before that: clocks fall, and a card goes back to sleep."""
_STEP_S = 0.05


class IdleWatch:
    """The first half is measured when it is made, the second by `finish`.

    Raises BackendError where no sensor can be read: nothing is measured then.
    """

    def __init__(self, probes: Sequence[Probe], seconds: float = IDLE_S, settle_s: float = SETTLE_S) -> None:
        if not probes:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in probe_reasons())
            raise BackendError(
                f"--power-baseline, and no power sensor can be read here ({reasons})",
                mend="leave it out, or make one readable: rtsr doctor tells how",
            )
        self._probes, self._seconds, self._settle_s = probes, seconds, settle_s
        self._load = CpuLoad()
        self._busy: list[float] = []
        self._before = self._measure()

    def finish(self) -> dict[str, Idle]:
        """By the rail; those that were measured at both times only."""
        idle, day = {}, datetime.now(timezone.utc).date().isoformat()
        after = self._measure()
        busy = max(self._busy, default=None)
        for before, later in zip(self._before, after, strict=True):
            if before.watts is not None and later.watts is not None:
                idle[before.rail] = Idle(before.watts, later.watts, day, busy)
            else:
                log.warning("%s: no idle power, for %s", before.rail, before.why or later.why)
        return idle

    def _measure(self) -> tuple[Drawn, ...]:
        log.info("measuring the idle machine, %.0f s", self._seconds + self._settle_s)
        never = Mailbox[None](1)
        never.wait_closed(self._settle_s)
        self._load.busy()
        span = Span(self._probes)
        for _ in range(max(1, round(self._seconds / _STEP_S))):
            never.wait_closed(_STEP_S)
            span.tick()
        drawn = tuple(total([one]) for one in span.end())
        busy = self._load.busy()
        if busy is not None:
            self._busy.append(busy)
        return drawn


def place() -> Path:
    """The file of this machine in its present power mode."""
    key = hashlib.sha256(json.dumps(fingerprint(), sort_keys=True).encode()).hexdigest()[:16]
    return folder() / f"idle-{key}.json"


def keep_idle(idle: dict[str, Idle]) -> None:
    """Keep it for later runs, beside what is kept of other rails; a log line where that cannot be."""
    path = place()
    table = {"machine": fingerprint(), "idle": {rail: asdict(one) for rail, one in (read_idle() | idle).items()}}
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, f"{json.dumps(table, indent=1)}\n".encode())
    except OSError as error:
        log.warning("%s cannot be written (%s), so the idle power is not kept", path, (error.strerror or "").lower())


def read_idle() -> dict[str, Idle]:
    """What is kept of this machine, by the rail; nothing where nothing can be read."""
    path = place()
    try:
        table = json.loads(path.read_text("utf-8"))
        if table["machine"] != fingerprint():
            raise ValueError("it is of another machine")
        return {str(rail): _idle(one) for rail, one in table["idle"].items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        log.debug("%s is of no use (%s)", path, error)
        return {}


def _idle(table: dict[str, Any]) -> Idle:
    idle = Idle(**table)
    watts = idle.before_w, idle.after_w
    if not all(isinstance(one, float) and math.isfinite(one) and one > 0 for one in watts):
        raise ValueError(f"{watts} W are no measurement")
    if not isinstance(idle.measured, str) or not (idle.busy is None or isinstance(idle.busy, float)):
        raise TypeError(f"{table} is no measurement")
    return idle
