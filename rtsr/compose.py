"""Options and a sink in, a pipeline out: the one place that knows every table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

from rtsr.config import Upscale
from rtsr.errors import BackendError, ResourceError
from rtsr.frame import StreamInfo
from rtsr.pipeline import Pipeline
from rtsr.sinks import upscaled_info
from rtsr.sources import open_source
from rtsr.sources.reading import AS_IT_IS, Accelerable, Reading
from rtsr.stages import SideSink, Sink, Source, Upscaler
from rtsr.upscalers import open_upscaler
from rtsr.upscalers.once import OnceUpscaler
from rtsr.upscalers.swap import SwappingUpscaler

if TYPE_CHECKING:
    from rtsr.sinks.encoder import Encoder

log = logging.getLogger(__name__)
OpenSink = Callable[[Source, Upscaler], Sink]
Settle = Callable[[StreamInfo], Upscale]
"""Decides once the source is known."""
OpenUpscaler = Callable[[Upscale, StreamInfo], Upscaler]
"""As `rtsr.upscalers.open_upscaler`."""
EncoderFor = Callable[[StreamInfo], "Encoder"]
"""The encoder for frames as told."""
OpenBeside = Callable[[StreamInfo], "Sequence[SideSink]"]
"""What takes frames as told beside the sink."""


def _nothing(_info: StreamInfo) -> Sequence[SideSink]:
    return ()


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
    encoder: EncoderFor | None = None,
    opening: OpenUpscaler = open_upscaler,
    beside: OpenBeside = _nothing,
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
        opening: opens the upscaler.
        beside: opens what takes the upscaled frames beside the sink.
        encoder: what the sink encodes with, where that may take pictures from a GPU's memory: `rtsr.sinks.on_card`.
    """
    part = {"start_s": start_s, "length_s": length_s}
    source = open_source(uri, **part, begin_pts=begin_pts, end_pts=end_pts, reading=reading)
    try:
        settled = upscale if isinstance(upscale, Upscale) else upscale(source.info)
        upscaler = opening(settled, source.info)
        if reading.fps is not None:
            upscaler = OnceUpscaler(upscaler)
    except BaseException:
        source.close()
        raise
    try:
        if reading.hwdec != "no":
            from rtsr.sources.hwdec import accelerate

            gpu = upscaler.awaited_gpu if isinstance(upscaler, SwappingUpscaler) else upscaler.badge.gpu
            accelerate(source, reading.hwdec, gpu)
            if encoder is not None and upscaler.badge.gpu is not None:
                upscaler = _staying(source, upscaler, settled, encoder)
        sides = beside(upscaled_info(source.info, upscaler))
    except BaseException:
        source.close()
        upscaler.close()
        raise
    try:
        return Pipeline(source, upscaler, open_sink(source, upscaler), sides)
    except BaseException:
        source.close()
        upscaler.close()
        for side in sides:
            side.close()
        raise


def _staying(source: Source, upscaler: Upscaler, options: Upscale, encoder: EncoderFor) -> Upscaler:
    """In place of `upscaler` one whose pictures stay on the GPU, where source, network and encoder all allow it.

    The one place that lets `rtsr.device_planes` flow: audit, crop, deinterlacer, viewer and whatever else reads samples
    never meet them.
    """
    from rtsr.sinks import on_card as encoding
    from rtsr.upscalers import on_card

    info, badge = source.info, upscaler.badge
    larger = upscaled_info(info, upscaler)
    chosen = encoder(larger)
    if not isinstance(source, Accelerable) or badge.gpu is None:
        return upscaler
    why = on_card.hindrance(info, badge) or encoding.hindrance(chosen, larger)
    staying: on_card.OnCardUpscaler | None = None
    try:
        if why is None:
            staying = on_card.open_on_card(options, info, badge)
            why = encoding.trial(chosen, larger, staying.blank(), badge.gpu) or source.stay(badge.gpu)
    except (BackendError, ResourceError) as error:
        why = error.problem
    if staying is None or why is not None:
        log.info("pictures do not stay on the GPU: %s", why)
        if staying is not None:
            staying.close()
        return upscaler
    log.info("pictures stay on the GPU from decoder to encoder")
    upscaler.close()
    return staying
