"""A video file, every frame of it once, and an account of what it promised and did not hold."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from rtsr.frame import Frame, StreamInfo
from rtsr.sources.crop import cropped
from rtsr.sources.decode import frame_from
from rtsr.sources.deinterlace import REACH, deinterlaced
from rtsr.sources.hwdec import CardError, open_card, open_staying, refusal
from rtsr.sources.keyframes import packet_times
from rtsr.sources.part import ALL, Part
from rtsr.sources.probe import Probed, probe
from rtsr.sources.reader import Pictures, Reader
from rtsr.sources.reading import AS_IT_IS, Reading

log = logging.getLogger(__name__)


def open_file(path: str, part: Part = ALL, reading: Reading = AS_IT_IS) -> FileSource:
    """Open `path` and look at its first frame, and whether its pictures are combed.

    Args:
        path: a file that FFmpeg reads.
        part: the frames that will come; `info` knows of its `start_s` and `length_s` only.
        reading: which stream, and what is done about its fields; `fps` is not looked at.

    Raises:
        SourceError: it is missing, not a video, damaged at its beginning, or holds what is not upscaled.
        UsageError: nothing is left of it in that part.
    """
    probed = probe(path, part, reading)
    if probed.fields.order != "progressive":
        log.warning("%s is %s", path, probed.fields)
    return FileSource(Reader(probed.coded, reading.stream), probed, part, reading)


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """Give frames from `time_s` on (None: from where the asked part begins), marked with `epoch`."""

    epoch: int
    time_s: Fraction | None


class FileSource:
    """The frames of one opened file; see `open_file`."""

    def __init__(self, reader: Reader, probed: Probed, part: Part, reading: Reading) -> None:
        self._reader, self._info, self._part = reader, probed.info, part
        self._number, self._fields, self._crop = reading.stream, probed.fields, probed.crop
        self._deinterlace = probed.deinterlaced
        begin_s = reader.begin_s
        self._since_s = begin_s + part.start_s if part.start_s is not None else None
        self._until_s = begin_s + (part.start_s or 0) + part.length_s if part.length_s is not None else None
        self._request = self._served = _Request(0, None)
        self._ending: tuple[str, ...] = ()

    @property
    def info(self) -> StreamInfo:
        """See `Source`."""
        return self._info

    @property
    def losses(self) -> tuple[str, ...]:
        """See `Source`; while frames still come, what is known so far."""
        faults = self._reader.faults
        found = [f"{faults.damaged} damaged packets of the video could not be decoded"] if faults.damaged else []
        if faults.flagged and self._fields.said == "progressive" and not self._deinterlace:
            found.append(f"{faults.flagged} frames within it are flagged as interlaced, and may keep their combs")
        if faults.stopped:
            found.append(f"reading stopped: {faults.stopped}")
        return (*found, *self._ending)

    def seek(self, time_s: Fraction) -> None:
        """See `Source`: taken up by the thread that reads `frames`, before its next frame."""
        self._request = _Request(self._request.epoch + 1, max(time_s, self._info.start_s))

    def frames(self) -> Iterator[Frame]:
        """See `Source`."""
        while True:
            request = self._served = self._request
            for frame in self._asked(request):
                if self._request is not request:
                    break
                if self._is_early(frame):
                    continue
                if self._is_late(frame):
                    self._account(reached_end=False)
                    return
                yield frame
            else:
                self._account(reached_end=True)
                return

    def stay(self, ordinal: int) -> str | None:
        """See `rtsr.sources.reading.Accelerable`."""
        if not self._reader.is_accelerated:
            return "the CPU decodes them"
        if self._crop is not None:
            return "they are cut on the CPU"
        try:
            self._reader.accelerate(partial(open_staying, ordinal=ordinal))
        except CardError as error:
            return str(error)
        return None

    def accelerate(self, ordinal: int) -> str | None:
        """See `rtsr.sources.reading.Accelerable`."""
        if self._deinterlace or self._fields.said != "progressive":
            return "interlaced pictures are left to the CPU"
        why = refusal(self._info.label, self._number, ordinal)
        if why is None:
            try:
                self._reader.accelerate(partial(open_card, ordinal=ordinal))
            except CardError as error:
                return str(error)
        return why

    def close(self) -> None:
        """See `Source`."""
        self._reader.close()

    def _is_early(self, frame: Frame) -> bool:
        time_s, begin_pts = self._served.time_s, self._begin_pts()
        if time_s is not None:
            return frame.time_s < time_s
        return begin_pts is not None and frame.pts < begin_pts

    def _is_late(self, frame: Frame) -> bool:
        end_pts, until_s = self._part.end_pts, self._until_s
        return (end_pts is not None and frame.pts >= end_pts) or (until_s is not None and frame.time_s >= until_s)

    def _begin_pts(self) -> int | None:
        """Where the part begins."""
        first = None if self._since_s is None else math.ceil(self._since_s / self._info.time_base)
        return max((pts for pts in (first, self._part.begin_pts) if pts is not None), default=None)

    def _asked(self, request: _Request) -> Iterator[Frame]:
        """Frames from before the asked moment, or from it."""
        pictures = self._reader.sought(request.time_s) if request.time_s is not None else self._entered()
        if self._deinterlace:
            pictures = deinterlaced(pictures, self._fields.earlier)
        for timed in pictures:
            frame = frame_from(
                timed.thing,
                pts=timed.pts,
                time_base=self._info.time_base,
                color=self._info.color,
                captured_s=time.monotonic(),
                epoch=request.epoch,
            )
            yield frame if self._crop is None else cropped(frame, self._crop)

    def _entered(self) -> Pictures:
        """Pictures of the part and perhaps some before it: those that a run without `begin_pts` has there."""
        since = None if self._since_s is None else math.ceil(self._since_s / self._info.time_base)
        if since is not None and self._deinterlace:
            since -= (REACH + 1) * self._reader.period
        if self._part.begin_pts is not None:
            times = packet_times(self._info.label, self._number)
            begin = times.before(self._begin_pts() or 0, REACH if self._deinterlace else 0)
            if times.regular and begin is not None and (since is None or begin > since):
                pictures = self._reader.entered(begin, begin)
                if pictures is not None:
                    return pictures
        pictures = None if since is None else self._reader.entered(since)
        return self._reader.all() if pictures is None else pictures

    def _account(self, *, reached_end: bool) -> None:
        """Say what is missing, now that everything was read, and what was put right."""
        faults = self._reader.faults
        if reached_end and not faults.stopped and (missing := self._reader.missing_end()):
            self._ending = (missing,)
        told = {
            "missing": "frames without a time were counted on from those before",
            "wrong": "frames whose times were doubled or went back got times between their neighbours",
            "jump": "times the clock of the input jumped back, and what followed was moved on",
        }
        for fault, count in faults.times.items():
            if count:
                log.warning("%s: %d %s; no frame was lost over it", self._info.label, count, told[fault])
