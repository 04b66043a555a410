"""Finished segments become one clean file: their packets as the encoder gave them, under one line of DTS."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import BinaryIO, cast

import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream
from numpy.typing import NDArray

from rtsr.errors import RtsrError
from rtsr.segment import CorruptSegment, read_head, read_packets, read_times
from rtsr.sinks.muxer import Muxer

Open = Callable[[int], BinaryIO]
"""Opens the file of a segment by its number."""


def stitch(muxer: Muxer, count: int, open_segment: Open) -> None:
    """Mux `count` segments in their order, and finish the file.

    Raises:
        DamagedSegment: one of them is not what was written; the file is not finished.
        RtsrError: one was made by an encoder with other parameter sets.
    """
    line = DecodingTimes.of([_times(number, open_segment) for number in range(count)])
    for number in range(count):
        muxer.mux(_packets(muxer, number, open_segment, line))
    muxer.pts.extend(int(pts) for pts in line.shown)
    muxer.finish()


class DamagedSegment(Exception):  # noqa: N818 - it is made again, nobody sees it
    """A segment's file is not what was written."""

    def __init__(self, number: int, problem: str) -> None:
        super().__init__(f"segment {number} is damaged: {problem}")
        self.number = number


class DecodingTimes:
    """DTS for the packets of all segments, as one encoder would have given them.

    Each encoder begins its DTS before its first PTS, which in the middle of a file would run back. The n-th packet to
    be decoded gets the n-th PTS in the order of showing, `delay` packets earlier: the least that any packet needs, so
    DTS rises, and is never above PTS (as x264 computes it for one pass).
    """

    def __init__(self, shown: NDArray[np.int64], delay: int) -> None:
        self.shown = shown
        """PTS of all packets in the order of showing."""
        ahead = shown[:delay] - (shown[delay] - shown[0]) if 0 < delay < len(shown) else _before(shown, delay)
        self._dts = iter(array("q", np.concatenate([ahead, shown])))

    @classmethod
    def of(cls, segments: Sequence[Sequence[int]]) -> DecodingTimes:
        """For segments that follow each other, each the PTS of its packets in the order of decoding."""
        delay = 0
        ordered = [np.empty(0, np.int64)]
        for times in segments:
            decoded = np.asarray(times, np.int64)
            ordered.append(np.sort(decoded))
            if len(decoded):
                late = np.arange(len(decoded)) - np.searchsorted(ordered[-1], decoded)
                delay = max(delay, int(late.max()))
        return cls(np.concatenate(ordered), delay)

    def next(self) -> int:
        """DTS of the next packet."""
        return int(next(self._dts))


def _before(shown: NDArray[np.int64], delay: int) -> NDArray[np.int64]:
    """`delay` times that rise to before the first, where there are no later ones to take the steps from."""
    return shown[:1].repeat(delay) - np.arange(delay, 0, -1)


def _times(number: int, open_segment: Open) -> list[int]:
    try:
        with open_segment(number) as file:
            return read_times(file)
    except CorruptSegment as error:
        raise DamagedSegment(number, str(error)) from error


def _packets(muxer: Muxer, number: int, open_segment: Open, line: DecodingTimes) -> Iterator[Packet[VideoStream]]:
    try:
        with open_segment(number) as file:
            head = read_head(file)
            if head.extradata != bytes(muxer.stream.codec_context.extradata or b""):
                raise RtsrError(
                    f"segment {number} was encoded with other parameter sets than the encoder has now",
                    mend="begin again with --restart",
                )
            unit = Fraction(*head.unit)
            for coded in read_packets(file):
                packet = cast("Packet[VideoStream]", Packet(coded.data))
                packet.stream, packet.time_base = muxer.stream, unit
                packet.pts, packet.dts, packet.duration = coded.pts, line.next(), coded.duration
                packet.is_keyframe = coded.key
                yield packet
    except CorruptSegment as error:
        raise DamagedSegment(number, str(error)) from error
