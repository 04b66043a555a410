"""Options and a sink in, a pipeline out: the one place that knows every table."""

from collections.abc import Callable
from fractions import Fraction

from rtsr.config import Upscale
from rtsr.frame import StreamInfo
from rtsr.pipeline import Pipeline
from rtsr.sources import open_source
from rtsr.stages import Sink, Source, Upscaler
from rtsr.upscalers import open_upscaler

OpenSink = Callable[[Source, Upscaler], Sink]
Settle = Callable[[StreamInfo], Upscale]
"""Decides once the source is known."""


def compose(
    uri: str,
    upscale: Upscale | Settle,
    open_sink: OpenSink,
    *,
    start_s: Fraction | None = None,
    length_s: Fraction | None = None,
) -> Pipeline:
    """Open the three stages and put them in line. What is open already is closed when a later one fails.

    Args:
        uri: what `rtsr.sources.open_source` takes.
        upscale: model, scale and backend, or what decides them.
        open_sink: makes the sink for this source and upscaler.
        start_s: begin at this time of the source.
        length_s: end after this much of it.
    """
    source = open_source(uri, start_s=start_s, length_s=length_s)
    try:
        settled = upscale if isinstance(upscale, Upscale) else upscale(source.info)
        upscaler = open_upscaler(settled, source.info)
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
