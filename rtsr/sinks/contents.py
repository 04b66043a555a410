"""What a media file holds, as far as its container and headers tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import AttachmentStream, Stream
from av.video.stream import VideoStream

from rtsr.sinks.check import look_of
from rtsr.sinks.containers import context_of
from rtsr.sinks.fates import codec_of, kind_of, named
from rtsr.sinks.moov import data_tracks
from rtsr.sinks.side_data import side_data_of

_TIME_UNITS = Fraction(1, av.time_base)


@dataclass(frozen=True, slots=True)
class StreamContents:
    """One stream."""

    index: int
    kind: str
    """`video`, `audio`, `subtitle`, `data`, `attachment` or `cover`."""
    codec: str
    language: str
    dispositions: tuple[str, ...]
    detail: Mapping[str, str]
    """Size, rate, channels, times: what there is to say of its kind."""
    tags: Mapping[str, str]
    side_data: tuple[str, ...]

    def __str__(self) -> str:
        words = f"stream {self.index}: {self.kind} {self.codec} {self.language}".rstrip()
        flags = f" [{', '.join(self.dispositions)}]" if self.dispositions else ""
        detail = ", ".join(f"{name} {value}" for name, value in self.detail.items())
        return f"{words}{flags}{f': {detail}' if detail else ''}"


@dataclass(frozen=True, slots=True)
class Contents:
    """One file."""

    path: str
    form: str
    duration_s: Fraction | None
    bytes: int
    streams: tuple[StreamContents, ...]
    chapters: tuple[tuple[Fraction, Fraction, str], ...]
    """(begin, end, title), seconds."""
    tags: Mapping[str, str]


def contents_of(path: str, container: InputContainer) -> Contents:
    """What the opened `container` of `path` holds."""
    tracks = data_tracks(path) if container.format.name.startswith("mov,") else {}
    streams = []
    for stream in container.streams:
        codec = codec_of(stream)
        if codec == "unknown" and stream.id in tracks:
            codec = tracks[stream.id].format.decode("latin-1")
        flags = tuple(named(stream.disposition))
        side_data = side_data_of(container, stream.index)
        tags = {name: value for name, value in stream.metadata.items() if name != "language"}
        language = stream.language or ""
        streams.append(
            StreamContents(stream.index, kind_of(stream), codec, language, flags, _detail(stream), tags, side_data)
        )
    chapters = tuple(
        (one["start"] * unit, one["end"] * unit, one["metadata"].get("title", ""))
        for one in container.chapters()
        for unit in [Fraction(one["time_base"] or _TIME_UNITS)]
    )
    duration = None if container.duration is None else container.duration * _TIME_UNITS
    form = container.format.name
    return Contents(path, form, duration, container.size, tuple(streams), chapters, dict(container.metadata))


def _detail(stream: Stream) -> dict[str, str]:
    told: dict[str, str] = {}
    if context_of(stream) is None:
        return {"bytes": f"{len(stream.data):,}"} if isinstance(stream, AttachmentStream) else told
    if isinstance(stream, VideoStream):
        told |= look_of(stream) | {"pixels": stream.codec_context.pix_fmt or "unknown"}
        told |= {"rate": f"{float(stream.average_rate):.6g} fps"} if stream.average_rate else {}
    if isinstance(stream, AudioStream):
        told |= {"rate": f"{stream.rate} Hz", "channels": stream.layout.name}
    unit = Fraction(stream.time_base or _TIME_UNITS)
    told |= {"begins": f"{float(stream.start_time * unit):.3f} s"} if stream.start_time else {}
    told |= {"lasts": f"{float(stream.duration * unit):.3f} s"} if stream.duration else {}
    return told | ({"packets": str(stream.frames)} if stream.frames else {})
