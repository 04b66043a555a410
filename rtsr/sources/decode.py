"""From PyAV's types to ours: the colour tags of a stream, the frame of a picture, and what is refused."""

from __future__ import annotations

import itertools
import re
from fractions import Fraction

import av
import av.logging
from av.bitstream import BitStreamFilterContext
from av.error import FFmpegError
from av.video.stream import VideoStream

from rtsr import y4m
from rtsr.color import Color, Range, Siting
from rtsr.demux import open_media
from rtsr.device_planes import IN_MEMORY_OF_GPU, device_planes_of, form_of
from rtsr.errors import SourceError
from rtsr.frame import Frame
from rtsr.planes import FORMS, planes_of

_FULL_BY_NAME = frozenset(name for name in FORMS if name.startswith("yuvj"))


def color_of(path: str | None, stream: VideoStream) -> Color:
    """The colour tags of the video stream of `path` that has been opened; None: of a pipe, not to be read again."""
    context = stream.codec_context
    return Color(
        matrix=int(context.colorspace),
        transfer=int(context.color_trc),
        primaries=int(context.color_primaries),
        range=Range.FULL if context.pix_fmt in _FULL_BY_NAME else Range(int(context.color_range)),
        siting=_SITING_OF_CODEC.get(context.name, Siting.UNSPECIFIED)
        if path is None
        else _siting_of(path, stream.index, context.name),
    )


def _siting_of(path: str, index: int, codec: str) -> Siting:
    """Where the bitstream says chroma lies, else where the codec's standard says it does.

    PyAV has no accessor for it. Of a y4m file its first line tells.
    """
    if codec == "rawvideo" and (header := y4m.header_of_file(path)) is not None:
        return header.siting
    told = re.search(r"chroma_sample_(loc_type_top_field|position)\s+\S+ = (\d)", headers_of(path, index))
    if told is None:
        return _SITING_OF_CODEC.get(codec, Siting.UNSPECIFIED)
    return (_SITING_OF_H26X if told.group(1).startswith("loc") else _SITING_OF_AV1)[int(told.group(2))]


def headers_of(path: str, index: int) -> str:
    """What the sequence headers of stream `index` hold, line for line; empty where that is not known of its codec.

    libavcodec's `trace_headers` filter spells it out. It reads the file once more, up to its third packet.
    """
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        with av.logging.Capture() as logs, open_media(path) as container:
            stream = container.streams[index]
            trace = BitStreamFilterContext("trace_headers", stream)
            for packet in itertools.islice(container.demux(stream), 3):
                trace.filter(packet)
    except (FFmpegError, ValueError):
        return ""  # the filter knows no such codec
    finally:
        av.logging.set_level(level)
    return "".join(words for _, _, words in logs)


_SITING_OF_CODEC = {
    **dict.fromkeys(("h264", "hevc", "vvc", "mpeg2video"), Siting.LEFT),
    **dict.fromkeys(("mjpeg", "mpeg1video"), Siting.CENTER),
}
_SITING_OF_H26X = (Siting.LEFT, Siting.CENTER, Siting.TOP_LEFT, Siting.TOP, Siting.BOTTOM_LEFT, Siting.BOTTOM)
"""By chroma_sample_loc_type, H.264 figure E-1 and H.265 figure E.1."""
_SITING_OF_AV1 = (Siting.UNSPECIFIED, Siting.LEFT, Siting.TOP_LEFT, Siting.UNSPECIFIED)
"""By chroma_sample_position, AV1 section 6.4.2."""


def refuse_unsupported(path: str, stream: VideoStream, picture: av.VideoFrame) -> None:
    """Say what this version does not upscale, before any work is done.

    Raises:
        SourceError: not YCbCr without alpha.
    """
    name = picture.format.name
    if stream.metadata.get("alpha_mode") == "1":  # VP8 and VP9 in WebM: the decoder leaves it out without a word
        raise SourceError(
            f"{path} holds video with alpha, and this version upscales pictures without",
            mend=f"drop it first: ffmpeg -i {path} -map 0 -c copy -c:v libx264 -crf 12 -pix_fmt yuv420p opaque.mkv",
        )
    if name not in FORMS:
        raise SourceError(
            f"{path} holds {_in_words(picture)} video ({name}), and this version upscales YCbCr without alpha",
            mend=f"convert first: ffmpeg -i {path} -map 0 -c copy -c:v ffv1 -pix_fmt {_nearest(picture)} ycbcr.mkv",
        )


def _in_words(picture: av.VideoFrame) -> str:
    form = picture.format
    bits = max(component.bits for component in form.components)
    if form.is_rgb:
        return f"{bits}-bit RGB"
    if any(component.is_alpha for component in form.components):
        return f"{bits}-bit with alpha"
    return f"{bits}-bit {'grey' if len(form.components) < 3 else 'YCbCr'}"


def _nearest(picture: av.VideoFrame) -> str:
    """The supported format that holds most of a picture: RGB needs two more bits to come back unchanged."""
    form = picture.format
    if form.is_rgb:
        return "yuv444p10le" if max(component.bits for component in form.components) <= 8 else "yuv444p16le"
    bits = max(component.bits for component in form.components)
    if len(form.components) < 3:
        return "yuv420p" if bits == 8 else f"yuv420p{bits}le"
    named = form.name.replace("yuva", "yuv")
    return named if named in FORMS else "yuv444p"


def frame_from(  # noqa: PLR0913 - the fields of one Frame
    picture: av.VideoFrame, *, pts: int, time_base: Fraction, color: Color, captured_s: float, epoch: int = 0
) -> Frame:
    """Our value for a decoded picture; its planes are views of PyAV's, wherever those lie."""
    y, u, v = device_planes_of(picture) if picture.format.name == IN_MEMORY_OF_GPU else planes_of(picture)
    duration = int(picture.duration or 0)
    layout = FORMS[form_of(picture)].layout
    return Frame(y, u, v, pts, time_base, color, duration, captured_s, epoch, layout=layout)
