"""Plays one source for ever: what ends begins again, what is away is waited for, from the very first try on."""

import logging
import random
from collections.abc import Callable
from typing import Literal

from PyQt6.QtCore import QThread

from rtsr.backoff import wait_s
from rtsr.errors import SourceError
from rtsr.mailbox import Mailbox
from rtsr.sources.returning import Outage, ReturningSource, outage_of
from rtsr.viewer.run import Run
from rtsr.viewer.scene import Scene

log = logging.getLogger(__name__)
_STALE_S = 1.0
"""A live picture older than this is said to be."""
_AGAIN = "opened again as soon as it is there"


class Endless(QThread):
    """One run after the other until it is closed, or until something but the source fails: that is `error`.

    Args:
        open_again: opens it; raises SourceError while it is away.
        scene: where it is shown.
        returns: whether a live source that is lost is opened again; else its end is an error.
    """

    def __init__(self, open_again: Callable[[], Run], scene: Scene, returns: Literal["yes", "no"]) -> None:
        super().__init__()
        self._open, self._scene, self._returns = open_again, scene, returns
        self._closed: Mailbox[None] = Mailbox(1)
        self._current: Run | None = None
        self._away, self._in_a_row = "", 0
        """Why there is no run, and how many openings in a row have shown nothing."""
        self._failed, self._outages = 0, 0
        """Of this thread's own, and of runs that are over."""
        self.error: BaseException | None = None

    @property
    def outage(self) -> Outage | None:
        """Of the source of the run, where that returns by itself."""
        return outage_of(self._current.pipeline.source) if self._current else None

    @property
    def waiting(self) -> bool:
        """Whether the source is away."""
        return bool(self._away) or self.outage is not None

    @property
    def tries(self) -> int:
        """Openings that failed, now and before."""
        outage = self.outage
        return self._failed + (outage.tries if outage else 0)

    @property
    def outages(self) -> int:
        """How often the source was away."""
        return self._outages + _outages_of(self._current)

    @property
    def trouble(self) -> str:
        """What is not given, in words; empty while it is."""
        run, age_s = self._current, self._scene.stats.unseen_s()
        if self._away:
            return f"{self._away} · {_AGAIN}, try {self._in_a_row + 1}"
        if run is None or not run.pipeline.source.info.live or age_s < _STALE_S:
            return ""
        outage = self.outage
        away = f" · {outage.reason} · {_AGAIN}, try {outage.tries + 1}" if outage else ""
        return f"STALE, {age_s:.0f} s old{away}"

    def run(self) -> None:
        """Qt's: the thread."""
        try:
            while not self._closed.wait_closed(0):
                self._play()
        except BaseException as error:  # noqa: BLE001 - carried to the window's thread, which raises it
            self.error = error

    def halt(self) -> None:
        """End the run, without waiting for it."""
        self._closed.close()
        if (run := self._current) is not None:
            run.halt()

    def close(self) -> None:
        """End the run and wait for the thread. Safe to call twice."""
        self.halt()
        self.wait()

    def _play(self) -> None:
        """Open it and show it to its end."""
        stats = self._scene.stats
        shown = stats.display.count
        try:
            run = self._open()
        except SourceError as error:
            self._wait(error.problem)
            return
        self._current, self._away = run, ""
        info = run.pipeline.source.info
        self._scene.fit_to(info, run.pipeline.upscaler.badge)
        stats.attach(run.pipeline)
        if self._closed.wait_closed(0):  # before `close` could see the run
            run.halt()
        reason = f"{info.label} ended"
        try:
            run.pipeline.run()
        except SourceError as error:  # it was lost, or came back as another
            reason = error.problem
        finally:
            self._outages += _outages_of(run)
            self._failed += self.outage.tries if self.outage else 0
            self._current = None
        stats.interrupted()
        if self._closed.wait_closed(0):
            return
        if info.live and self._returns == "no":
            raise SourceError(reason, mend="leave reconnect as it is, to have it opened again")
        log.info("%s; it is opened again", reason)
        if stats.display.count > shown:
            self._in_a_row = 0
        else:
            self._wait(reason)

    def _wait(self, reason: str) -> None:
        """After a try that has shown nothing: later ones come later."""
        if not self._away:
            log.warning("%s; it is %s", reason, _AGAIN)
            self._outages += 1
        self._away = reason
        self._failed += 1
        self._closed.wait_closed(wait_s(self._in_a_row, random.random()))
        self._in_a_row += 1


def _outages_of(run: Run | None) -> int:
    source = run.pipeline.source if run else None
    return source.returns + (source.outage is not None) if isinstance(source, ReturningSource) else 0
