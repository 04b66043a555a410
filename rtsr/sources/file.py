"""A video file, every frame of it once, and an account of what it promised and did not hold."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.video.stream import VideoStream

from rtsr.errors import SourceError, UsageError
from rtsr.frame import Frame, StreamInfo
from rtsr.sources.decode import SUPPORTED, color_of, display_matrix_of, frame_from, refuse_unsupported

log = logging.getLogger(__name__)
_TIME_UNITS = Fraction(1, av.time_base)
_END_SLACK_S = Fraction(1, 4)
"""How far before its announced end a stream may stop without being called cut short: about an audio packet and a
few frames, since announced durations are rounded and of the longest stream."""


def open_file(path: str, *, start_s: Fraction | None = None, length_s: Fraction | None = None) -> FileSource:
    """Open `path` and look at its first frame.

    Args:
        path: a file that FFmpeg reads.
        start_s: skip frames before this time after the beginning of the file.
        length_s: take frames of this much time.

    Raises:
        SourceError: it is missing, not a video, damaged at its beginning, or not progressive 8-bit 4:2:0.
    """
    with open_container(path) as probe:  # looked at and closed: not every format finds back to its first packet
        stream = first_video(path, probe)
        picture = _first_picture(path, probe, stream)
        refuse_unsupported(path, stream, picture)
        info = _info(path, probe, stream, picture)
    return FileSource(open_container(path), _cut(info, start_s, length_s), start_s=start_s, length_s=length_s)


def _cut(info: StreamInfo, start_s: Fraction | None, length_s: Fraction | None) -> StreamInfo:
    """`info` of the asked part; frames are counted at the average rate."""
    if info.duration_s is None or (start_s is None and length_s is None):
        return info
    left = info.duration_s - (start_s or 0)
    if left <= 0:
        raise UsageError(
            f"{info.label} is {float(info.duration_s):.2f} s long, and nothing is left after {float(start_s or 0):g} s",
            mend="begin earlier",
        )
    duration = left if length_s is None else min(left, length_s)
    count = None if info.rate_fps is None else max(1, round(duration * info.rate_fps))
    return replace(info, duration_s=duration, frame_count=count)


def open_container(path: str) -> InputContainer:
    """Open `path` for reading; refuse with a sentence what is no media file."""
    mend = "check the path"
    place = Path(path)
    try:
        if place.is_dir():
            raise SourceError(f"{path} is a folder", mend="name a video file")
        if place.is_file() and place.stat().st_size == 0:
            raise SourceError(f"{path} is empty (0 bytes)", mend="copy or record it again")
        return av.open(path, metadata_errors="replace")
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist", mend=mend) from error
    except PermissionError as error:
        raise SourceError(f"{path} may not be read by you", mend=f"chmod u+r {path}") from error
    except (FFmpegError, OSError) as error:
        raise SourceError(
            f"{path} is not a media file that can be read ({_words(error)})",
            mend="an MP4 whose recording or copying was cut off has lost its index (moov): copy it again",
        ) from error


def first_video(path: str, container: InputContainer) -> VideoStream:
    """The first video stream that is not cover art."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    held = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
    raise SourceError(f"{path} has no video stream (it holds {held})", mend="name a video file")


def _first_picture(path: str, container: InputContainer, stream: VideoStream) -> av.VideoFrame:
    problem = "no frame of it can be decoded"
    packets = container.demux(stream)
    while True:
        try:
            for picture in next(packets).decode():
                return picture
        except StopIteration:
            break
        except InvalidDataError:
            continue  # leading damage: `frames` counts it
        except FFmpegError as error:
            problem = _words(error)
            break
    raise SourceError(f"{path} has a video stream, but {problem}", mend="copy or record it again")


def _words(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def _info(path: str, container: InputContainer, stream: VideoStream, picture: av.VideoFrame) -> StreamInfo:
    time_base = Fraction(stream.time_base or _TIME_UNITS)
    start = stream.start_time * time_base if stream.start_time is not None else Fraction(0)
    rate = Fraction(stream.average_rate) if stream.average_rate else None
    duration = _announced(stream, container)
    count = stream.frames or None
    if count is None and duration is not None and rate is not None:
        count = round(duration * rate)
    sar = stream.sample_aspect_ratio
    return StreamInfo(
        label=path,
        width=picture.width,
        height=picture.height,
        time_base=time_base,
        rate_fps=rate,
        frame_count=count,
        duration_s=duration,
        start_s=start,
        color=color_of(path, stream),
        sar=Fraction(sar) if sar else None,
        display_matrix=display_matrix_of(picture),
        lossy=stream.codec_context.codec.lossy,
    )


def _announced(stream: VideoStream, container: InputContainer) -> Fraction | None:
    """How long the video says it is, in seconds; else how long the file says it is."""
    if stream.duration is not None and stream.time_base:
        return stream.duration * Fraction(stream.time_base)
    if "DURATION" in stream.metadata:  # Matroska's statistics tag, HH:MM:SS.nnnnnnnnn
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)
    return container.duration * _TIME_UNITS if container.duration is not None else None


