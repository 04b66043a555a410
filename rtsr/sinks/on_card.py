"""Whether an encoder takes pictures from the GPU's memory: by what it is, and by trying."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import av
from av.error import FFmpegError

from rtsr.frame import Frame
from rtsr.sinks.card_pictures import accel_of, carrier_of, picture_on_card
from rtsr.sinks.codecs import HARDWARE
from rtsr.sinks.encoder import Encoder, coded_wh

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

    from rtsr.frame import StreamInfo
    from rtsr.planes import Planes
    from rtsr.stages import Badge

_TELLS_FORM = hasattr(av.VideoFrame, "sw_format")
"""PyAV 18: with it came encoders that take pictures from the GPU."""


def hindrance(encoder: Encoder, info: StreamInfo) -> str | None:
    """Why `encoder` cannot take frames as `info` tells from the GPU's memory, in words; None where it may."""
    if encoder.codec not in HARDWARE:
        return f"{encoder.codec} encodes on the CPU"
    if not _TELLS_FORM:
        return f"PyAV {av.__version__} cannot hand them on, 18 can"
    if encoder.layout not in (None, info.layout):
        return f"{info.layout} becomes {encoder.layout} on the CPU"
    size = info.width, info.height
    if coded_wh(size, encoder.codec, info.layout) != size or info.layout.block_wh != (2, 2):
        return f"{size[0]}x{size[1]} {info.layout} is padded on the CPU"
    return None


def trial(encoder: Encoder, info: StreamInfo, planes: Planes, ordinal: int) -> str | None:
    """Encode one picture of `planes`, whatever it shows; why that fails, in words; None where it does not."""
    try:
        context = cast("VideoCodecContext", av.CodecContext.create(encoder.codec, "w", hwaccel=accel_of(ordinal)))
        context.width, context.height, context.pix_fmt = info.width, info.height, carrier_of(info.layout)
        context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
        picture = picture_on_card(Frame(*planes, 0, Fraction(1, 25), layout=info.layout))
        picture.pts, picture.time_base = 0, Fraction(1, 25)
        packets = [*context.encode(picture), *context.encode(None)]
    except (FFmpegError, NotImplementedError, RuntimeError, ValueError) as error:
        return (getattr(error, "strerror", None) or str(error)).lower()
    return None if packets else f"{encoder.codec} gave nothing back"


def seated(encoder: Encoder, badge: Badge) -> Encoder:
    """`encoder`, taking its pictures from the GPU's memory where what `badge` tells of leaves them there."""
    return replace(encoder, gpu=badge.gpu) if badge.stays else encoder
