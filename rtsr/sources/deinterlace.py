"""Frames of two fields become frames of one moment, by libavfilter's `bwdif`: one for one, each at its own time.

bwdif (a Yadif with the BBC's w3f filter) rebuilds the rows of the later field from those around them and from the
frames before and after; the rows of the earlier field stay as they are, bit for bit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
from av.error import BlockingIOError as NotYetError
from av.filter import Graph

from rtsr.sources.interlace import FieldOrder
from rtsr.sources.times import Timed

REACH = 2
"""Frames before the wanted one that have to come too, or it is another picture."""


def deinterlaced(things: Iterable[Timed[av.VideoFrame]], order: FieldOrder) -> Iterator[Timed[av.VideoFrame]]:
    """Each picture without its later field, and every one of them: also the first and the last.

    Args:
        things: pictures of one size and format, in the order of showing.
        order: which field of all of them is the earlier one, whatever they say.
    """
    graph: Graph | None = None
    waiting: deque[Timed[av.VideoFrame]] = deque()
    number = 0
    for number, timed in enumerate(things):
        graph = graph or _graph(timed.thing, order)
        waiting.append(timed)
        picture = timed.thing
        picture.pts, picture.time_base = number, Fraction(1)  # bwdif counts with them, and any will do
        graph.vpush(picture)
        yield from _ready(graph, waiting)
    if graph is not None:
        graph.vpush(None)
        yield from _ready(graph, waiting)


def _ready(graph: Graph, waiting: deque[Timed[av.VideoFrame]]) -> Iterator[Timed[av.VideoFrame]]:
    while True:
        try:
            picture = graph.vpull()
        except (NotYetError, EOFError):
            return
        asked = waiting.popleft()
        picture.duration = asked.duration
        yield Timed(asked.pts, asked.duration, picture, asked.fault)


def _graph(picture: av.VideoFrame, order: FieldOrder) -> Graph:
    graph = Graph()
    graph.threads = 1  # beside a network and an encoder; 2 ms of a 1080i frame
    source = graph.add_buffer(width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1))
    bwdif = graph.add("bwdif", mode="send_frame", parity=order, deint="all")
    graph.link_nodes(source, bwdif, graph.add("buffersink"))
    graph.configure()
    return graph
