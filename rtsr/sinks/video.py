"""Encodes frames into a media file, with every time and tag as it came, beside what a companion brings."""

from __future__ import annotations

import errno
import logging
from array import array
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from rtsr.errors import ResourceError, RtsrError, UsageError
from rtsr.frame import Frame, StreamInfo
from rtsr.sinks.companion import Companion
from rtsr.sinks.copy import open_output
from rtsr.sinks.encoder import Encoder, add_video, picture_for

log = logging.getLogger(__name__)
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def open_video(path: str, info: StreamInfo, encoder: Encoder, companion: Companion) -> VideoSink:
    """Make the file `path`, write its header, and be ready for frames.

    Args:
        path: its extension names the container.
        info: of the frames that will come: size, time base, colour, sample aspect, orientation.
        encoder: codec and its settings.
        companion: the streams beside the video; closed with the sink.

    Raises:
        UsageError: the place cannot be written, or container or encoder refuse what is asked.
        ResourceError: the disk is full.
    """
    try:
        container = open_output(path, info.time_base)
    except OSError as error:
        companion.close()
        raise _cannot_write(path, error) from error
    try:
        stream = add_video(container, info, encoder)
        companion.add_to(container, stream)
        _write_header(container, encoder, info)
    except BaseException:
        companion.close()
        _discard(container)
        Path(path).unlink()
        raise
    return VideoSink(container, stream, companion, round(companion.shift_s / info.time_base))


def _write_header(container: OutputContainer, encoder: Encoder, info: StreamInfo) -> None:
    asked = ", ".join(f"{name} {value}" for name, value in encoder.options().items())
    try:
        container.start_encoding()
    except (FFmpegError, ValueError) as error:
        if getattr(error, "errno", None) in _NO_SPACE:
            raise _cannot_write(container.name, error) from error
        raise UsageError(
            f"{encoder.codec} in {container.format.name} refuses {info.width}x{info.height}"
            f"{f' with {asked}' if asked else ''} ({_words(error)})",
            mend="take another preset, crf, size or container; libx264 takes most",
        ) from error


def _words(error: BaseException) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def _cannot_write(path: str, error: BaseException) -> RtsrError:
    if getattr(error, "errno", None) in _NO_SPACE:
        return ResourceError(f"no room to write {path} ({_words(error)})", mend="free some space, or write elsewhere")
    return UsageError(f"{path} cannot be written ({_words(error)})", mend="name a place that exists and is yours")


def _discard(container: OutputContainer) -> None:
    """Close without caring: another error is on its way."""
    try:
        container.close()
    except (FFmpegError, OSError, ValueError):
        log.debug("closing %s failed too", container.name)


class VideoSink:
    """One media file being written; see `open_video`."""

    def __init__(self, container: OutputContainer, stream: VideoStream, companion: Companion, shift: int) -> None:
        self._container, self._stream, self._companion = container, stream, companion
        self._shift = shift
        self._open = True
        self.pts = array("q")
        """Of every written frame, in the time base of the stream."""

    @property
    def copied(self) -> tuple[int, ...]:
        """Packets that went beside the video, for each other stream."""
        return self._companion.packets

    def write(self, frame: Frame) -> None:
        """See `Sink`."""
        picture = picture_for(self._stream, frame, self._shift)
        self._mux(self._encode(picture))
        self.pts.append(frame.pts - self._shift)

    def finish(self) -> None:
        """See `Sink`."""
        self._mux(self._encode(None))
        try:
            self._companion.mux_until(self._container, None)
            self._open = False
            self._container.close()
        except (FFmpegError, OSError) as error:
            raise _cannot_write(self._container.name, error) from error

    def close(self) -> None:
        """See `Sink`: without `finish`, what was encoded is still made a playable file where that is possible."""
        self._companion.close()
        if self._open:
            self._open = False
            _discard(self._container)

    def _encode(self, picture: av.VideoFrame | None) -> list[Packet[VideoStream]]:
        try:
            return self._stream.encode(picture)
        except (FFmpegError, ValueError) as error:
            at = "" if picture is None else f" at frame {len(self.pts)}"
            raise RtsrError(
                f"{self._stream.codec_context.name} failed{at} ({_words(error)})", mend="take another -c:v"
            ) from error

    def _mux(self, packets: list[Packet[VideoStream]]) -> None:
        try:
            for packet in packets:
                due_s = Fraction(packet.dts or 0) * packet.time_base
                self._companion.mux_until(self._container, due_s)
                self._container.mux_one(packet)
        except (FFmpegError, OSError) as error:
            raise _cannot_write(self._container.name, error) from error
