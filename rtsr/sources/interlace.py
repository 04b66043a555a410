"""Whether pictures are made of two fields of different moments: by looking at them, since flags lie both ways.

A sample of frames, spread over the file, goes through libavfilter's `idet`, which compares each field with its
neighbours in time and in space. Its single-frame verdicts are counted: those over several frames drag one doubtful
verdict along. What its pictures do not tell, because nothing moves, the flags do.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
from av.error import BlockingIOError as NotYetError
from av.error import FFmpegError
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.stream import VideoStream

from rtsr.sources.entry import packets_from
from rtsr.sources.opening import open_container, video_of

FieldOrder = Literal["progressive", "tff", "bff"]
_PLACES, _FRAMES = 4, 8
"""Where a file is looked at, evenly spread, and how many frames there."""
_TALLEST = 1152
"""Rows: nothing that is taller was ever interlaced."""
_HDR = (16, 18)
"""Transfer characteristics PQ and HLG (ITU-T H.273): ITU-R BT.2100 knows progressive pictures only."""
_FLAGGED, _NOT_FLAGGED = Fraction(1, 10), Fraction(1, 3)
"""Interlaced is a file with more combed frames, of those that tell, than this."""
_TELLING = 4
"""Fewer frames that tell are no evidence against the flags."""
_ORDERS: dict[int, FieldOrder] = {2: "tff", 4: "tff", 3: "bff", 5: "bff"}
"""By AVFieldOrder: as coded, and as shown, of the top or bottom field."""


@dataclass(frozen=True, slots=True)
class Fields:
    """What was found."""

    order: FieldOrder
    """Which field of a frame is earlier."""
    combed: int
    """Frames of the sample whose fields are of different moments."""
    whole: int
    """Frames of the sample that are of one moment; others do not move, and tell nothing."""
    said: FieldOrder
    """What the stream or its frames call themselves."""

    @property
    def earlier(self) -> FieldOrder:
        """Which field would be the earlier one: as seen, else as said, else the top one."""
        seen = self.order if self.order != "progressive" else self.said
        return seen if seen != "progressive" else "tff"

    def __str__(self) -> str:
        if self.order == "progressive":
            return f"progressive, {self.whole} of {self.whole + self.combed} sampled frames that move are whole"
        first = "top" if self.order == "tff" else "bottom"
        seen = f"{self.combed} of {self.whole + self.combed} sampled frames that move are combed"
        return f"interlaced, {first} field first ({seen if self.combed + self.whole else 'it says so, nothing moves'})"


def look_at(path: str, number: int | None = None) -> Fields:
    """Sample one video stream of `path`; asked again of the same file, the answer is remembered.

    Raises:
        SourceError: it is no video file.
    """
    try:
        state = Path(path).stat()
    except OSError:
        return _look_at(path, number, 0, 0)  # opening it says what is wrong
    return _look_at(path, number, state.st_size, state.st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _look_at(path: str, number: int | None, _size: int, _mtime_ns: int) -> Fields:
    counts: dict[FieldOrder, int] = {"tff": 0, "bff": 0, "progressive": 0}
    with open_container(path) as container:
        stream = video_of(path, container, number)
        stream.thread_type = "AUTO"
        field_order: int = getattr(stream.codec_context, "field_order", 0)  # PyAV has it since 18
        said = _ORDERS.get(field_order, "progressive")
        if stream.height <= _TALLEST and stream.codec_context.color_trc not in _HDR:
            for pictures in _sampled(container, stream):
                if said == "progressive" and any(picture.interlaced_frame for picture in pictures):
                    said = "tff"  # which of them no picture tells
                for kind, number in _verdicts(pictures).items():
                    counts[kind] += number
    combed, whole = counts["tff"] + counts["bff"], counts["progressive"]
    order: FieldOrder = "progressive"
    if combed + whole < _TELLING:
        order = said
    elif combed > (_NOT_FLAGGED if said == "progressive" else _FLAGGED) * (combed + whole):
        order = "tff" if counts["tff"] >= counts["bff"] else "bff"
    return Fields(order, combed, whole, said)


def _sampled(container: av.container.InputContainer, stream: VideoStream) -> Iterator[list[av.VideoFrame]]:
    """Some frames in a row, from some places."""
    begin = stream.start_time or 0
    time_base = Fraction(stream.time_base or Fraction(1, av.time_base))
    lasts_s = Fraction(container.duration or 0, av.time_base)
    for place in range(_PLACES):
        at = begin + int(lasts_s * Fraction(place, _PLACES) / time_base)
        try:
            packets = packets_from(container, stream, at) if place else container.demux()
            if packets is None:
                continue
            own = (packet for packet in packets if packet.stream.index == stream.index)
            decoded = itertools.chain.from_iterable(stream.decode(packet) for packet in own)
            yield list(itertools.islice(decoded, _FRAMES))
        except FFmpegError:  # damage is told by whoever reads it all
            continue
        if not lasts_s:
            return


def _verdicts(pictures: Sequence[av.VideoFrame]) -> dict[FieldOrder, int]:
    """How many of `pictures`, which follow each other, idet takes for what; not the first and the last, which it
    compares with themselves.

    Why a filter for each kind: what a frame's metadata says is not told by every PyAV.
    """
    kinds: tuple[FieldOrder, ...] = ("tff", "bff", "progressive")
    counts = dict.fromkeys(kinds, 0)
    if len(pictures) < 3:
        return counts
    graph, sinks = _detector(pictures, kinds)
    for picture in pictures:
        graph.vpush(picture)
    graph.vpush(None)
    for kind, sink in zip(kinds, sinks, strict=True):
        while True:
            try:
                sink.pull()
            except (NotYetError, EOFError):
                break
            counts[kind] += 1
    return counts


def _detector(pictures: Sequence[av.VideoFrame], kinds: tuple[FieldOrder, ...]) -> tuple[Graph, list[FilterContext]]:
    graph, picture = Graph(), pictures[0]
    source = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(picture.time_base or 1)
    )
    inner = graph.add("trim", start_frame="1", end_frame=str(len(pictures) - 1))
    split = graph.add("split", str(len(kinds)))
    graph.link_nodes(source, graph.add("idet"), inner, split)
    sinks = []
    for number, kind in enumerate(kinds):
        only = graph.add("metadata", mode="select", key="lavfi.idet.single.current_frame", value=kind)
        sink = graph.add("buffersink")
        split.link_to(only, number)
        only.link_to(sink)
        sinks.append(sink)
    graph.configure()
    return graph, sinks
