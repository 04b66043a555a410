"""What is muxed beside the upscaled video: the copied streams of a file, or a pattern's tone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream


@dataclass(slots=True)
class Added:
    """One stream beside the video, as it is to be found in the output; it grows while packets are muxed."""

    kind: str
    """`video`, `audio`, `subtitle`, `data`, `attachment` or `cover`."""
    codec: str
    """Canonical name; of an attachment its media type, of a data track its four letters."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """That the container holds, names in lower case."""
    dispositions: frozenset[str] = frozenset()
    source: int = 0
    """Index in the input."""
    packets: int = 0
    begin_s: Fraction | None = None
    last_s: Fraction | None = None
    """Times of the first and the last packet that were muxed, in the output."""
    last_dts: int | None = None
    """Of the last packet that was handed to the muxer, in its own unit; see `rtsr.sinks.putting`."""
    retimed: int = 0
    """Packets whose time went back, and that were put one tick after the one before."""
    damaged: int = 0
    """Packets that the muxer could not parse, and that were left out."""

    def count(self, time_s: Fraction) -> None:
        """One more packet, at this time of the output."""
        self.packets += 1
        self.begin_s = time_s if self.begin_s is None else min(self.begin_s, time_s)
        self.last_s = time_s if self.last_s is None else max(self.last_s, time_s)


@dataclass(frozen=True, slots=True)
class Promise:
    """What the output will hold beside the frames of its video."""

    added: tuple[Added, ...] = ()
    """In the order of the output, where the upscaled video comes first."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """Of the file."""
    video_tags: Mapping[str, str] = field(default_factory=dict)
    """Of the upscaled video, that the container holds, names in lower case."""
    video_dispositions: frozenset[str] = frozenset()
    chapters: tuple[tuple[Fraction, Fraction, str], ...] = ()
    """(begin, end, title) of each, seconds."""
    look: Mapping[str, str] = field(default_factory=dict)
    """What the upscaled video says of its pictures; see `rtsr.sinks.check.look_of`."""
    side_data: tuple[str, ...] = ()
    """What the container says of the upscaled video beside its codec, as FFmpeg words it."""


class Companion(Protocol):
    """Adds streams to an output and fills them as the video goes on. Used from one thread."""

    @property
    def shift_s(self) -> Fraction:
        """What is taken from every time, in the video too."""

    @property
    def muxing(self) -> Mapping[str, str]:
        """Options of the container that the output is opened with."""

    def add_to(self, output: OutputContainer, video: VideoStream) -> None:
        """Before the header is written: add the streams that go beside `video`, and what describes it and the file."""

    def mux_until(self, output: OutputContainer, time_s: Fraction | None) -> None:
        """Mux everything that is shown or heard before `time_s`; all of it where `time_s` is None."""

    def complete(self, path: str) -> None:
        """After the file `path` was closed: put in what its muxer leaves out. Raises OSError."""

    @property
    def packets(self) -> tuple[int, ...]:
        """How many were muxed, for each added stream that has packets."""

    @property
    def promise(self) -> Promise:
        """What the output holds, complete once everything was muxed."""

    def close(self) -> None:
        """Let go of the input."""
