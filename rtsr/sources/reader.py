"""One video stream of an opened file: its pictures, decoded, at times that increase; what it lacks is counted."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.packet import Packet

from rtsr.errors import SourceError
from rtsr.frame import StreamInfo
from rtsr.planes import FORMS, layout_of
from rtsr.sources.entry import packets_from
from rtsr.sources.opening import in_words, open_container, video_of
from rtsr.sources.times import Fault, Timed, in_order

Pictures = Iterator[Timed[av.VideoFrame]]
_TIME_UNITS = Fraction(1, av.time_base)
_JUMP_S = 1
"""Times that go back by so much, and for good, are those of another recording."""
_END_SLACK_S = Fraction(1, 4)
"""How far before its announced end a stream may stop without being called cut short: about an audio packet and a
few frames, since announced durations are rounded and of the longest stream."""


@dataclass(slots=True)
class Faults:
    """What was wrong with what has been read."""

    damaged: int = 0
    """Packets that could not be decoded."""
    flagged: int = 0
    """Frames that call themselves interlaced."""
    stopped: str = ""
    """Why reading ended before the end; empty where it did not."""

    times: Counter[Fault] = field(default_factory=Counter)
    """Frames whose own times were no use."""


class Reader:
    """The pictures of stream `number` of the file that `info` tells of: one iterator at a time, from one thread."""

    def __init__(self, info: StreamInfo, number: int | None) -> None:
        self._info, self._number = info, number
        self.faults = Faults()
        self.period = max(1, round(1 / ((info.rate_fps or 25) * info.time_base)))
        """How long a frame is usually shown, in the time base of the stream."""
        self._until_s = Fraction(0)
        self._open()

    def _open(self) -> None:
        self._container: InputContainer = open_container(self._info.label)
        self._stream = video_of(self._info.label, self._container, self._number)
        self._stream.thread_type = "AUTO"
        self._fresh = True

    @property
    def begin_s(self) -> Fraction:
        """When the file begins, with whichever stream."""
        return (self._container.start_time or 0) * _TIME_UNITS

    def close(self) -> None:
        """Let go of the file."""
        self._container.close()

    def all(self) -> Pictures:
        """From the beginning."""
        if not self._fresh:  # not every format finds back to its first packet
            self._container.close()
            self._open()
        return self._timed(self._container.demux())

    def sought(self, time_s: Fraction) -> Pictures:
        """From a keyframe near and, where the container can, before `time_s`; the first ones may be damaged.

        Raises:
            SourceError: the container cannot be entered in the middle.
        """
        self._fresh = False
        try:
            self._container.seek(int(time_s / self._info.time_base), stream=self._stream)
        except FFmpegError as error:
            raise SourceError(
                f"{self._info.label} cannot be entered in the middle ({in_words(error)})",
                mend="begin at its beginning, or copy it to an .mkv file first: ffmpeg -i IN -c copy OUT.mkv",
            ) from error
        return self._timed(self._container.demux())

    def entered(self, pts: int, expected: int | None = None) -> Pictures | None:
        """From `pts` on, the very pictures of a run from the beginning; None where that is not sure.

        Args:
            pts: in the time base of the stream.
            expected: the time of the first one, where it is known.
        """
        self._fresh = False
        packets = packets_from(self._container, self._stream, pts)
        pictures = iter(()) if packets is None else self._timed(packets)
        for decoded, timed in enumerate(pictures):
            if decoded == 0 and timed.pts > (pts if expected is None else expected):
                break  # the decoder left out what was asked for
            if timed.pts >= pts:
                if expected not in (None, timed.pts):
                    break
                return itertools.chain([timed], pictures)
        self.faults = Faults()
        return None

    def missing_end(self) -> str:
        """What the file announced and did not hold, in words; empty where it held all. Asked for at its end."""
        if self._container.duration is None:
            return ""
        promised_s = self._container.duration * _TIME_UNITS
        from_zero = "matroska" in self._container.format.name  # its Duration is where the last block ends
        read_s = self._until_s - (0 if from_zero else self.begin_s)
        if read_s >= promised_s - _END_SLACK_S:
            return ""
        return f"the file is cut short: it announces {float(promised_s):.2f} s and ends after {float(read_s):.2f} s"

    def _timed(self, packets: Iterator[Packet[Any]]) -> Pictures:
        info = self._info
        self._fresh = False
        stamped = ((picture.pts, int(picture.duration or 0), picture) for picture in self._decoded(packets))
        first, far = int(info.start_s / info.time_base), max(1, int(_JUMP_S / info.time_base))
        for timed in in_order(stamped, period=self.period, far=far, first=first):
            if timed.fault:
                self.faults.times[timed.fault] += 1
            yield timed

    def _decoded(self, packets: Iterator[Packet[Any]]) -> Iterator[av.VideoFrame]:
        """Pictures until the end or the first thing that cannot be read on from.

        Args:
            packets: of all streams: the longest one tells where the file really ends.
        """
        while True:
            try:
                packet = next(packets)
                if packet.pts is not None:
                    end = (packet.pts + (packet.duration or 0)) * packet.time_base
                    self._until_s = max(self._until_s, Fraction(end))
                if packet.stream.index != self._stream.index:  # an empty last packet has no index of its own
                    continue
                self.faults.damaged += packet.is_corrupt
                yield from self._checked(self._stream.decode(packet))  # like packet.decode(), and typed
            except StopIteration:
                return
            except InvalidDataError:
                self.faults.damaged += 1
            except FFmpegError as error:
                self.faults.stopped = in_words(error)
                return

    def _checked(self, pictures: Iterable[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        info = self._info
        for picture in pictures:
            same_size = (picture.width, picture.height) == (info.width, info.height)
            if not same_size or picture.format.name not in FORMS or layout_of(picture) != info.layout:
                raise SourceError(
                    f"{info.label} changes from {info.width}x{info.height} to {picture.width}x{picture.height} "
                    f"{picture.format.name} within the stream",
                    mend="cut it there, and upscale the parts one by one",
                )
            self.faults.flagged += picture.interlaced_frame
            yield picture
