"""Copies audio and subtitle packets, chapters and tags of the input beside the upscaled video, bit for bit.

Why a second demuxer: the video goes through threads and an encoder that holds frames back, so its source cannot
know when a packet of sound is due. Reading the file twice costs little, and the pipeline stays video only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from rtsr.errors import UsageError

_TIME_UNITS = Fraction(1, av.time_base)
_OF_THE_CONTAINER = {"major_brand", "minor_version", "compatible_brands", "encoder"}
"""Tags that describe the old file, not its content."""
_OF_THE_STREAM = ("DURATION", "ENCODER", "BPS", "NUMBER_OF_", "_STATISTICS_")
"""Beginnings of tags that describe the old packets."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to one stream of the input."""

    index: int
    kind: str
    codec: str
    language: str
    action: Literal["upscale", "copy", "drop"]
    why: str = ""

    def __str__(self) -> str:
        words = f"stream {self.index}: {self.kind} {self.codec} {self.language}".rstrip()
        return f"{words}: {self.action}{f' ({self.why})' if self.why else ''}"


def fates(path: str, output: str) -> list[Fate]:
    """The fate of every stream of the media file `path` when it is encoded to `output`.

    Raises:
        UsageError: the container that `output` names cannot hold a stream that would be copied, or is not known.
    """
    decided: list[Fate] = []
    with av.open(path, metadata_errors="replace") as container:
        for stream in container.streams:
            codec = stream.codec_context.name if stream.codec_context else "unknown"
            action, why = _action(stream, upscaled=any(fate.action == "upscale" for fate in decided))
            if action == "copy":
                _refuse_unless_held(output, stream, codec)
            decided.append(Fate(stream.index, stream.type, codec, stream.language or "", action, why))
    return decided


def _action(stream: Stream, *, upscaled: bool) -> tuple[Literal["upscale", "copy", "drop"], str]:
    """What happens to `stream` and why, when an earlier one is `upscaled` or none."""
    if stream.type in ("audio", "subtitle"):
        return "copy", ""
    if stream.type != "video":
        return "drop", f"{stream.type} streams are not kept yet"
    if stream.disposition & av.stream.Disposition.attached_pic:
        return "drop", "cover art is not kept yet"
    return ("drop", "only the first video stream is upscaled, others are not kept yet") if upscaled else ("upscale", "")


def _refuse_unless_held(output: str, stream: Stream, codec: str) -> None:
    form = _format_of(output)
    with av.open(os.devnull, "w", format=form) as container:
        if codec in container.supported_codecs:
            return
    better = ".mp4" if codec == "mov_text" else ".mkv"
    raise UsageError(
        f"{form} cannot hold stream {stream.index} of the input ({stream.type}, {codec}), and it would be lost",
        mend=f"write to {Path(output).with_suffix(better).name} instead",
    )


def open_output(path: str, time_base: Fraction) -> OutputContainer:
    """Open the media file `path` for writing, its container named by its extension.

    Args:
        path: where it goes.
        time_base: of the video: MP4 and MOV keep its times exact when their clocks tick as it does, else they take
            a multiple of it, and edit lists in milliseconds.

    Raises:
        UsageError: no container goes by that extension.
        OSError: the place cannot be written.
    """
    form = _format_of(path)
    units = str(time_base.denominator)
    clocks = {"video_track_timescale": units, "movie_timescale": units} if form in ("mp4", "mov") else {}
    Path(path).open("wb").close()  # libavformat would open it with the header only, and says less when it cannot
    # Sound that begins before the picture (an encoder's priming) keeps its negative time: Matroska would move all.
    return av.open(path, "w", format=form, options=clocks | {"avoid_negative_ts": "disabled"})


def _format_of(path: str) -> str:
    suffix = Path(path).suffix
    if suffix.lower() not in _FORMATS:
        raise UsageError(
            f"no container goes by the extension {suffix!r} of {path}" if suffix else f"{path} has no extension",
            mend=f"known are {' '.join(_FORMATS)}",
        )
    return _FORMATS[suffix.lower()]


_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}


