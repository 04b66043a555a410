"""The video encoder of an output: its codec and settings, the tags of its stream, and the pictures it takes."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass

import av
from av.container import OutputContainer
from av.video.stream import VideoStream

from rtsr.color import Siting
from rtsr.errors import UsageError
from rtsr.frame import Frame, StreamInfo
from rtsr.planes import fill_plane

log = logging.getLogger(__name__)
_SITINGS_OF_AV1 = (Siting.UNSPECIFIED, Siting.LEFT, Siting.TOP_LEFT)
_QUIET = {"libx265": {"x265-params": "log-level=error"}}


@dataclass(frozen=True, slots=True)
class Encoder:
    """How the video is encoded; None leaves it to the encoder."""

    codec: str
    crf: float | None = None
    preset: str | None = None

    def options(self) -> dict[str, str]:
        """As libavcodec's options."""
        named = {"crf": None if self.crf is None else f"{self.crf:g}", "preset": self.preset}
        return {name: value for name, value in named.items() if value is not None}


def add_video(container: OutputContainer, info: StreamInfo, encoder: Encoder) -> VideoStream:
    """A video stream in `container` for frames as `info` tells; the encoder opens with the header.

    Raises:
        UsageError: the container cannot hold the codec, or it is no video encoder.
    """
    options = encoder.options() | _QUIET.get(encoder.codec, {}) | {"chroma_sample_location": info.color.siting.value}
    os.environ.setdefault("SVT_LOG", "1")  # noqa: TID251 - libsvtav1's one way not to write to stderr: errors only
    if encoder.codec == "libsvtav1" and info.color.siting not in _SITINGS_OF_AV1:
        log.warning("AV1 has no word for %s chroma siting: its tag is lost", info.color.siting.value)
    try:
        stream = container.add_stream(encoder.codec, rate=info.rate_fps or 25, options=options)
    except ValueError as error:
        raise UsageError(
            f"{container.format.name} cannot hold video of {encoder.codec}",
            mend="write to an .mkv file instead",
        ) from error
    if not isinstance(stream, VideoStream):
        raise UsageError(f"{encoder.codec} is no video encoder", mend="take -c:v libx264")
    stream.width, stream.height = even(info.width), even(info.height)
    if (stream.width, stream.height) != (info.width, info.height):
        log.info(
            "4:2:0 video has even sides: %dx%d is padded to %dx%d by repeating its last column or row",
            *(info.width, info.height, stream.width, stream.height),
        )
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.time_base = info.time_base
    context.thread_type = "FRAME"  # libavcodec's default, slices, costs x264 a tenth of its speed
    context.flags |= av.codec.context.Flags.frame_duration  # else the last frame lasts as long as the one before
    context.colorspace, context.color_range = info.color.matrix, int(info.color.range)
    context.color_primaries, context.color_trc = info.color.primaries, info.color.transfer
    if info.sar:
        context.sample_aspect_ratio = info.sar
    if info.display_matrix is not None:
        stream.set_display_matrix(info.display_matrix)
    stream.time_base = info.time_base
    return stream


def picture_for(stream: VideoStream, frame: Frame, shift: int) -> av.VideoFrame:
    """`frame` as the encoder of `stream` takes it, `shift` units of its time base earlier."""
    picture = av.VideoFrame(stream.width, stream.height, "yuv420p")
    for plane, pixels in zip(picture.planes, (frame.y, frame.u, frame.v), strict=True):
        fill_plane(plane, pixels)
    picture.pts, picture.time_base = frame.pts - shift, frame.time_base
    picture.duration = frame.duration
    return picture


def even(side: int) -> int:
    """The side that 4:2:0 codecs ask for."""
    return side + side % 2
