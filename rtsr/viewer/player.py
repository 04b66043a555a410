"""Plays one source for the window: runs pipelines in a thread of their own, and takes the user's orders to them."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from PyQt6.QtCore import QObject, QThread, pyqtSignal

from rtsr.compose import OpenSink, compose
from rtsr.config import View
from rtsr.jobs.choose import settler
from rtsr.pipeline import Pipeline
from rtsr.stages import Sink, Source, Upscaler
from rtsr.viewer.pace import Pacer
from rtsr.viewer.scene import Scene
from rtsr.viewer.sink import OnTimeUpscaler, ViewerSink

_LAST_FRAME_S = Fraction(1, 24)
"""How far before the end a jump lands at most, where the rate is not known."""


@dataclass(frozen=True, slots=True)
class Run:
    """One pipeline and the clock that its last stage obeys."""

    pipeline: Pipeline
    pacer: Pacer

    def halt(self) -> None:
        """From any thread: end it; nothing more is shown."""
        self.pacer.close()
        self.pipeline.stop()


OpenPipeline = Callable[[OpenSink], Pipeline]
"""Opens what is shown, for a sink that shows it."""


def pipeline_of(options: View) -> OpenPipeline:
    """The source and the network that `options` name."""
    return partial(compose, options.source, settler(options, "view"))


def open_run(open_pipeline: OpenPipeline, scene: Scene) -> Run:
    """Open source and model; nothing moves yet."""
    pacers: list[Pacer] = []

    def open_sink(opened: Source, _upscaler: Upscaler) -> Sink:
        pacer = Pacer("at_once" if opened.info.live else "pts")
        pacers.append(pacer)
        return ViewerSink(pacer, scene.stats, scene.prepare, scene.show)

    pipeline = open_pipeline(open_sink)
    pipeline.upscaler = OnTimeUpscaler(pipeline.upscaler, pacers[0], scene.stats)
    return Run(pipeline, pacers[0])


class _Playback(QThread):
    """One run from its beginning, or from `from_s`, to its end."""

    def __init__(self, open_again: Callable[[], Run], scene: Scene, run: Run | None, from_s: Fraction | None) -> None:
        super().__init__()
        self._open, self._scene, self._from_s = open_again, scene, from_s
        self.opened = run
        self.error: BaseException | None = None
        self._halted = False

    def halt(self) -> None:
        """From the window's thread: end, whatever it is doing."""
        self._halted = True
        if self.opened is not None:
            self.opened.halt()

    def run(self) -> None:
        """Qt's: the thread."""
        try:
            run = self.opened or self._open()
            self.opened = run
            self._scene.stats.attach(run.pipeline)
            if self._from_s is not None:
                run.pacer.seek(float(self._from_s))
                run.pipeline.source.seek(self._from_s)
            if self._halted:
                run.halt()
            run.pipeline.run()
        except BaseException as error:  # noqa: BLE001 - carried to the window's thread, which raises it
            self.error = error


class Player(QObject):
    """What the window commands. `ended` comes when the source ended or failed."""

    ended = pyqtSignal()

    def __init__(self, options: View, scene: Scene, open_pipeline: OpenPipeline | None = None) -> None:
        super().__init__()
        self._scene = scene
        self._open = partial(open_run, open_pipeline or pipeline_of(options), scene)
        self._last = self._open()
        self._playback = self._new(self._last, None)
        self._started, self._closed = False, False
        self.error: BaseException | None = None
        self.info = self._run.pipeline.source.info
        scene.fit_to(self.info, self._run.pipeline.upscaler.badge)

    @property
    def _run(self) -> Run:
        return self._playback.opened or self._last

    @property
    def paused(self) -> bool:
        """Whether the picture stands because the user wanted it."""
        return self._run.pacer.paused

    @property
    def playing(self) -> bool:
        """Whether a run is under way, paused or not."""
        return self._playback.isRunning()

    @property
    def losses(self) -> tuple[str, ...]:
        """What the source promised and could not give, in words; complete at the end."""
        return self._run.pipeline.source.losses

    def start(self) -> None:
        """Let the first run go."""
        self._started = True
        self._playback.start()

    def toggle_pause(self) -> None:
        """Pause, go on, or play again from the beginning at the end."""
        self._scene.stats.interrupted()
        if not self.playing:
            self._restart(self.info.start_s)
        elif self.paused:
            self._run.pacer.resume()
        else:
            self._run.pacer.pause()

    def step(self) -> None:
        """Show the next frame and pause."""
        self._scene.stats.interrupted()
        self._run.pacer.step()

    def seek_by(self, seconds: int) -> Fraction | None:
        """Jump, and say to which media time; None where the source is live."""
        if self.info.live:
            return None
        self._scene.stats.interrupted()
        target = max(self.info.start_s, Fraction(self._run.pacer.position_s).limit_denominator(10**6) + seconds)
        if self.info.duration_s is not None:
            last = 1 / self.info.rate_fps if self.info.rate_fps else _LAST_FRAME_S
            target = max(self.info.start_s, min(target, self.info.start_s + self.info.duration_s - last))
        if self.playing:
            self._run.pacer.seek(float(target))
            self._run.pipeline.source.seek(target)
        else:
            self._restart(target)
        return target - self.info.start_s

    def close(self) -> None:
        """End the run and wait for its threads. Safe to call twice."""
        self._closed = True
        if not self._started:
            self._run.pipeline.close()
            return
        self._playback.halt()
        self._playback.wait()
        self.error = self.error or self._playback.error

    def _new(self, run: Run | None, from_s: Fraction | None) -> _Playback:
        playback = _Playback(self._open, self._scene, run, from_s)
        playback.finished.connect(self._on_finished)
        return playback

    def _restart(self, target: Fraction) -> None:
        self._playback.wait()
        self._last = self._run
        self._playback = self._new(None, target)
        self._playback.start()

    def _on_finished(self) -> None:
        if self._closed:
            return
        self.error = self._playback.error
        if self.error is None and self._run.pacer.sought:
            self._restart(Fraction(self._run.pacer.position_s))  # the jump came when the source had ended already
        else:
            self.ended.emit()
