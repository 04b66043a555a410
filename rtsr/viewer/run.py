"""One run for a viewer: source, model and the sink that shows, opened and not moving yet."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial

from rtsr.backoff import wait_s
from rtsr.compose import OpenSink, Settle, compose
from rtsr.config import Upscale, View
from rtsr.errors import SourceError
from rtsr.jobs.govern import Open, upscaling
from rtsr.mailbox import Mailbox
from rtsr.pipeline import Pipeline
from rtsr.sinks.beside import beside_of
from rtsr.sources.reading import Reading
from rtsr.sources.wishes import live_of
from rtsr.stages import Sink, Source, Upscaler
from rtsr.upscalers.governor import GovernedUpscaler
from rtsr.upscalers.swap import open_at_once
from rtsr.viewer.pace import Pacer
from rtsr.viewer.scene import Scene
from rtsr.viewer.sink import OnTimeUpscaler, ViewerSink
from rtsr.viewer.stats import Stats

_RATE_FPS = Fraction(30)
"""Of a source that does not tell its own."""


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


def pipeline_of(options: View, stats: Stats, ungoverned: Open = open_at_once, sources: int = 1) -> OpenPipeline:
    """The source and the network that `options` name; a governor watches `stats`, `ungoverned` opens without one.

    A network that is chosen holds the rate of as many such sources as there are.
    """
    reading = Reading(live=live_of(options), hwdec=options.hwdec)
    chosen, opening = upscaling(options, stats, ungoverned)
    upscale = chosen if isinstance(chosen, Upscale) or sources == 1 else _for_all(chosen, sources)
    return partial(compose, options.source, upscale, reading=reading, opening=opening, beside=beside_of(options))


def _for_all(settle: Settle, sources: int) -> Settle:
    """`sources` of one rate ask of a network what one source of that many times the rate does."""
    return lambda info: settle(replace(info, rate_fps=sources * (info.rate_fps or _RATE_FPS)))


def open_run(open_pipeline: OpenPipeline, scene: Scene) -> Run:
    """Open source and model; nothing moves yet."""
    pacers: list[Pacer] = []

    def is_shown() -> bool:
        return scene.shown

    def open_sink(opened: Source, _upscaler: Upscaler) -> Sink:
        pacer = Pacer("at_once" if opened.info.live else "pts")
        pacers.append(pacer)
        return ViewerSink(pacer, scene.stats, scene.prepare, scene.show, is_shown)

    pipeline = open_pipeline(open_sink)
    if isinstance(pipeline.upscaler, GovernedUpscaler):
        before, scene.stats.governor = scene.stats.governor, pipeline.upscaler
        pipeline.upscaler.turn(to_on=before is None or before.on)
    pipeline.upscaler = OnTimeUpscaler(pipeline.upscaler, pacers[0], scene.stats, is_shown)
    return Run(pipeline, pacers[0])


def _untold(_failure: SourceError, _tries: int) -> None:
    pass


def open_when_there(
    open_again: Callable[[], Run], halted: Mailbox[None], tell: Callable[[SourceError, int], None] = _untold
) -> Run:
    """What `open_again` opens, once its source is there. Raises its SourceError when `halted` closes before.

    Args:
        open_again: tries to open it.
        halted: nobody waits for it any more.
        tell: called at each failure, with how many there were before.
    """
    tries = 0
    while True:
        try:
            return open_again()
        except SourceError as error:
            tell(error, tries)
            if halted.wait_closed(wait_s(tries, random.random())):
                raise
            tries += 1
