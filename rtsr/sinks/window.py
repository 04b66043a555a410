"""The part of an input that is encoded, and what becomes of times in it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.packet import Packet
from av.stream import Stream

if TYPE_CHECKING:
    from av.container.core import Chapter

_TIME_UNITS = Fraction(1, av.time_base)


@dataclass(frozen=True, slots=True)
class Window:
    """In the input's own time."""

    begin_s: Fraction | None = None
    """None: from the beginning, times stay what they are; else this time becomes 0."""
    end_s: Fraction | None = None

    @property
    def shift_s(self) -> Fraction:
        """What is taken from every time."""
        return self.begin_s or Fraction(0)

    @staticmethod
    def time_of(packet: Packet[Stream]) -> Fraction:
        """When it is shown or heard, in seconds of the container that it is of."""
        stamp = packet.pts if packet.pts is not None else packet.dts or 0
        return stamp * Fraction(packet.time_base)

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

    def moved_chapter(self, chapter: Chapter) -> Chapter | None:
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