class StreamCopy:
    """A `Companion` that copies from a media file; see `open_copy`."""

    def __init__(self, container: InputContainer, video: int, picked: list[int], window: Window) -> None:
        self._container, self._video, self._picked, self._window = container, video, picked, window
        self._outputs: dict[int, Stream] = {}
        self._packets = self._wanted_packets()
        self._held: Packet[Stream] | None = None
        self._copied = dict.fromkeys(picked, 0)

    @property
    def packets(self) -> tuple[int, ...]:
        """See `Companion`."""
        return tuple(self._copied.values())

    @property
    def shift_s(self) -> Fraction:
        """See `Companion`."""
        return self._window.shift_s

    def add_to(self, output: OutputContainer, video: VideoStream) -> None:
        """See `Companion`."""
        _describe(video, self._container.streams[self._video])
        for index in self._picked:
            template = self._container.streams[index]
            stream = output.add_stream_from_template(template)
            _describe(stream, template)
            self._outputs[index] = stream
        output.metadata.update(
            {k: v for k, v in self._container.metadata.items() if k.lower() not in _OF_THE_CONTAINER}
        )
        chapters = [self._window.moved_chapter(chapter) for chapter in self._container.chapters()]
        output.set_chapters([chapter for chapter in chapters if chapter is not None])

    def mux_until(self, output: OutputContainer, time_s: Fraction | None) -> None:
        """See `Companion`."""
        while (packet := self._next()) is not None:
            if time_s is not None and _time_of(packet) - self._window.shift_s > time_s:
                self._held = packet
                return
            index = packet.stream.index
            packet.stream = self._outputs[index]
            self._window.move(packet)
            output.mux_one(packet)
            self._copied[index] += 1

    def close(self) -> None:
        """See `Companion`."""
        self._container.close()

    def _next(self) -> Packet[Stream] | None:
        held, self._held = self._held, None
        return held if held is not None else next(self._packets, None)

    def _wanted_packets(self) -> Iterator[Packet[Stream]]:
        if not self._picked:
            return
        streams = [self._container.streams[index] for index in self._picked]
        if self._window.begin_s is not None:
            self._container.seek(int(self._window.begin_s / _TIME_UNITS))
        packets = self._container.demux(streams)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, FFmpegError):  # the source accounts for damage: it reads the same file
                return
            at_the_end = packet.size == 0 and packet.pts is None
            if not at_the_end and self._window.holds(_time_of(packet)):
                yield packet


@dataclass(frozen=True, slots=True)
class Window:
    """The part of the input that is encoded, in the input's own time."""

    begin_s: Fraction | None = None
    """None: from the beginning, times stay what they are; else this time becomes 0."""
    end_s: Fraction | None = None

    @property
    def shift_s(self) -> Fraction:
        """What is taken from every time."""
        return self.begin_s or Fraction(0)

    def holds(self, time_s: Fraction) -> bool:
        """Whether something at `time_s` is kept."""
        return (self.begin_s is None or time_s >= self.begin_s) and (self.end_s is None or time_s < self.end_s)

    def move(self, packet: Packet[Stream]) -> None:
        """Take `shift_s` from the times of a packet."""
        shift = round(self.shift_s / packet.time_base)
        if packet.pts is not None:
            packet.pts -= shift
        if packet.dts is not None:
            packet.dts -= shift

    def moved_chapter(self, chapter: av.container.Chapter) -> av.container.Chapter | None:
        """The chapter as it lies in the output; None where none of it does."""
        unit = chapter["time_base"] or _TIME_UNITS
        start, end = chapter["start"] * unit, chapter["end"] * unit
        if self.end_s is not None:
            end = min(end, self.end_s)
        if self.begin_s is not None:
            start = max(start, self.begin_s)
        if end <= start:
            return None
        return {
            **chapter,
            "start": round((start - self.shift_s) / unit),
            "end": round((end - self.shift_s) / unit),
        }


def _describe(stream: Stream, template: Stream) -> None:
    """Give `stream` the disposition of `template`, and its tags that stay true when the packets change."""
    tags = {key: value for key, value in template.metadata.items() if not key.upper().startswith(_OF_THE_STREAM)}
    stream.metadata.update(tags)
    stream.disposition = template.disposition


def open_copy(path: str, decided: Sequence[Fate], *, start_s: Fraction | None, length_s: Fraction | None) -> StreamCopy:
    """Copy the streams of `path` that `decided` says, of the asked part of it."""
    container = av.open(path, metadata_errors="replace")
    begin = (container.start_time or 0) * _TIME_UNITS
    end = None if length_s is None else begin + (start_s or 0) + length_s
    video = next(fate.index for fate in decided if fate.action == "upscale")
    picked = [fate.index for fate in decided if fate.action == "copy"]
    return StreamCopy(container, video, picked, Window(None if start_s is None else begin + start_s, end))


def _time_of(packet: Packet[Stream]) -> Fraction:
    stamp = packet.pts if packet.pts is not None else packet.dts or 0
    return stamp * Fraction(packet.time_base)
