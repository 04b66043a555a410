"""The video encoder of an output: its codec and settings, the tags of its stream, and the pictures it takes."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import av
from av.video.stream import VideoStream

from rtsr.device_planes import is_on_device
from rtsr.errors import UsageError
from rtsr.planes import FORMS, fill_picture
from rtsr.sinks.card_pictures import accel_of, carrier_of, picture_on_card
from rtsr.sinks.codecs import CODECS, Codec, carriers
from rtsr.sinks.hdr_params import hdr_params, spells_hdr
from rtsr.swscale import LayoutConverter

if TYPE_CHECKING:
    from av.container import OutputContainer

    from rtsr.color import Color
    from rtsr.frame import Frame, PixelLayout, StreamInfo
    from rtsr.planes import Planes

log = logging.getLogger(__name__)
_SETTINGS = {"libx264": ["cpu-independent=1"], "libx265": ["log-level=error"]}
"""Of the encoders' own libraries. x264's assembly else decides by the CPU, and a film goes on on another machine; it
costs nothing (docs/decisions/012-segments.md).
"""
_FORMS_OF_APPLE = ("mp4", "mov")


@dataclass(frozen=True, slots=True)
class Encoder:
    """How the video is encoded; None leaves it to the encoder. `rtsr.sinks.choice` makes one that fits its frames."""

    codec: str
    crf: float | None = None
    preset: str | None = None
    layout: PixelLayout | None = None
    """What it is given; None: what the frames are."""
    extra: tuple[tuple[str, str], ...] = ()
    """Further options by libavcodec's names; settings of the encoder's own library come after ours, and win."""
    gpu: int | None = None
    """CUDA's number of the GPU in whose memory its pictures lie; None: they lie in the machine's."""

    def options(self) -> dict[str, str]:
        """As libavcodec's options."""
        how = CODECS.get(self.codec, Codec())
        named = {how.quality: None if self.crf is None else f"{self.crf:g}", how.preset: self.preset}
        asked = {name: value for name, value in named.items() if name is not None and value is not None}
        return asked | dict(self.extra)


def add_video(container: OutputContainer, info: StreamInfo, encoder: Encoder) -> VideoStream:
    """A video stream in `container` for frames as `info` tells; the encoder opens with the header.

    Raises:
        UsageError: the container cannot hold the codec, it is no video encoder, or it does not take the layout.
        BackendError: this build of PyAV lacks the codec.
    """
    os.environ.setdefault("SVT_LOG", "1")  # noqa: TID251 - libsvtav1's one way not to write to stderr: errors only
    layout = encoder.layout or info.layout
    there: dict[str, Any] = {} if encoder.gpu is None else {"hwaccel": accel_of(encoder.gpu)}
    try:
        stream = container.add_stream(encoder.codec, rate=info.rate_fps or 25, options=_options(encoder, info), **there)
    except ValueError as error:
        raise UsageError(
            f"{container.format.name} cannot hold video of {encoder.codec}",
            mend="write to an .mkv file instead",
        ) from error
    if not isinstance(stream, VideoStream):
        raise UsageError(f"{encoder.codec} is no video encoder", mend="take -c:v libx264")
    carrier = carriers(encoder.codec).get(layout)
    if carrier is None:
        raise UsageError(f"{encoder.codec} does not take {layout} video", mend=f"add -pix_fmt, or take {_TAKES_ALL}")
    stream.width, stream.height = coded_wh((info.width, info.height), encoder.codec, layout)
    if (stream.width, stream.height) != (info.width, info.height):
        log.info(
            "%s takes whole blocks of %s: %dx%d is padded to %dx%d by repeating its last column or row",
            *(encoder.codec, layout, info.width, info.height, stream.width, stream.height),
        )
    stream.pix_fmt = carrier if encoder.gpu is None else carrier_of(layout)
    context = stream.codec_context
    context.time_base = info.time_base
    context.thread_type = "FRAME"  # libavcodec's default, slices, costs x264 a tenth of its speed
    context.flags |= av.codec.context.Flags.frame_duration  # else the last frame lasts as long as the one before
    context.colorspace, context.color_range = info.color.matrix, int(info.color.range)
    context.color_primaries, context.color_trc = info.color.primaries, info.color.transfer
    if context.codec.canonical_name == "hevc" and container.format.name in _FORMS_OF_APPLE:
        context.codec_tag = "hvc1"  # libavformat's default, hev1, is not played by Apple's programs
    if info.sar:
        context.sample_aspect_ratio = info.sar
    if info.display_matrix is not None:
        stream.set_display_matrix(info.display_matrix)
    stream.time_base = info.time_base
    return stream


_TAKES_ALL = "-c:v ffv1"


def _options(encoder: Encoder, info: StreamInfo) -> dict[str, str]:
    """All of libavcodec's options, with the library's own settings as one."""
    how = CODECS.get(encoder.codec, Codec())
    asked = encoder.options()
    options = dict(how.fixed) | asked | {"chroma_sample_location": info.color.siting.value}
    settings = list(_SETTINGS.get(encoder.codec, ()))
    if spells_hdr(encoder.codec, info.hdr):
        settings += hdr_params(encoder.codec, info.hdr)
    if how.params is not None and settings:
        options[how.params] = ":".join([*settings, *filter(None, [asked.get(how.params)])])
    return options


def picture_for(stream: VideoStream, frame: Frame, shift: int) -> av.VideoFrame:
    """`frame` as the encoder of `stream` takes it, `shift` units of its time base earlier."""
    if is_on_device(frame.y):
        picture = picture_on_card(frame)
    else:
        carrier = stream.pix_fmt or frame.layout.pix_fmt
        picture = av.VideoFrame(stream.width, stream.height, carrier)
        fill_picture(picture, _planes_in(frame, FORMS[carrier].layout))
    picture.pts, picture.time_base = frame.pts - shift, frame.time_base
    picture.duration = frame.duration
    return picture


def _planes_in(frame: Frame, layout: PixelLayout) -> Planes:
    if frame.layout == layout:
        return frame.y, frame.u, frame.v
    return _converter((frame.width, frame.height), frame.layout, layout, frame.color).converted(frame)


@lru_cache(maxsize=2)
def _converter(size_wh: tuple[int, int], source: PixelLayout, target: PixelLayout, color: Color) -> LayoutConverter:
    return LayoutConverter(size_wh, source, target, color)


def coded_wh(size_wh: tuple[int, int], codec: str, layout: PixelLayout) -> tuple[int, int]:
    """The size that `codec` asks for: some want no chroma sample to stand for less than the others."""
    if not CODECS.get(codec, Codec()).whole_blocks:
        return size_wh
    across, down = layout.block_wh
    return -(-size_wh[0] // across) * across, -(-size_wh[1] // down) * down
