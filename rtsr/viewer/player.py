"""Plays one source for the window: runs pipelines in a thread of their own, and takes the user's orders to them."""

import logging
from collections.abc import Callable
from fractions import Fraction
from functools import partial

from PyQt6.QtCore import QObject, QThread, pyqtSignal

from rtsr.config import View
from rtsr.errors import RtsrError, SourceError
from rtsr.frame import StreamInfo
from rtsr.mailbox import Mailbox
from rtsr.sources.returning import ChangedSource, outage_of
from rtsr.viewer.run import OpenPipeline, Run, open_run, open_when_there, pipeline_of
from rtsr.viewer.scene import Scene

log = logging.getLogger(__name__)
_STALE_S = 1.0
"""A live picture older than this is said to be."""
_LAST_FRAME_S = Fraction(1, 24)
"""How far before the end a jump lands at most, where the rate is not known."""


class _Playback(QThread):
    """One run from its beginning, or from `from_s`, to its end."""

    def __init__(self, open_again: Callable[[], Run], scene: Scene, run: Run | None, from_s: Fraction | None) -> None:
        super().__init__()
        self._open, self._scene, self._from_s = open_again, scene, from_s
        self.opened = run
        self.error: BaseException | None = None
        self.waits = False
        """Where the source is not there, whether it is waited for."""
        self.failure = ""
        """Why it could not be opened yet, in words."""
        self._halted: Mailbox[None] = Mailbox(1)

    def halt(self) -> None:
        """From the window's thread: end, whatever it is doing."""
        self._halted.close()
        if self.opened is not None:
            self.opened.halt()

    def run(self) -> None:
        """Qt's: the thread."""
        try:
            run = self.opened or self._opened_anew()
            self.opened = run
            self._scene.stats.attach(run.pipeline)
            if self._from_s is not None:
                run.pacer.seek(float(self._from_s))
                run.pipeline.source.seek(self._from_s)
            if self._halted.wait_closed(0):
                run.halt()
            run.pipeline.run()
        except BaseException as error:  # noqa: BLE001 - carried to the window's thread, which raises it
            self.error = error

    def _opened_anew(self) -> Run:
        run = open_when_there(self._open, self._halted, self._tell) if self.waits else self._open()
        self.failure = ""
        self._scene.fit_to(run.pipeline.source.info, run.pipeline.upscaler.badge)
        return run

    def _tell(self, failure: SourceError, tries: int) -> None:
        self.failure = f"{failure.problem} · opened again as soon as it is there, try {tries + 2}"


def open_player(options: View, scene: Scene, open_pipeline: OpenPipeline | None = None) -> "Player":
    """A player of a source that is open already. Raises what opening it raises."""
    open_again = partial(open_run, open_pipeline or pipeline_of(options, scene.stats), scene)
    first = open_again()
    scene.fit_to(first.pipeline.source.info, first.pipeline.upscaler.badge)
    return Player(open_again, scene, first)


