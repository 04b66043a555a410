"""From PyAV's types to ours: the tags of a stream, the planes of a picture."""

from __future__ import annotations

import itertools
import re
import struct
from fractions import Fraction
from typing import Any

import av
import av.logging
from av.bitstream import BitStreamFilterContext
from av.error import FFmpegError
from av.video.stream import VideoStream

from rtsr.color import Color, Range, Siting
from rtsr.errors import SourceError
from rtsr.frame import Frame, Plane, chroma_shape
from rtsr.planes import plane_view

SUPPORTED = ("yuv420p", "yuvj420p")


def planes_of(picture: av.VideoFrame) -> tuple[Plane, Plane, Plane]:
    """Views of the decoder's buffers; they keep the picture alive and are read-only by contract."""
    half_height, half_width = chroma_shape(picture.width, picture.height)
    y, u, v = picture.planes
    half = half_width, half_height
    return plane_view(y), plane_view(u, *half), plane_view(v, *half)


def color_of(path: str, stream: VideoStream) -> Color:
    """The colour tags of the video stream of `path` that has been opened."""
    context = stream.codec_context
    return Color(
        matrix=int(context.colorspace),
        transfer=int(context.color_trc),
        primaries=int(context.color_primaries),
        range=Range.FULL if context.pix_fmt == "yuvj420p" else Range(int(context.color_range)),
        siting=_siting_of(path, stream.index, stream.codec_context.name),
    )


def _siting_of(path: str, index: int, codec: str) -> Siting:
    """Where the bitstream says chroma lies, else where the codec's standard says it does.

    PyAV has no accessor for it; libavcodec's `trace_headers` filter spells out what the sequence headers hold. It
    reads the file once more, up to its third packet.
    """
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        with av.logging.Capture() as logs, av.open(path, metadata_errors="replace") as container:
            stream = container.streams[index]
            trace = BitStreamFilterContext("trace_headers", stream)
            for packet in itertools.islice(container.demux(stream), 3):
                trace.filter(packet)
    except (FFmpegError, ValueError):
        return _SITING_OF_CODEC.get(codec, Siting.UNSPECIFIED)  # the filter knows no such codec
    finally:
        av.logging.set_level(level)
    told = re.search(r"chroma_sample_(loc_type_top_field|position)\s+\S+ = (\d)", "".join(log[2] for log in logs))
    if told is None:
        return _SITING_OF_CODEC.get(codec, Siting.UNSPECIFIED)
    return (_SITING_OF_H26X if told.group(1).startswith("loc") else _SITING_OF_AV1)[int(told.group(2))]


_SITING_OF_CODEC = {
    **dict.fromkeys(("h264", "hevc", "vvc", "mpeg2video"), Siting.LEFT),
    **dict.fromkeys(("mjpeg", "mpeg1video"), Siting.CENTER),
}
_SITING_OF_H26X = (Siting.LEFT, Siting.CENTER, Siting.TOP_LEFT, Siting.TOP, Siting.BOTTOM_LEFT, Siting.BOTTOM)
"""By chroma_sample_loc_type, H.264 figure E-1 and H.265 figure E.1."""
_SITING_OF_AV1 = (Siting.UNSPECIFIED, Siting.LEFT, Siting.TOP_LEFT, Siting.UNSPECIFIED)
"""By chroma_sample_position, AV1 section 6.4.2."""


def display_matrix_of(picture: av.VideoFrame) -> tuple[int, ...] | None:
    """9 integers of ISO 14496-12's matrix, 16.16 and 2.30 fixed point; None where there is none."""
    side: Any = picture.side_data.get("DISPLAYMATRIX")
    return None if side is None else struct.unpack("=9i", bytes(side))


def refuse_unsupported(path: str, stream: VideoStream, picture: av.VideoFrame) -> None:
    """Say what this version does not upscale, before any work is done.

    Raises:
        SourceError: not progressive 8-bit 4:2:0.
    """
    name = picture.format.name
    if stream.metadata.get("alpha_mode") == "1":  # VP8 and VP9 in WebM: the decoder leaves it out without a word
        raise SourceError(
            f"{path} holds video with alpha, and this version upscales pictures without",
            mend=f"drop it first: ffmpeg -i {path} -map 0 -c copy -c:v libx264 -crf 12 -pix_fmt yuv420p opaque.mkv",
        )
    if name not in SUPPORTED:
        raise SourceError(
            f"{path} holds {_in_words(picture)} video ({name}), and this version upscales 8-bit 4:2:0",
            mend=f"convert first, which loses that: ffmpeg -i {path} -map 0 -c copy -c:v libx264 -crf 12 "
            "-pix_fmt yuv420p eight-bit.mkv",
        )
    if picture.interlaced_frame:
        raise SourceError(
            f"{path} is interlaced, and upscaling would set its combs in stone",
            mend=f"deinterlace first: ffmpeg -i {path} -map 0 -c copy -c:v libx264 -crf 12 -vf bwdif progressive.mkv",
        )


def _in_words(picture: av.VideoFrame) -> str:
    form = picture.format
    bits = max(component.bits for component in form.components)
    if form.is_rgb:
        return f"{bits}-bit RGB"
    if any(component.is_alpha for component in form.components):
        return f"{bits}-bit with alpha"
    if len(form.components) < 3:
        return f"{bits}-bit grey"
    across, down = form.chroma_width(8), form.chroma_height(8)
    sampling = {(8, 8): "4:4:4", (4, 8): "4:2:2", (4, 4): "4:2:0", (2, 8): "4:1:1"}.get((across, down), "subsampled")
    return f"{bits}-bit {sampling}"


def frame_from(  # noqa: PLR0913 - the fields of one Frame
    picture: av.VideoFrame, *, pts: int, time_base: Fraction, color: Color, captured_s: float, epoch: int = 0
) -> Frame:
    """Our value for a decoded picture; its planes are views of PyAV's."""
    y, u, v = planes_of(picture)
    duration = int(picture.duration or 0)
    return Frame(y, u, v, pts, time_base, color, duration, captured_s, epoch)
