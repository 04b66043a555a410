"""One media file being written: the packets of its video, and by their times what a companion brings."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from rtsr.frame import StreamInfo
from rtsr.sinks.companion import Companion, Promise
from rtsr.sinks.containers import open_output
from rtsr.sinks.encoder import Encoder, add_video
from rtsr.sinks.failures import NO_SPACE, cannot_write, encoder_refuses
from rtsr.sinks.priority import usual_priority

log = logging.getLogger(__name__)


def open_muxer(path: str, info: StreamInfo, encoder: Encoder, companion: Companion) -> Muxer:
    """Make the file `path` and write its header.

    Args:
        path: its extension names the container.
        info: of the frames that the video holds: size, time base, colour, sample aspect, orientation.
        encoder: codec and its settings, which the header tells.
        companion: the streams beside the video; closed with the muxer.

    Raises:
        UsageError: the place cannot be written, or container or encoder refuse what is asked.
        ResourceError: the disk is full.
    """
    try:
        container = open_output(path, info.time_base, companion.muxing)
    except OSError as error:
        companion.close()
        raise cannot_write(path, error) from error
    try:
        stream = add_video(container, info, encoder)
        companion.add_to(container, stream)
        _write_header(container, encoder, info)
    except BaseException:
        companion.close()
        _discard(container)
        Path(path).unlink()
        raise
    return Muxer(container, stream, companion, round(companion.shift_s / info.time_base))


def _write_header(container: OutputContainer, encoder: Encoder, info: StreamInfo) -> None:
    try:
        container.start_encoding()
        usual_priority()
    except (FFmpegError, ValueError) as error:
        if getattr(error, "errno", None) in NO_SPACE:
            raise cannot_write(container.name, error) from error
        raise encoder_refuses(encoder, container.format.name, info, error) from error


def _discard(container: OutputContainer) -> None:
    """Close without caring: another error is on its way."""
    try:
        container.close()
    except (FFmpegError, OSError, ValueError):
        log.debug("closing %s failed too", container.name)


class Muxer:
    """See `open_muxer`."""

    def __init__(self, container: OutputContainer, stream: VideoStream, companion: Companion, shift: int) -> None:
        self._container, self.stream, self._companion = container, stream, companion
        self.shift = shift
        """What the companion takes from every time, in units of the video's time base."""
        self.streamed = False
        """It goes through a pipe: what is written is gone, and nothing can be put in afterwards."""
        self._open = True
        self.pts = array("q")
        """Of every frame, in the time base of the stream; the caller's to fill."""

    @property
    def path(self) -> str:
        """Of the file."""
        return self._container.name

    @property
    def copied(self) -> Promise:
        """What went beside the frames of the video; see `rtsr.jobs.audit`."""
        return self._companion.promise

    def mux(self, packets: Iterable[Packet[VideoStream]]) -> None:
        """Write packets of the video in the order of decoding, and before each what is due by then."""
        try:
            for packet in packets:
                due_s = Fraction(packet.dts or 0) * packet.time_base
                self._companion.mux_until(self._container, due_s)
                self._container.mux_one(packet)
        except (FFmpegError, OSError) as error:
            raise cannot_write(self._container.name, error) from error

    def finish(self) -> None:
        """No packet will follow: write what the companion still has, and the file's end."""
        try:
            self._companion.mux_until(self._container, None)
            self._open = False
            self._container.close()
            if not self.streamed:
                self._companion.complete(self._container.name)
        except (FFmpegError, OSError) as error:
            raise cannot_write(self._container.name, error) from error

    def close(self) -> None:
        """Let go; without `finish`, what was written is still made a playable file where that is possible."""
        self._companion.close()
        if self._open:
            self._open = False
            _discard(self._container)
