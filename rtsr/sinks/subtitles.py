"""Text subtitles of one kind made another: decoded to ASS, as libavcodec does with all of them, and encoded from there.

SubRip, WebVTT and MP4's timed text have words for bold, italic and underline; fonts, colours and positions are lost. In
MP4 one line follows another, and what overlaps in time has to be cut into pieces that are shown together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.subtitles.codeccontext import SubtitleCodecContext
from av.subtitles.stream import SubtitleStream
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

_FIELDS = 8
"""Commas before the text in an ASS event: ReadOrder, Layer, Style, Name, three margins, Effect."""
_BREAK = b"\\N"


@dataclass(frozen=True, slots=True)
class Event:
    """A text from `begin` to `end`, in units of the input's time base."""

    begin: int
    end: int
    ass: bytes


class Converter:
    """One text subtitle stream, made another kind.

    Args:
        output: gets the new stream.
        template: the stream of the input.
        codec: of the output.
        shift_s: taken from every time.
    """

    def __init__(self, output: OutputContainer, template: SubtitleStream, codec: str, shift_s: Fraction) -> None:
        self._decoder = template.codec_context
        self._decoder.open(strict=False)
        self._unit = Fraction(template.time_base or Fraction(1, 1000))
        self._shift = round(shift_s / self._unit)
        added = output.add_stream(codec)
        if not isinstance(added, SubtitleStream):
            raise ValueError(f"{codec} is no encoder of subtitles")
        self.stream = added
        self._encoder: SubtitleCodecContext = self.stream.codec_context
        self._encoder.subtitle_header = self._decoder.subtitle_header
        self._encoder.time_base = self.stream.time_base = self._unit
        self._overlaps = None if codec != "mov_text" else Overlaps()

    def take(self, packet: Packet[Stream]) -> Iterator[Packet[Stream]]:
        """The packets that are ready when `packet` of the input has been read."""
        decoded = self._decoder.decode2(packet) if packet.size else None
        if decoded is None or packet.pts is None:
            return
        texts = [rect.ass for rect in decoded if isinstance(rect, AssSubtitle)]
        begin = packet.pts - self._shift
        for text in texts:
            event = Event(begin, begin + (packet.duration or 0), text)
            for ready in [event] if self._overlaps is None else self._overlaps.add(event):
                yield self._encoded(ready)

    def rest(self) -> Iterator[Packet[Stream]]:
        """What is left when the input has ended."""
        for event in () if self._overlaps is None else self._overlaps.rest():
            yield self._encoded(event)

    def _encoded(self, event: Event) -> Packet[Stream]:
        length = event.end - event.begin
        packet = self._encoder.encode_subtitle(SubtitleSet.create(event.ass, 0, length))
        packet.pts = packet.dts = event.begin
        packet.duration, packet.time_base, packet.is_keyframe = length, self._unit, True
        packet.stream = self.stream
        return packet


class Overlaps:
    """Cuts events that overlap into events that follow each other, each with all texts that are shown in its time."""

    def __init__(self) -> None:
        self._shown: list[Event] = []
        self._since = 0

    def add(self, event: Event) -> Iterator[Event]:
        """Take an event that does not begin before the one before; give what is known by now."""
        yield from self._until(event.begin)
        self._since = event.begin
        self._shown.append(event)

    def rest(self) -> Iterator[Event]:
        """What is still shown, to its end."""
        yield from self._until(math.inf)

    def _until(self, time: float) -> Iterator[Event]:
        while self._shown and self._since < time:
            end = min(min(event.end for event in self._shown), time)
            if end > self._since:
                yield Event(self._since, int(end), _joined([event.ass for event in self._shown]))
            self._since = int(end)
            self._shown = [event for event in self._shown if event.end > end]


def _joined(events: list[bytes]) -> bytes:
    """One ASS event with the texts of all, a line for each; the first one's style."""
    first, *others = events
    return _BREAK.join([first, *(event.split(b",", _FIELDS)[-1] for event in others)])
