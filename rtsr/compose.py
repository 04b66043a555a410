"""Options and a sink in, a pipeline out: the one place that knows every table."""

from collections.abc import Callable
from fractions import Fraction

from rtsr.config import Upscale
from rtsr.frame import StreamInfo
from rtsr.pipeline import Pipeline
from rtsr.sources import open_source
from rtsr.sources.reading import AS_IT_IS, Reading
from rtsr.stages import Sink, Source, Upscaler
from rtsr.upscalers import open_upscaler
from rtsr.upscalers.once import OnceUpscaler

OpenSink = Callable[[Source, Upscaler], Sink]
Settle = Callable[[StreamInfo], Upscale]
"""Decides once the source is known."""


def compose(  # noqa: PLR0913 - the part of the source, by name
    uri: str,
    upscale: Upscale | Settle,
    open_sink: OpenSink,
    *,
    start_s: Fraction | None = None,
    length_s: Fraction | None = None,
    begin_pts: int | None = None,
    end_pts: int | None = None,
    reading: Reading = AS_IT_IS,
) -> Pipeline:
    """Open the three stages and put them in line. What is open already is closed when a later one fails.

    Args:
        uri: what `rtsr.sources.open_source` takes.
        upscale: model, scale and backend, or what decides them.
        open_sink: makes the sink for this source and upscaler.
        start_s: begin at this time of the source.
        length_s: end after this much of it.
        begin_pts: of what is left, only frames whose pts is this or later.
        end_pts: and before this.
        reading: what is done otherwise than the source says.
    """
    part = {"start_s": start_s, "length_s": length_s}
    source = open_source(uri, **part, begin_pts=begin_pts, end_pts=end_pts, reading=reading)
    try:
        settled = upscale if isinstance(upscale, Upscale) else upscale(source.info)
        upscaler = open_upscaler(settled, source.info)
        if reading.fps is not None:
            upscaler = OnceUpscaler(upscaler)
    except BaseException:
        source.close()
        raise
    try:
        sink = open_sink(source, upscaler)
    except BaseException:
        source.close()
        upscaler.close()
        raise
    return Pipeline(source, upscaler, sink)
