"""One video stream of an opened file: its pictures, decoded, at times that increase; what it lacks is counted."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.packet import Packet
from av.video.stream import VideoStream

from rtsr.device_planes import form_of
from rtsr.errors import SourceError
from rtsr.frame import StreamInfo
from rtsr.planes import FORMS
from rtsr.sources.entry import packets_from
from rtsr.sources.hwdec import CardDecoder, CardError
from rtsr.sources.opening import in_words, open_container, video_of
from rtsr.sources.times import Fault, Timed, in_order

log = logging.getLogger(__name__)
Pictures = Iterator[Timed[av.VideoFrame]]
Packets = Iterator["Packet[Any]"]
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
        self._card: CardDecoder | None = None
        self._open()

    def accelerate(self, open_card: Callable[[VideoStream], CardDecoder]) -> None:
        """From the next packets on let a GPU decode; where it gives up, the CPU goes on. Raises CardError."""
        self._card = open_card(self._stream)

    @property
    def is_accelerated(self) -> bool:
        """Whether a GPU decodes."""
        return self._card is not None

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
        return self._timed(self._from_start(), self._from_start)

    def _from_start(self) -> Packets:
        if not self._fresh:  # not every format finds back to its first packet
            self._container.close()
            self._open()
        self._fresh = False
        return self._container.demux()

    def sought(self, time_s: Fraction) -> Pictures:
        """From a keyframe near and, where the container can, before `time_s`; the first ones may be damaged.

        Raises:
            SourceError: the container cannot be entered in the middle.
        """
        return self._timed(self._from_time(time_s), partial(self._from_time, time_s))

    def _from_time(self, time_s: Fraction) -> Packets:
        self._fresh = False
        try:
            self._container.seek(int(time_s / self._info.time_base), stream=self._stream)
        except FFmpegError as error:
            raise SourceError(
                f"{self._info.label} cannot be entered in the middle ({in_words(error)})",
                mend="begin at its beginning, or copy it to an .mkv file first: ffmpeg -i IN -c copy OUT.mkv",
            ) from error
        return self._container.demux()

    def entered(self, pts: int, expected: int | None = None) -> Pictures | None:
        """From `pts` on, the very pictures of a run from the beginning; None where that is not sure.

        Args:
            pts: in the time base of the stream.
            expected: the time of the first one, where it is known.
        """
        self._fresh = False
        again = partial(packets_from, self._container, self._stream, pts)
        packets = again()
        pictures = iter(()) if packets is None else self._timed(packets, again)
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

    def _timed(self, packets: Packets, again: Callable[[], Packets | None]) -> Pictures:
        """Pictures of `packets`, which `again` gives once more, from the first."""
        info = self._info
        pictures = self._decoded(packets) if self._card is None else self._by_card(self._card, packets, again)
        stamped = ((picture.pts, int(picture.duration or 0), picture) for picture in pictures)
        first, far = int(info.start_s / info.time_base), max(1, int(_JUMP_S / info.time_base))
        for timed in in_order(stamped, period=self.period, far=far, first=first):
            if timed.fault:
                self.faults.times[timed.fault] += 1
            yield timed

    def _by_card(
        self, card: CardDecoder, packets: Packets, again: Callable[[], Packets | None]
    ) -> Iterator[av.VideoFrame]:
        """The same by a GPU. What it cannot decode, the CPU does: from the first packet, since it needs them all."""
        card.restart()
        damaged, flagged, shown = self.faults.damaged, self.faults.flagged, 0
        try:
            for picture in self._decoded(packets, card.decode):
                shown += 1
                yield picture
            return
        except CardError as error:
            log.warning(
                "%s: the GPU gave up after %d pictures (%s); the CPU decodes it", self._info.label, shown, error
            )
        self._card = None
        self.faults.damaged, self.faults.flagged = damaged, flagged
        yield from itertools.islice(self._decoded(again() or iter(())), shown, None)

    def _decoded(
        self, packets: Packets, decode: Callable[[Packet[Any]], list[av.VideoFrame]] | None = None
    ) -> Iterator[av.VideoFrame]:
        """Pictures until the end or the first thing that cannot be read on from.

        Args:
            packets: of all streams: the longest one tells where the file really ends.
            decode: makes pictures of those of ours; the stream's own decoder if not given.
        """
        decode = decode or self._stream.decode  # like packet.decode(), and typed
        while True:
            try:
                packet = next(packets)
                if packet.pts is not None:
                    end = (packet.pts + (packet.duration or 0)) * packet.time_base
                    self._until_s = max(self._until_s, Fraction(end))
                if packet.stream.index != self._stream.index:  # an empty last packet has no index of its own
                    continue
                self.faults.damaged += packet.is_corrupt
                yield from self._checked(decode(packet))
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
            same_size, form = (picture.width, picture.height) == (info.width, info.height), FORMS.get(form_of(picture))
            if not same_size or form is None or form.layout != info.layout:
                raise SourceError(
                    f"{info.label} changes from {info.width}x{info.height} to {picture.width}x{picture.height} "
                    f"{picture.format.name} within the stream",
                    mend="cut it there, and upscale the parts one by one",
                )
            self.faults.flagged += picture.interlaced_frame
            yield picture
