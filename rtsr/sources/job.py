"""The finished segments of an encode that goes on or waits, so that its result can be watched before it is done.

There is no container yet, and so no demuxer: packets come from the segments' files with the times that they will have.
What only the container will tell (rotation, sample aspect, colour tags) is that of the encode's input.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from rtsr.errors import RtsrError, SourceError
from rtsr.frame import Frame, StreamInfo
from rtsr.planes import layout_of
from rtsr.segment import JOB_FILE, CorruptSegment, Head, read_head, read_packets, read_times, segment_name
from rtsr.sources.decode import frame_from
from rtsr.sources.file import open_file
from rtsr.sources.part import Part


def open_job(uri: str, part: Part) -> JobSource:
    """The segments that are finished now, up to the first that is not.

    Args:
        uri: the folder, `OUT.rtsr`.
        part: of what is finished; `end_pts` and `begin_pts` in the job's time base.

    Raises:
        SourceError: it is no such folder, or nothing is finished yet.
    """
    place = Path(uri)
    if not (place / JOB_FILE).is_file():
        raise SourceError(f"{uri} is not the folder of an unfinished encode", mend="rtsr jobs list shows them")
    segments: list[Path] = []
    while (path := place / segment_name(len(segments))).exists():
        segments.append(path)
    segments = [path for path in segments if _head(path).frames]
    if not segments:
        raise SourceError(
            f"in {uri} no segment is finished yet", mend="wait a little: rtsr jobs show tells how far it is"
        )
    return JobSource(uri, segments, part)


class JobSource:
    """See `open_job`."""

    def __init__(self, label: str, segments: list[Path], part: Part) -> None:
        self._segments, self._part = segments, part
        head = _head(segments[0])
        self._unit = Fraction(*head.unit)
        self._times = [sorted(_times(path)) for path in segments]
        self._epoch, self._from_s = 0, None if part.start_s is None else self._start_s + part.start_s
        self._until_s = None if part.length_s is None else (self._from_s or self._start_s) + part.length_s
        self._closed = False
        self._info = self._seen(label, head)

    @property
    def _start_s(self) -> Fraction:
        return self._times[0][0] * self._unit

    @property
    def info(self) -> StreamInfo:
        """See `Source`."""
        return self._info

    @property
    def losses(self) -> tuple[str, ...]:
        """See `Source`."""
        return ()

    def seek(self, time_s: Fraction) -> None:
        """See `Source`."""
        self._from_s = max(time_s, self._start_s)
        self._epoch += 1

    def frames(self) -> Iterator[Frame]:
        """See `Source`."""
        epoch = -1
        while epoch != self._epoch:
            epoch, from_s = self._epoch, self._from_s
            for frame in self._decoded(epoch, from_s):
                if self._closed:
                    return
                if self._epoch != epoch:
                    break
                if self._is_late(frame):
                    return
                if self._is_wanted(frame, from_s):
                    yield frame

    def close(self) -> None:
        """See `Source`."""
        self._closed = True

    def _is_wanted(self, frame: Frame, from_s: Fraction | None) -> bool:
        begin = self._part.begin_pts
        return (from_s is None or frame.time_s >= from_s) and (begin is None or frame.pts >= begin)

    def _is_late(self, frame: Frame) -> bool:
        end = self._part.end_pts
        return (end is not None and frame.pts >= end) or (self._until_s is not None and frame.time_s >= self._until_s)

    def _decoded(self, epoch: int, from_s: Fraction | None) -> Iterator[Frame]:
        for path, times in zip(self._segments, self._times, strict=True):
            if from_s is not None and times[-1] * self._unit < from_s:
                continue
            for picture, duration in _pictures(path):
                frame = frame_from(
                    picture,
                    pts=picture.pts or 0,
                    time_base=self._unit,
                    color=self._info.color,
                    captured_s=time.monotonic(),
                    epoch=epoch,
                )
                yield replace(frame, duration=duration)

    def _seen(self, label: str, head: Head) -> StreamInfo:
        picture, duration = next(_pictures(self._segments[0]))
        count = sum(map(len, self._times))
        length_s = (self._times[-1][-1] + duration) * self._unit - self._start_s
        info = StreamInfo(
            label=label,
            width=picture.width,
            height=picture.height,
            time_base=self._unit,
            rate_fps=count / length_s if length_s else None,
            frame_count=count,
            duration_s=length_s,
            start_s=self._start_s,
            lossy=not head.codec.startswith(("ffv1", "rawvideo")),
            layout=layout_of(picture),
        )
        try:
            path = json.loads((self._segments[0].parent / JOB_FILE).read_text(encoding="utf-8"))["source"]["path"]
            source = open_file(path)
            source.close()
        except (RtsrError, OSError, ValueError, KeyError):
            return info  # the input has gone: shown as stored
        came = source.info
        return replace(info, color=came.color, sar=came.sar, display_matrix=came.display_matrix)


def _pictures(path: Path) -> Iterator[tuple[av.VideoFrame, int]]:
    """Every picture of a segment with its duration."""
    head = _head(path)
    context = cast("VideoCodecContext", av.CodecContext.create(head.codec, "r"))
    context.extradata = head.extradata
    context.thread_type = "AUTO"
    durations: dict[int, int] = {}
    try:
        with path.open("rb") as file:
            for coded in read_packets(file):
                # Not Packet(bytes): a decoder's thread that frees it waits for the GIL, which whoever closes the
                # decoder holds while waiting for that thread.
                packet = cast("Packet[VideoStream]", Packet(len(coded.data)))
                packet.update(coded.data)
                packet.pts, packet.time_base = coded.pts, Fraction(*head.unit)
                durations[coded.pts] = coded.duration
                yield from ((one, durations.pop(one.pts or 0, 0)) for one in context.decode(packet))
        yield from ((one, durations.pop(one.pts or 0, 0)) for one in context.decode(None))
    except (OSError, CorruptSegment, FFmpegError) as error:
        raise SourceError(
            f"{path} cannot be read ({error})", mend="the encode makes it again when it goes on"
        ) from error


def _head(path: Path) -> Head:
    try:
        with path.open("rb") as file:
            return read_head(file)
    except (OSError, CorruptSegment) as error:
        raise SourceError(
            f"{path} cannot be read ({error})", mend="the encode makes it again when it goes on"
        ) from error


def _times(path: Path) -> list[int]:
    with path.open("rb") as file:
        return read_times(file)


def _unreadable(path: Path, error: Exception) -> SourceError:
    return SourceError(f"{path} cannot be read ({error})", mend="the encode makes it again when it goes on")
