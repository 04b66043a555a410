"""Sends what is shown to a server or a receiver of the network while it is shown."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from av.codec.context import Flags
from av.error import FFmpegError

from rtsr.errors import BackendError
from rtsr.frame import YUV420P
from rtsr.sinks.encoder import Encoder, add_video, picture_for
from rtsr.sinks.failures import words
from rtsr.sinks.live_encoder import flat, live_encoder
from rtsr.sinks.priority import usual_priority
from rtsr.sinks.reopening import ReopeningSink
from rtsr.sinks.transport import SILENT_S, Transport, open_container, told, transport_of
from rtsr.sockets import limit_silence, open_sockets
from rtsr.swscale import LayoutConverter

if TYPE_CHECKING:
    from rtsr.config import View
    from rtsr.frame import Frame, StreamInfo

log = logging.getLogger(__name__)
_TICKS = Fraction(1, 90_000)
"""MPEG's clock."""
_REPEAT_S = 0.5
"""While nothing new comes the last picture is sent this often: a server would take silence for the end."""


def open_stream_out(url: str, info: StreamInfo, options: View) -> ReopeningSink:
    """A side sink that streams to `url`; the host is called when the first frame comes.

    Args:
        url: of a scheme in `rtsr.sinks.transport.TRANSPORTS`.
        info: of the frames that will come.
        options: codec, bit rate, and whether a lost host is called again.

    Raises:
        UsageError: of the URL, the codec or the bit rate.
        BackendError: the hardware encoder that was named does not run here.
    """
    transport = transport_of(url)
    _, notes = live_encoder(options.stream_codec, options.stream_bitrate, info, transport.form)
    for note in notes:
        log.info("%s: %s", told(url), note)

    def open_link(now: StreamInfo) -> _Sending:
        encoder, _ = live_encoder(options.stream_codec, options.stream_bitrate, now, transport.form)
        return _Sending(url, transport, now, encoder)

    returns: Literal["yes", "no"] = "yes" if options.reconnect else "no"
    return ReopeningSink((told(url), "streaming to"), info, open_link, repeat_s=_REPEAT_S, returns=returns)


class _Sending:
    """One connection; see `Link`. Its times are those of capture, or of showing where the source is a file."""

    def __init__(self, url: str, transport: Transport, info: StreamInfo, encoder: Encoder) -> None:
        self._label, self._live = told(url), info.live
        self._narrow = None
        if info.layout != YUV420P:
            self._narrow = LayoutConverter((info.width, info.height), info.layout, YUV420P, info.color)
        self._container = open_container(url, transport)
        self._open = True
        self._began_s: float | None = None
        self._last = -1
        try:
            self._stream = add_video(self._container, replace(flat(info), time_base=_TICKS), encoder)
            self._stream.codec_context.thread_type = "SLICE"  # threads that take a frame each hold back as many
            if transport.headers:
                self._stream.codec_context.flags |= Flags.global_header
            before = open_sockets()
            self._container.start_encoding()
            usual_priority()
            limit_silence(open_sockets() - before, SILENT_S)  # the RTSP muxer does not look whether its writes fail
        except (FFmpegError, OSError, ValueError) as error:
            self.close()
            raise self._lost(error) from error

    def write(self, frame: Frame) -> None:
        """See `Link`."""
        if self._narrow is not None:
            y, u, v = self._narrow.converted(frame)
            frame = replace(frame, y=y, u=u, v=v, layout=YUV420P)
        timed = replace(frame, pts=self._ticks(frame), time_base=_TICKS, duration=0)
        try:
            self._container.mux(self._stream.encode(picture_for(self._stream, timed, 0)))
        except (FFmpegError, OSError, ValueError) as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """See `Link`."""
        if self._open:
            self._open = False
            with suppress(FFmpegError, OSError, ValueError):  # it may be gone
                self._container.close()

    def _ticks(self, frame: Frame) -> int:
        """Of MPEG's clock since the first frame, and more each time."""
        moment_s = frame.captured_s if self._live and frame.captured_s else time.monotonic()
        self._began_s = moment_s if self._began_s is None else self._began_s
        ticks = round((moment_s - self._began_s) / _TICKS)
        if ticks <= self._last:  # the last picture again, or one that is older than its repetition
            ticks = max(self._last + 1, round((time.monotonic() - self._began_s) / _TICKS))
        self._last = ticks
        return ticks

    def _lost(self, error: Exception) -> BackendError:
        return BackendError(
            f"{self._label} is away ({words(error)})", mend="check that it runs, and host, port, path and password"
        )