@dataclass(frozen=True, slots=True, eq=False)
class _Request:
    """Give frames from `time_s` on (None: from where the file begins), marked with `epoch`."""

    epoch: int
    time_s: Fraction | None


class FileSource:
    """The frames of one opened file; see `open_file`."""

    def __init__(
        self,
        container: InputContainer,
        info: StreamInfo,
        *,
        start_s: Fraction | None,
        length_s: Fraction | None,
    ) -> None:
        self._container, self._info = container, info
        self._stream = first_video(info.label, container)
        self._stream.thread_type = "AUTO"
        begin = (container.start_time or 0) * _TIME_UNITS
        self._until_s = begin + (start_s or 0) + length_s if length_s is not None else None
        self._request = _Request(0, begin + start_s if start_s is not None else None)
        self._served = _Request(0, None)
        self._next_pts: int | None = None
        self._seen_until_s = Fraction(0)
        self._damaged = self._interlaced = 0
        self._losses: tuple[str, ...] = ()

    @property
    def info(self) -> StreamInfo:
        """See `Source`."""
        return self._info

    @property
    def losses(self) -> tuple[str, ...]:
        """See `Source`."""
        return self._losses

    def seek(self, time_s: Fraction) -> None:
        """See `Source`: taken up by the thread that reads `frames`, before its next frame."""
        self._request = _Request(self._request.epoch + 1, max(time_s, self._info.start_s))

    def frames(self) -> Iterator[Frame]:
        """See `Source`."""
        while True:
            self._serve(self._request)
            for picture in self._pictures():
                if self._request is not self._served:
                    break
                frame = self._timed(picture)
                if self._served.time_s is not None and frame.time_s < self._served.time_s:
                    continue
                if self._until_s is not None and frame.time_s >= self._until_s:
                    self._account(reached_end=False)
                    return
                yield frame
            else:
                self._account(reached_end=True)
                return

    def close(self) -> None:
        """See `Source`."""
        self._container.close()

    def _serve(self, request: _Request) -> None:
        """Move the demuxer to the keyframe before the wanted time."""
        self._served = request
        if request.time_s is not None:
            self._next_pts = None
            try:
                self._container.seek(int(request.time_s / self._info.time_base), stream=self._stream)
            except FFmpegError as error:
                raise SourceError(
                    f"{self._info.label} cannot be entered in the middle ({_words(error)})",
                    mend="begin at its beginning, or copy it to an .mkv file first: ffmpeg -i IN -c copy OUT.mkv",
                ) from error

    def _pictures(self) -> Iterator[av.VideoFrame]:
        """Decoded pictures until the end or the first thing that cannot be read on from."""
        packets = self._container.demux()  # all streams: the longest one tells where the file really ends
        while True:
            try:
                packet = next(packets)
                if packet.pts is not None:
                    end = (packet.pts + (packet.duration or 0)) * packet.time_base
                    self._seen_until_s = max(self._seen_until_s, Fraction(end))
                if packet.stream.index != self._stream.index:  # an empty last packet has no index of its own
                    continue
                self._damaged += packet.is_corrupt
                yield from self._stream.decode(packet)  # like packet.decode(), and typed
            except StopIteration:
                return
            except InvalidDataError:
                self._damaged += 1
            except FFmpegError as error:
                self._losses += (f"reading stopped: {_words(error)}",)
                return

    def _timed(self, picture: av.VideoFrame) -> Frame:
        info = self._info
        if (picture.width, picture.height) != (info.width, info.height) or picture.format.name not in SUPPORTED:
            raise SourceError(
                f"{info.label} changes from {info.width}x{info.height} to {picture.width}x{picture.height} "
                f"{picture.format.name} within the stream",
                mend="cut it there, and upscale the parts one by one",
            )
        self._interlaced += picture.interlaced_frame
        pts = picture.pts
        if pts is None:
            pts = self._guessed_pts()
        duration = int(picture.duration or 0)
        self._next_pts = pts + (duration or self._period())
        return frame_from(
            picture,
            pts=pts,
            time_base=info.time_base,
            color=info.color,
            captured_s=time.monotonic(),
            epoch=self._served.epoch,
        )

    def _guessed_pts(self) -> int:
        if self._next_pts is None:
            log.warning("%s has frames without a time: they are counted at its frame rate", self._info.label)
            return int(self._info.start_s / self._info.time_base)
        return self._next_pts

    def _period(self) -> int:
        return max(1, round(1 / ((self._info.rate_fps or Fraction(25)) * self._info.time_base)))

    def _account(self, *, reached_end: bool) -> None:
        """Say what is missing, now that everything was read."""
        if self._damaged:
            self._losses += (f"{self._damaged} damaged packets of the video could not be decoded",)
        if self._interlaced:
            self._losses += (f"{self._interlaced} frames within it are interlaced, and keep their combs",)
        if not reached_end or self._container.duration is None:
            return
        start = (self._container.start_time or 0) * _TIME_UNITS
        promised = start + self._container.duration * _TIME_UNITS
        if self._seen_until_s < promised - _END_SLACK_S:
            self._losses += (
                f"the file is cut short: it announces {float(promised - start):.2f} s and ends after "
                f"{float(self._seen_until_s - start):.2f} s",
            )