class Player(QObject):
    """What the window commands. `ended` comes when the source ended or failed.

    Args:
        open_again: opens source and model.
        scene: where they are shown.
        first: them, opened; None: `start` opens them, in a thread.
        waits: whether a source that is not there at first is waited for.
    """

    ended = pyqtSignal()

    def __init__(
        self, open_again: Callable[[], Run], scene: Scene, first: Run | None = None, *, waits: bool = False
    ) -> None:
        super().__init__()
        self._open, self._scene, self._waits = open_again, scene, waits
        self._last = first
        self._playback = self._new(first, None)
        self._playback.waits = waits
        self._started, self._closed = False, False
        self.error: BaseException | None = None

    @property
    def _run(self) -> Run | None:
        return self._playback.opened or self._last

    @property
    def info(self) -> StreamInfo | None:
        """What is known of the stream; None before it was opened."""
        return self._run.pipeline.source.info if self._run else None

    @property
    def failed(self) -> bool:
        """Whether there is nothing to show, for whatever reason, and no picture was ever."""
        return self._run is None and (self.error is not None or bool(self._playback.failure))

    @property
    def paused(self) -> bool:
        """Whether the picture stands because the user wanted it."""
        return self._run is not None and self._run.pacer.paused

    @property
    def playing(self) -> bool:
        """Whether a run is under way, paused or not."""
        return self._playback.isRunning()

    @property
    def losses(self) -> tuple[str, ...]:
        """What the source promised and could not give, in words; complete at the end."""
        return self._run.pipeline.source.losses if self._run else ()

    @property
    def trouble(self) -> str:
        """What a source does not give, in words; empty while it gives."""
        if self.error is not None:
            return str(self.error) if isinstance(self.error, RtsrError) else repr(self.error)
        run, age_s = self._run, self._scene.stats.unseen_s()
        if run is None:
            return self._playback.failure or "opening"
        if not run.pipeline.source.info.live or self.paused or age_s < _STALE_S:
            return ""
        outage = outage_of(run.pipeline.source)
        away = f" · {outage.reason} · opened again as soon as it is there, try {outage.tries + 1}" if outage else ""
        return f"STALE, {age_s:.0f} s old{away}"

    def start(self) -> None:
        """Let the first run go."""
        self._started = True
        self._playback.start()

    def toggle_pause(self) -> None:
        """Pause, go on, or play again from the beginning at the end."""
        self._scene.stats.interrupted()
        if not self.playing:
            self._restart(self.info.start_s if self.info else None)
        elif self._run is not None and self.paused:
            self._run.pacer.resume()
        elif self._run is not None:
            self._run.pacer.pause()

    def turn_governor(self) -> bool | None:
        """On where it was off, off where it was on; which one it is now, None where there is none."""
        governor = self._scene.stats.governor
        if governor is None:
            return None
        governor.turn(to_on=not governor.on)
        return governor.on

    def step(self) -> None:
        """Show the next frame and pause."""
        if self._run is not None:
            self._scene.stats.interrupted()
            self._run.pacer.step()

    def seek_by(self, seconds: int) -> Fraction | None:
        """Jump, and say to which media time; None where the source is live, or not open yet."""
        run = self._run
        if run is None or run.pipeline.source.info.live:
            return None
        info = run.pipeline.source.info
        self._scene.stats.interrupted()
        target = max(info.start_s, Fraction(run.pacer.position_s).limit_denominator(10**6) + seconds)
        if info.duration_s is not None:
            last = 1 / info.rate_fps if info.rate_fps else _LAST_FRAME_S
            target = max(info.start_s, min(target, info.start_s + info.duration_s - last))
        if self.playing:
            run.pacer.seek(float(target))
            run.pipeline.source.seek(target)
        else:
            self._restart(target)
        return target - info.start_s

    def halt(self) -> None:
        """End the run; `close` waits for its threads."""
        self._closed = True
        if self._started:
            self._playback.halt()

    def close(self) -> None:
        """End the run and wait for its threads. Safe to call twice."""
        self.halt()
        if self._started:
            self._playback.wait()
            self.error = self.error or self._playback.error
        elif self._run is not None:
            self._run.pipeline.close()

    def _new(self, run: Run | None, from_s: Fraction | None) -> _Playback:
        playback = _Playback(self._open, self._scene, run, from_s)
        playback.finished.connect(self._on_finished)
        return playback

    def _restart(self, target: Fraction | None) -> None:
        self._playback.wait()
        self._last = self._run
        self._playback = self._new(None, target)
        self._playback.waits = self._waits or (self.info is not None and self.info.live)
        self.error = None
        self._playback.start()

    def _on_finished(self) -> None:
        if self._closed:
            return
        self.error = self._playback.error
        if isinstance(self.error, ChangedSource):
            log.warning("%s", self.error.problem)
            self.error = None
            self._restart(None)
        elif self.error is None and self._run is not None and self._run.pacer.sought:
            self._restart(Fraction(self._run.pacer.position_s))  # the jump came when the source had ended already
        else:
            self.ended.emit()
