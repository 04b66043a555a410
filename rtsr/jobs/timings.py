"""How long networks took on this machine, kept in the user's cache folder: a file for each machine and power mode.

A file that is damaged, of another version or of another machine is as good as none: what it held is measured again.
"""

import hashlib
import json
import logging
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from rtsr.jobs.machine import fingerprint
from rtsr.user_cache import folder, write_whole

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """One network at one input size, as `rtsr bench` measures it. Raises ValueError or TypeError on nonsense."""

    model: str
    sha256: str
    """Of the model's ONNX file, in hexadecimal."""
    scale: int
    backend: str
    """As it was asked for: what `auto` takes here, and in which precision, follows from the machine."""
    threads: int
    """As asked for; 0 = the backend's choice."""
    width: int
    """Of the input, in luma samples."""
    height: int
    ms: float
    """Median time of a frame, colour planes included, decoding and showing not."""
    busy: bool
    """Whether other programs had the CPU as well, which makes `ms` too long."""
    device: str = "auto"
    """As asked for, like the backend: which GPU the first one is, and its driver, is a matter of the machine."""
    precision: str = "auto"
    """As asked for."""

    def __post_init__(self) -> None:
        words = (self.model, self.sha256, self.backend, self.device, self.precision)
        counts = (self.scale, self.width, self.height)
        if not all(isinstance(word, str) for word in words) or not isinstance(self.busy, bool):
            raise TypeError(f"{self} is no measurement")
        if not all(isinstance(count, int) and count > 0 for count in counts) or not 0 < self.ms < math.inf:
            raise ValueError(f"{self} is no measurement")

    @property
    def area_px(self) -> int:
        """Luma samples of the input."""
        return self.width * self.height

    @property
    def of(self) -> tuple[object, ...]:
        """What it is the time of: a newer one of the same takes its place."""
        asked = self.scale, self.backend, self.threads, self.device, self.precision
        return self.model, *asked, self.width, self.height


def place() -> Path:
    """The file of this machine in its present power mode."""
    return folder() / f"ladder-{_machine()[1]}.json"


def read_timings() -> tuple[Timing, ...]:
    """What is kept of this machine; nothing where nothing can be read."""
    try:
        table = json.loads(place().read_text("utf-8"))
        if table["machine"] != _machine()[0]:
            raise ValueError("it is of another machine")
        return tuple(Timing(**row) for row in table["timings"])
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        log.debug("%s is of no use and is made anew (%s)", place(), error)
        return ()


def keep_timings(timings: Iterable[Timing]) -> None:
    """Put these beside what is kept, in the place of older ones of the same; a log line where that cannot be."""
    path, kept = place(), {one.of: one for one in (*read_timings(), *timings)}
    table = {"machine": _machine()[0], "timings": [asdict(one) for one in kept.values()]}
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(path, f"{json.dumps(table, indent=1)}\n".encode())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        log.warning("%s cannot be written (%s), so the networks are measured again next time", path, reason)


@cache
def _machine() -> tuple[dict[str, Any], str]:
    """(what times depend on, its short name)."""
    machine = fingerprint()
    return machine, hashlib.sha256(json.dumps(machine, sort_keys=True).encode()).hexdigest()[:16]
