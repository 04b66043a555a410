"""What each container that is written holds: text, pictures beside the film, files, dispositions.

Found out by writing each with libavformat 62 and reading it back (tests/unit/test_containers.py does it again).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from rtsr.errors import UsageError

if TYPE_CHECKING:
    from av.codec.context import CodecContext

NO_FLAGS = Disposition(0)
_MKV = Disposition.default | Disposition.dub | Disposition.original | Disposition.comment | Disposition.forced
_IMPAIRED = Disposition.hearing_impaired | Disposition.visual_impaired
_TEXT_KINDS = Disposition.captions | Disposition.descriptions
MOVIE_CLOCK = "movie_timescale"
"""Option of MP4 and MOV: ticks in a second of their edit lists, which say when a track begins."""
_MOST_TICKS = 1 << 31
_FRAGMENTS = ("frag", "empty_moov", "dash", "cmaf", "isml", "separate_moof")
"""Parts of the names of movflags under which the file has no whole index that could be completed."""


@dataclass(frozen=True, slots=True)
class Holds:
    """What goes into one container, beside the codecs that libavformat itself knows of."""

    text: tuple[str, ...]
    """Codecs of text subtitles; the first is what others are converted to."""
    cover: Literal["stream", "attachment", "box", ""]
    """How cover art is written: a picture of its own, an attached file, a box of our own (`rtsr.sinks.moov`)."""
    dispositions: Disposition
    text_dispositions: Disposition = NO_FLAGS
    """Of subtitles in addition."""
    attachments: bool = False
    boxes: bool = False
    """It is made of ISO 14496-12 boxes: what libavformat leaves out is completed by `rtsr.sinks.moov`."""


HOLDS: dict[str, Holds] = {
    "mp4": Holds(
        ("mov_text",),
        "stream",
        Disposition.default | Disposition.dub | Disposition.comment | Disposition.forced | _IMPAIRED | _TEXT_KINDS,
        boxes=True,
    ),
    "mov": Holds(("mov_text",), "box", Disposition.default, boxes=True),
    "matroska": Holds(
        ("subrip", "ass", "webvtt", "text"),
        "attachment",
        _MKV | _IMPAIRED,
        Disposition.descriptions,
        attachments=True,
    ),
    "webm": Holds(("webvtt",), "", Disposition.default | Disposition.forced, _TEXT_KINDS | Disposition.metadata),
    "nut": Holds(("text",), "", Disposition.default),  # through a pipe only
}
"""By libavformat's name."""
_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}


def format_of(path: str) -> str:
    """libavformat's name of the container that the extension of `path` names. Raises UsageError where none is."""
    suffix = Path(path).suffix
    if suffix.lower() not in _FORMATS:
        raise UsageError(
            f"no container goes by the extension {suffix!r} of {path}" if suffix else f"{path} has no extension",
            mend=f"known are {' '.join(_FORMATS)}",
        )
    return _FORMATS[suffix.lower()]


def context_of(stream: Stream) -> CodecContext | None:
    """Its decoder; None where there is none, which PyAV's types do not tell."""
    return cast("CodecContext | None", stream.codec_context)


def refusal(form: str, stream: Stream) -> str | None:
    """Why `form` does not take the packets of `stream` as they are, in words; None where it does. Nothing is kept."""
    if context_of(stream) is None and stream.type not in ("data", "attachment"):
        return "its codec is not known here"
    try:
        with av.open(os.devnull, "w", format=form) as container:
            container.add_stream_from_template(stream)
            container.start_encoding()
    except FFmpegError as error:
        return f"it says: {(error.strerror or str(error)).lower()}"
    except ValueError:
        return f"{form} knows no such codec"
    return None


def shape_of(stream: VideoStream) -> Fraction:
    """Width over height of its samples; 1 where it does not say."""
    return Fraction(stream.sample_aspect_ratio or 1)


def kept_tag(form: str, source: InputContainer, stream: Stream) -> str | None:
    """The four letters that name the codec in `source`, where both are MP4 or MOV and `form` takes them.

    libavformat would choose its own: `hev1` for HEVC that was `hvc1`, which Apple's players do not play.
    """
    context = context_of(stream)
    if context is None or not HOLDS[form].boxes or not source.format.name.startswith("mov,"):
        return None
    tag = context.codec_tag
    try:
        with av.open(os.devnull, "w", format=form) as container:
            container.add_stream_from_template(stream).codec_tag = tag
            container.start_encoding()
    except (FFmpegError, ValueError):
        return None
    return tag


def open_output(path: str, time_base: Fraction, wanted: Mapping[str, str] | None = None) -> OutputContainer:
    """Open the media file `path` for writing, its container named by its extension.

    Args:
        path: where it goes.
        time_base: of the video: MP4 and MOV keep its times exact when their clocks tick as it does, else they take
            a multiple of it, and edit lists in milliseconds.
        wanted: options of the container; see `muxer_options`.

    Raises:
        UsageError: no container goes by that extension.
        OSError: the place cannot be written.
    """
    form = format_of(path)
    asked = dict(wanted or {})
    units = time_base.denominator
    movie = lcm(units, int(asked.pop(MOVIE_CLOCK, "1")))
    movie = movie if movie < _MOST_TICKS else units
    clocks = {"video_track_timescale": str(units), MOVIE_CLOCK: str(movie)} if HOLDS[form].boxes else {}
    Path(path).open("wb").close()  # libavformat would open it with the header only, and says less when it cannot
    # Sound that begins before the picture (an encoder's priming) keeps its negative time: Matroska would move all.
    options = clocks | {"avoid_negative_ts": "disabled"} | asked
    return av.open(path, "w", format=form, container_options=options, metadata_errors="replace")


def muxer_options(form: str, movflags: str | None) -> dict[str, str]:
    """The options of the container for ffmpeg's `-movflags`.

    Raises:
        UsageError: it has no such flags, or does not know one of them.
    """
    if movflags is None:
        return {}
    if not HOLDS[form].boxes:
        raise UsageError(f"-movflags is of MP4 and MOV, and {form} has no such flags", mend="leave it out")
    try:
        with av.open(os.devnull, "w", format=form, container_options={"movflags": movflags}) as container:
            stream = container.add_mux_stream("mjpeg", width=2, height=2)
            stream.time_base = Fraction(1, 25)
            container.start_encoding()
    except (FFmpegError, ValueError) as error:
        raise UsageError(
            f"{form} does not know -movflags {movflags}", mend="ffmpeg's names are taken: faststart, frag_keyframe, ..."
        ) from error
    return {"movflags": movflags}


def is_fragmented(movflags: str | None) -> bool:
    """Whether `-movflags` asks for a file without a whole index."""
    return any(word in (movflags or "") for word in _FRAGMENTS)
