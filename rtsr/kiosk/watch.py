"""Watches over one run of the kiosk's window: systemd, health, reports, schedule and settings hear of every look."""

import logging
import os
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from rtsr.errors import UsageError
from rtsr.jobs.vitals import Vitals
from rtsr.kiosk import health
from rtsr.kiosk.config import read_kiosk
from rtsr.kiosk.kept import Choice, keep
from rtsr.kiosk.notify import Notifier, Watchdog
from rtsr.kiosk.report import Reporter
from rtsr.kiosk.schedule import is_lit
from rtsr.kiosk.sensing import Sensors
from rtsr.kiosk.server import Server, json_page
from rtsr.kiosk.unit import LEFT

log = logging.getLogger(__name__)
_ASK_AGAIN_S = 5.0
"""Between two looks at broken settings: they may have been mended."""
Now = Callable[[], datetime]


class Watch:
    """See `rtsr.jobs.vitals.Keeper`.

    Args:
        choice: the settings that are used.
        asked: the file that should be used.
        state: where reports and good settings are kept; None: nowhere.
        notifier: systemd.
        now: the time of day, in the machine's zone.
    """

    def __init__(
        self, choice: Choice, asked: Path, state: Path | None, notifier: Notifier, now: Now = datetime.now
    ) -> None:
        kiosk = choice.kiosk
        self._choice, self._asked, self._state, self._now = choice, asked, state, now
        self._spans = kiosk.schedule.spans
        self._watchdog = Watchdog(notifier)
        self._sensors = Sensors(kiosk.views()[0].device)
        reports = None if state is None else state / "reports"
        self._reporter = Reporter(reports, kiosk.report.days, now().date())
        self._look = health.Look(
            began=now().astimezone(),
            looked_s=time.monotonic(),
            starts_today=self._reporter.sums.starts,
            notice=choice.notice,
        )
        self._kept, self._asked_s, self._was_asked = False, time.monotonic(), _content(asked)
        self._was_lit: bool | None = None
        self._runtime = os.environ.get("RUNTIME_DIRECTORY", "")  # noqa: TID251 - what systemd hands over
        self._command: subprocess.Popen[bytes] | None = None
        self._server = self._served()

    @property
    def port(self) -> int | None:
        """Where /health is served."""
        return self._server.port if self._server else None

    def lit(self) -> bool:
        """See `Keeper`. A panel that a command wakes is woken here."""
        if not self._choice.usable:
            return False
        lit = is_lit(self._spans, self._now())
        if lit != self._was_lit:
            self._was_lit = lit
            log.info("the screen is %s by its schedule", "on" if lit else "off")
            schedule = self._choice.kiosk.schedule
            self._run(schedule.on_command if lit else schedule.off_command)
        return lit

    def words(self) -> tuple[str, tuple[str, ...]]:
        """See `Keeper`."""
        if self._choice.usable and self._was_lit is False:
            return "", ()
        overlay = self._choice.kiosk.overlay
        clock = self._now().strftime(overlay.clock) if overlay.clock else ""
        return clock, tuple(line for line in (self._choice.notice, overlay.message) if line)

    def look(self, vitals: Vitals) -> bool:
        """See `Keeper`."""
        now_s = time.monotonic()
        seconds = now_s - self._look.looked_s
        self._watchdog.look(vitals)
        sensed = self._sensors.read()
        self._reporter.look(self._now().date(), seconds, vitals, sensed)
        self._look = health.Look(
            began=self._look.began,
            looked_s=now_s,
            vitals=vitals,
            sensed=sensed,
            energy_j=self._look.energy_j + (sensed.spent_j or 0.0),
            starts_today=self._reporter.sums.starts,
            notice=self._choice.notice,
        )
        if vitals.presented and not self._kept and not self._choice.notice:
            self._kept = True
            keep(self._choice, self._state)
        return not self._mended(now_s)

    def left(self) -> None:
        """See `Keeper`."""
        log.info("left by its keys")
        if self._runtime:
            (Path(self._runtime) / LEFT).touch()

    def close(self) -> None:
        """Write down the day, and let go of sensors and port. Safe to call twice."""
        self._watchdog.stop()
        if self._server is not None:
            self._server.close()
        self._reporter.save()
        self._sensors.close()

    def _served(self) -> Server | None:
        """What answers over HTTP, where it is wanted. A port that is taken is no reason to show nothing."""
        metrics = self._choice.kiosk.metrics
        if metrics.address is None:
            return None
        try:
            return Server(metrics.address, metrics.token, {"/health": self._health, "/metrics": self._metrics})
        except UsageError as error:
            log.warning("%s. %s", error.problem, error.mend)
            return None

    def _mended(self, now_s: float) -> bool:
        """Whether settings that were broken can be used now."""
        if not self._choice.notice or now_s - self._asked_s < _ASK_AGAIN_S:
            return False
        self._asked_s = now_s
        if _content(self._asked) == self._was_asked:
            return False
        try:
            read_kiosk(self._asked)
        except UsageError:
            return False
        log.info("%s is mended: beginning anew", self._asked.name)
        return True

    def _run(self, command: tuple[str, ...]) -> None:
        """Start a program of the settings' author; the window does not wait for it."""
        if self._command is not None:
            self._command.poll()
        if command:
            try:
                self._command = subprocess.Popen(command, stdin=subprocess.DEVNULL)
            except OSError as error:
                log.warning("%s cannot be run (%s)", command[0], error.strerror)

    def _health(self) -> tuple[int, str, bytes]:
        return json_page(*health.as_page(self._look, time.monotonic()))

    def _metrics(self) -> tuple[int, str, bytes]:
        return 200, health.CONTENT_TYPE, health.as_metrics(self._look, time.monotonic()).encode()


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None
