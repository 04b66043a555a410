"""When a frame is shown: the clock of a playing file, pause, step and seek, and which frames come too late.

Why Qt's condition and not a `Mailbox`: the wait has a deadline as well as an end.
"""

import time
from typing import Literal

from PyQt6.QtCore import QDeadlineTimer, QMutex, QMutexLocker, Qt, QWaitCondition

from rtsr.frame import Frame

LATE_S = 0.05
"""A frame later than this is not shown: the next one is nearer to the clock."""
_STARVED_S = 0.25
"""After so long without a picture a late one is shown all the same, and sets the clock: by the old one nothing can be
on time."""

Verdict = Literal["show", "late", "stale"]


class Pacer:
    """Holds each frame until its moment. The window's thread gives orders, the sink's and the model's ask.

    Args:
        pace: `pts`: frames wait for their presentation time; `at_once`: live, or as fast as they come.
    """

    def __init__(self, pace: Literal["pts", "at_once"]) -> None:
        self._pace = pace
        self._lock = QMutex()
        self._changed = QWaitCondition()
        self._closed = False
        self._held_s: float | None = None
        """Media time at which the clock stands while paused."""
        self._steps = 0
        self._epoch = 0
        self._anchor: tuple[float, float] | None = None
        """A moment of the monotonic clock and the media time that belongs to it; None: the next frame sets it."""
        self._shown_s = 0.0
        """Monotonic time of the last verdict `show`."""
        self._position_s = 0.0

    @property
    def paused(self) -> bool:
        """Whether the clock stands."""
        return self._held_s is not None

    @property
    def position_s(self) -> float:
        """Media time of the last frame shown, or of the seek that is under way."""
        return self._position_s

    @property
    def sought(self) -> bool:
        """Whether a run that has shown something was sent elsewhere and has shown nothing since."""
        return self._epoch > 0 and self._anchor is None and self._shown_s > 0

    def pause(self) -> None:
        """Let the clock stand: no frame is shown until `resume`, `step`, `seek` or `close`."""
        with QMutexLocker(self._lock):
            if self._held_s is None:
                self._held_s = self._media_now_s(self._position_s)

    def resume(self) -> None:
        """Let the clock go on from where it stood."""
        with QMutexLocker(self._lock):
            if self._held_s is not None:
                if self._anchor is not None:
                    self._anchor = (time.monotonic(), self._held_s)
                self._held_s = None
                self._steps = 0
                self._changed.wakeAll()

    def step(self) -> None:
        """Pause, and show the next frame."""
        self.pause()
        with QMutexLocker(self._lock):
            self._steps += 1
            self._changed.wakeAll()

    def seek(self, position_s: float) -> None:
        """From now on only frames of the next epoch count; the first of them is shown at once, even when paused."""
        with QMutexLocker(self._lock):
            self._epoch += 1
            self._anchor = None
            self._position_s = position_s
            self._changed.wakeAll()

    def close(self) -> None:
        """End every wait, now and later."""
        with QMutexLocker(self._lock):
            self._closed = True
            self._changed.wakeAll()

    def forecast(self, frame: Frame, cost_s: float, slack_s: float = LATE_S) -> Verdict:
        """From any thread: whether `frame` will be at most `slack_s` late after `cost_s` of work. Does not wait."""
        with QMutexLocker(self._lock):
            if self._closed or frame.epoch < self._epoch:
                return "stale"
            if self._pace == "at_once" or self._anchor is None:
                return "show"
            media_s = float(frame.time_s)
            late_s = self._media_now_s(media_s) - media_s + cost_s
            return "late" if late_s > slack_s and not self._starved(cost_s) else "show"

    def admit(self, frame: Frame) -> Verdict:
        """For the sink's thread: wait for the moment of `frame`, then say what to do with it."""
        media_s = float(frame.time_s)
        with QMutexLocker(self._lock):
            while True:
                if self._closed or frame.epoch < self._epoch:
                    return "stale"
                if self._anchor is None:
                    return self._show(media_s, resets_clock=True)
                if self._held_s is not None:
                    if self._steps:
                        self._steps -= 1
                        return self._show(media_s, resets_clock=True)
                    self._changed.wait(self._lock)
                    continue
                if self._pace == "at_once":
                    return self._show(media_s, resets_clock=True)
                late_s = self._media_now_s(media_s) - media_s
                if late_s >= 0:
                    break
                timer = QDeadlineTimer(Qt.TimerType.PreciseTimer)
                timer.setPreciseRemainingTime(int(-late_s), int(-late_s % 1 * 1e9), Qt.TimerType.PreciseTimer)
                self._changed.wait(self._lock, timer)
            if late_s <= LATE_S:
                return self._show(media_s, resets_clock=False)
            if not self._starved(0.0):
                return "late"
            return self._show(media_s, resets_clock=True)

    def _show(self, media_s: float, *, resets_clock: bool) -> Verdict:
        self._shown_s = time.monotonic()
        self._position_s = media_s
        if resets_clock:
            self._anchor = (self._shown_s, media_s)
            if self._held_s is not None:
                self._held_s = media_s
        return "show"

    def _media_now_s(self, unknown_s: float) -> float:
        if self._held_s is not None:
            return self._held_s
        if self._anchor is None:
            return unknown_s
        return self._anchor[1] + time.monotonic() - self._anchor[0]

    def _starved(self, cost_s: float) -> bool:
        return time.monotonic() - self._shown_s > _STARVED_S + cost_s
