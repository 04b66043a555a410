"""Reads a media file back without decoding: its streams, their packets, and what the container says of them."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Discard, Stream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from rtsr.demux import open_media
from rtsr.sinks.containers import context_of
from rtsr.sinks.fates import codec_of, kind_of, named
from rtsr.sinks.moov import Track, data_tracks
from rtsr.sinks.side_data import side_data_of
from rtsr.sinks.tags import stream_tags

_TIME_UNITS = Fraction(1, av.time_base)
_NEVER = 1 << 62
_EMPTY_TEXT = 2
"""Bytes of a packet of MP4's timed text that shows nothing."""
UNSAID = 2
"""Code point of ITU-T H.273."""


@dataclass(frozen=True, slots=True)
class Written:
    """One stream of a file, counted packet by packet."""

    kind: str
    """`video`, `audio`, `subtitle`, `data`, `attachment` or `cover`."""
    codec: str
    """Canonical name; of an attachment its media type, of a data track of MP4 and MOV its four letters."""
    packets: int
    """Of timed text those that show something."""
    time_base: Fraction
    pts: NDArray[np.int64]
    """(packets,) int64, in the order of showing, in `time_base`; of the first video only, else empty."""
    begin_s: Fraction | None = None
    last_s: Fraction | None = None
    """Times of the first and the last packet."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    dispositions: frozenset[str] = frozenset()
    made: bool = False
    """By the muxer: the text of chapters, a timecode."""
    look: Mapping[str, str] = field(default_factory=dict)
    """See `look_of`."""


@dataclass(frozen=True, slots=True)
class File:
    """A file read back."""

    streams: tuple[Written, ...]
    tags: Mapping[str, str]
    chapters: tuple[tuple[Fraction, Fraction, str], ...]
    """(begin, end, title) of each, seconds."""
    side_data: tuple[str, ...]
    """Of its first stream, in FFmpeg's words."""


def read_back(path: str) -> File:
    """Everything of `path` but its pictures and sound.

    Raises:
        OSError: it cannot be read, or holds no stream.
    """
    try:
        with open_media(path) as container:
            streams = _counted(container, data_tracks(path) if container.format.name.startswith("mov,") else {})
            chapters = tuple(
                (one["start"] * unit, one["end"] * unit, one["metadata"].get("title", ""))
                for one in container.chapters()
                for unit in [Fraction(one["time_base"] or _TIME_UNITS)]
            )
            return File(streams, dict(container.metadata), chapters, side_data_of(container, 0))
    except FFmpegError as error:  # some of them are ValueErrors
        raise OSError(error.errno, error.strerror) from error


def look_of(stream: VideoStream) -> dict[str, str]:
    """What a video stream says of its pictures, as far as it does: size, sample aspect, colour."""
    context = stream.codec_context
    shown = {"size": f"{context.width}x{context.height}"}
    aspect = Fraction(stream.sample_aspect_ratio or context.sample_aspect_ratio or 1)  # the container's goes first
    shown |= {"sample aspect": str(aspect)} if aspect != 1 else {}
    told = {"matrix": context.colorspace, "primaries": context.color_primaries, "transfer": context.color_trc}
    shown |= {name: str(int(code)) for name, code in told.items() if int(code) != UNSAID}
    shown |= {"range": str(int(context.color_range))} if int(context.color_range) else {}
    return shown


def _counted(container: InputContainer, tracks: Mapping[int, Track]) -> tuple[Written, ...]:
    streams = list(container.streams)
    counts = [0] * len(streams)
    begins, lasts = [_NEVER] * len(streams), [-_NEVER] * len(streams)
    least = [_EMPTY_TEXT if _codec_of(stream, tracks) == "mov_text" else -1 for stream in streams]
    first = next((stream.index for stream in streams if stream.type == "video"), -1)
    shown = array("q")
    for packet in container.demux():
        size, index, pts = packet.size, packet.stream_index, packet.pts
        if size <= least[index] or (size == 0 and pts is None):  # the last is how PyAV tells of the end
            continue
        counts[index] += 1
        if pts is None:
            continue
        begins[index] = min(begins[index], pts)
        lasts[index] = max(lasts[index], pts)
        if index == first and not packet.is_discard:
            shown.append(pts)
    pictures = np.frombuffer(shown, np.int64) if shown else np.empty(0, np.int64)
    pictures.sort()
    return tuple(
        Written(
            kind_of(stream),
            _codec_of(stream, tracks),
            counts[n],
            unit,
            pictures if n == first else pictures[:0],
            begins[n] * unit if begins[n] != _NEVER else None,
            lasts[n] * unit if begins[n] != _NEVER else None,
            {name.lower(): value for name, value in stream_tags(stream.metadata).items()},
            frozenset(named(stream.disposition)),
            stream.type == "data" and (stream.discard == Discard.all or "timecode" in stream.metadata),
            look_of(stream) if isinstance(stream, VideoStream) and context_of(stream) is not None else {},
        )
        for n, stream in enumerate(streams)
        for unit in [Fraction(stream.time_base or _TIME_UNITS)]
    )


def _codec_of(stream: Stream, tracks: Mapping[int, Track]) -> str:
    """As `codec_of`, and of a data track of MP4 and MOV its four letters."""
    codec, track = codec_of(stream), tracks.get(stream.id)
    return track.format.decode("latin-1") if codec == "unknown" and track is not None else codec
