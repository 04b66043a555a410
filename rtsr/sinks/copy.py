"""Copies what goes along beside the upscaled video, packets bit for bit, and what describes it.

Why a second demuxer: the video goes through threads and an encoder that holds frames back, so its source cannot
know when a packet of sound is due. Reading the file twice costs little, and the pipeline stays video only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm
from typing import Protocol

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from rtsr.demux import open_media
from rtsr.sinks.adding import Adding
from rtsr.sinks.companion import Promise
from rtsr.sinks.containers import MOVIE_CLOCK, shape_of
from rtsr.sinks.containers import format_of as format_of
from rtsr.sinks.containers import open_output as open_output
from rtsr.sinks.ebml import PADDING
from rtsr.sinks.fates import Fate as Fate
from rtsr.sinks.fates import fates as fates
from rtsr.sinks.finishing import complete_file
from rtsr.sinks.putting import put
from rtsr.sinks.window import Window

_TIME_UNITS = Fraction(1, av.time_base)
_EMPTY_TEXT = 2
"""Bytes of a packet of MP4's timed text that shows nothing; muxers add and leave out such."""


@dataclass(frozen=True, slots=True)
class Also:
    """What goes into the output beside the streams of the input."""

    tags: Mapping[str, str]
    """Of the file. One that the input has too gets the input's value behind its own, after ` < `: nothing is lost."""
    muxing: Mapping[str, str]
    """Options of the container."""
    audio_bitrate_bps: int | None = None
    """Of audio that is encoded anew; None leaves it to the encoder."""


NOTHING_ELSE = Also({}, {})


class Route(Protocol):
    """How the packets of one stream become those of the output."""

    @property
    def stream(self) -> Stream:
        """Of the output."""

    def take(self, packet: Packet[Stream]) -> Iterator[Packet[Stream]]:
        """What `packet` of the input makes ready."""

    def rest(self) -> Iterator[Packet[Stream]]:
        """What is left when the input has ended."""


class StreamCopy:
    """A `Companion` that copies from a media file; see `open_copy`."""

    def __init__(self, container: InputContainer, decided: Sequence[Fate], window: Window, also: Also) -> None:
        self._container, self._window = container, window
        self._adding = Adding(container, decided, window, also.tags, also.audio_bitrate_bps)
        clocks = [Fraction(stream.time_base or 1).denominator for stream in container.streams.audio]
        shaped = any(shape_of(stream) != 1 for stream in container.streams.video)
        self.muxing: Mapping[str, str] = {
            MOVIE_CLOCK: str(lcm(*clocks)),  # sound that begins late does so at its very sample
            **(PADDING if shaped else {}),
            **also.muxing,
        }
        self._packets = self._wanted_packets()
        self._held: Packet[Stream] | None = None
        self._ended = False

    @property
    def packets(self) -> tuple[int, ...]:
        """See `Companion`."""
        return tuple(added.packets for added in self._adding.added if added.kind not in ("attachment", "cover"))

    @property
    def promise(self) -> Promise:
        """See `Companion`."""
        return self._adding.promise

    @property
    def shift_s(self) -> Fraction:
        """See `Companion`."""
        return self._window.shift_s

    def add_to(self, output: OutputContainer, video: VideoStream) -> None:
        """See `Companion`."""
        self._adding.add_to(output, video)

    def mux_until(self, output: OutputContainer, time_s: Fraction | None) -> None:
        """See `Companion`."""
        for first in self._adding.at_the_beginning():
            output.mux_one(first)
        while (packet := self._next()) is not None:
            if time_s is not None and self._window.time_of(packet) - self._window.shift_s > time_s:
                self._held = packet
                return
            index = packet.stream.index
            self._mux(output, index, self._adding.routes[index].take(packet))
        if not self._ended:
            self._ended = True
            for index, route in self._adding.routes.items():
                self._mux(output, index, route.rest())

    def complete(self, path: str) -> None:
        """See `Companion`."""
        complete_file(path, self._adding.form, self._adding.promise.tags, self._adding.left)

    def close(self) -> None:
        """See `Companion`."""
        self._container.close()

    def _mux(self, output: OutputContainer, index: int, packets: Iterator[Packet[Stream]]) -> None:
        added = self._adding.added_of[index]
        least = _EMPTY_TEXT if added.codec == "mov_text" else -1 if index in self._adding.straight else 0
        for packet in packets:
            counts = packet.size > least  # an encoder may end with an empty packet, which no muxer writes
            if put(output, packet, added) and counts:
                added.count(self._window.time_of(packet))

    def _next(self) -> Packet[Stream] | None:
        held, self._held = self._held, None
        return held if held is not None else next(self._packets, None)

    def _wanted_packets(self) -> Iterator[Packet[Stream]]:
        streams = [self._container.streams[index] for index in self._adding.routes]
        if not streams:
            return
        if self._window.begin_s is not None:
            self._container.seek(int(self._window.begin_s / _TIME_UNITS))
        packets = self._container.demux(streams)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, FFmpegError):  # the source accounts for damage: it reads the same file
                return
            at_the_end = packet.size == 0 and packet.pts is None
            if not at_the_end and self._window.holds(self._window.time_of(packet)):
                yield packet


def open_copy(
    path: str,
    decided: Sequence[Fate],
    *,
    start_s: Fraction | None,
    length_s: Fraction | None,
    also: Also = NOTHING_ELSE,
) -> StreamCopy:
    """Copy the streams of `path` that `decided` says, of the asked part of it, and add what `also` holds."""
    container = open_media(path)
    begin = (container.start_time or 0) * _TIME_UNITS
    end = None if length_s is None else begin + (start_s or 0) + length_s
    return StreamCopy(container, decided, Window(None if start_s is None else begin + start_s, end), also)
