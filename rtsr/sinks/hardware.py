"""Whether a hardware encoder runs here: a picture is really encoded, since a driver's word is not enough."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, cast

import av
import av.logging
from av.codec.codec import UnknownCodecError
from av.error import FFmpegError

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext

_SIDE_PX = 256
"""NVENC refuses less than about 145."""


@lru_cache(maxsize=32)
def refusal(codec: str, pix_fmt: str, size_wh: tuple[int, int] = (_SIDE_PX, _SIDE_PX)) -> str | None:
    """Why the encoder `codec` cannot encode pictures of `pix_fmt` and `size_wh` here; None where it did."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    try:
        with av.logging.Capture() as logs:
            try:
                _encode_one(codec, pix_fmt, size_wh)
            except (FFmpegError, UnknownCodecError, ValueError) as error:
                told = [" ".join(words.split()).rstrip(".") for _, _, words in logs if words.strip()]
                return told[0] if told else (getattr(error, "strerror", None) or str(error))
    finally:
        av.logging.set_level(level)
    return None


def _encode_one(codec: str, pix_fmt: str, size_wh: tuple[int, int]) -> None:
    context = cast("VideoCodecContext", av.CodecContext.create(codec, "w"))
    context.width, context.height = size_wh
    context.pix_fmt, context.time_base, context.framerate = pix_fmt, Fraction(1, 25), Fraction(25)
    picture = av.VideoFrame(*size_wh, pix_fmt)
    picture.pts, picture.time_base = 0, context.time_base
    packets = [*context.encode(picture), *context.encode(None)]
    if not packets:
        raise ValueError("it gave nothing back")
