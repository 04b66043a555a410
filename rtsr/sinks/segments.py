"""Encodes frames into segments: parts of one video that are each encoded for themselves and stitched at the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction

import av
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from rtsr.frame import Frame, StreamInfo
from rtsr.segment import Coded, Cut, Head, segment_bytes
from rtsr.sinks.encoder import Encoder, add_video, picture_for
from rtsr.sinks.failures import encoder_failed, encoder_refuses
from rtsr.sinks.priority import usual_priority

Store = Callable[[int, bytes], None]
"""Takes the number of a finished segment and its file."""


@dataclass(frozen=True, slots=True)
class Target:
    """What every segment of one file shares."""

    form: str
    """libavformat's name of the container in which it will be stitched."""
    info: StreamInfo
    encoder: Encoder
    shift: int = 0
    """Taken from every PTS."""


def versions() -> dict[str, str]:
    """Of what decodes and encodes: other ones may give other pictures."""
    return {"av": av.__version__, "libavcodec": ".".join(map(str, av.library_versions["libavcodec"]))}


class SegmentSink:
    """Frames of consecutive cuts into segments; see `Sink`.

    Args:
        target: how they are encoded.
        cuts: of the frames that will come, one after the other.
        store: keeps a finished segment.

    Raises:
        UsageError: container or encoder refuse what is asked.
    """

    def __init__(self, target: Target, cuts: Sequence[Cut], store: Store) -> None:
        self._target, self._cuts, self._store = target, list(cuts), store
        self._segment = _Segment(target)
        self._abandoned = False

    def abandon(self) -> None:
        """From any thread: what is unfinished is not kept, since its last frames will not come."""
        self._abandoned = True

    def write(self, frame: Frame) -> None:
        """See `Sink`."""
        while (end := self._cuts[0].end) is not None and frame.pts >= end:
            self._finish_first()
            self._segment = _Segment(self._target)
        self._segment.write(frame)

    def finish(self) -> None:
        """See `Sink`."""
        if self._abandoned:
            return
        self._finish_first()
        while self._cuts:  # the input ended early: what is missing, its source tells
            self._segment = _Segment(self._target)
            self._finish_first()

    def close(self) -> None:
        """See `Sink`."""
        self._segment.close()

    def _finish_first(self) -> None:
        self._store(self._cuts.pop(0).number, self._segment.finished())


class _Segment:
    """The encoder of one segment, and what it gave so far.

    It belongs to a container that nothing is written to: so it has the very settings of the one that is stitched.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._container = av.open(os.devnull, "w", format=target.form)
        self._stream: VideoStream = add_video(self._container, target.info, target.encoder)
        try:
            self._stream.codec_context.open(strict=False)
            usual_priority()
        except (FFmpegError, ValueError) as error:
            raise encoder_refuses(target.encoder, target.form, target.info, error) from error
        self._packets: list[Coded] = []
        self._durations: dict[int, int] = {}

    def write(self, frame: Frame) -> None:
        picture = picture_for(self._stream, frame, self._target.shift)
        self._durations[frame.pts - self._target.shift] = frame.duration
        self._take(picture)

    def finished(self) -> bytes:
        if self._durations:  # an encoder that saw no frame has nothing to flush, and some fail at it
            self._take(None)
        unit, context = self._target.info.time_base, self._stream.codec_context
        head = Head(
            len(self._packets),
            (unit.numerator, unit.denominator),
            context.codec.canonical_name,
            bytes(context.extradata or b""),
        )
        self.close()
        return segment_bytes(head, self._packets)

    def close(self) -> None:
        with suppress(FFmpegError, OSError, ValueError):  # nothing was written to it
            self._container.close()

    def _take(self, picture: av.VideoFrame | None) -> None:
        try:
            packets = self._stream.encode(picture)
        except (FFmpegError, ValueError) as error:
            name = self._stream.codec_context.name
            raise encoder_failed(name, len(self._packets) + len(self._durations), error) from error
        self._packets += [self._coded(packet) for packet in packets]

    def _coded(self, packet: Packet[VideoStream]) -> Coded:
        pts = round(Fraction(packet.pts or 0) * packet.time_base / self._target.info.time_base)
        duration = self._durations.pop(pts, 0)  # not every encoder hands it on
        return Coded(bytes(packet), pts, duration, packet.is_keyframe)
