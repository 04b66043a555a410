"""A stream from the network, live: the newest picture as soon as it is there, and never a wait without an end.

Why the sockets are shut down: a read that waits for a silent host ends by its time limit only, and whoever closes the
window does not want to wait for that.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.codec.context import Flags
from av.error import ExitError, FFmpegError, InvalidDataError
from av.video.reformatter import VideoReformatter

from rtsr.demux import in_words, open_live, scheme_of
from rtsr.errors import SourceError
from rtsr.frame import Frame, StreamInfo
from rtsr.planes import FORMS, layout_of
from rtsr.sockets import open_sockets, shut_down
from rtsr.sources.decode import color_of, frame_from
from rtsr.sources.returning import ChangedSource

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

    from rtsr.sources.live import Live

log = logging.getLogger(__name__)
_OPENING_S = 10.0
"""How long a host may take until its first picture."""
_LOW_DELAY = {
    "fflags": "nobuffer",
    "analyzeduration": "1000000",  # microseconds: cameras send a key picture each second or two, parameters sooner
    "max_delay": "100000",
    "reorder_queue_size": "16",  # packets of RTP over UDP
}
_OF_SCHEME = {"rtsp": {"rtsp_flags": "prefer_tcp"}, "rtsps": {"rtsp_flags": "prefer_tcp"}}
"""TCP loses nothing; a host that does not offer it is asked for UDP."""
_OTHER = "yuv420p"
"""What pictures that are no YCbCr become."""


class FiniteStream(SourceError):  # noqa: N818 - a file is no failure
    """What a web server gives is a file, with a beginning and an end."""


def open_stream(uri: str, live: Live) -> StreamSource:
    """Open an RTSP, RTMP, UDP, RTP, TCP or HTTP stream and look at its first picture.

    Args:
        uri: a URL of one of `rtsr.demux.LIVE_SCHEMES`.
        live: its `silent_s` counts.

    Raises:
        SourceError: it cannot be reached, is silent, or holds no video.
        FiniteStream: of HTTP: it is a file.
    """
    if scheme_of(uri) == "srt":
        raise SourceError(
            f"{_told(uri)}: the FFmpeg of PyAV has no SRT",
            mend="bring it over: ffmpeg -i srt://... -c copy -f mpegts udp://127.0.0.1:5000, then udp://127.0.0.1:5000",
        )
    before, began_s = open_sockets(), time.monotonic()
    try:
        options = {**_LOW_DELAY, **_OF_SCHEME.get(scheme_of(uri), {})}
        container = open_live(uri, options, (_OPENING_S, live.silent_s))
    except (FFmpegError, OSError, ValueError) as error:
        late = isinstance(error, ExitError) or time.monotonic() - began_s >= _OPENING_S
        raise _unanswered(uri) if late else _refusal(uri, error) from error
    if container.duration is not None and scheme_of(uri) in ("http", "https"):
        container.close()
        raise FiniteStream(f"{_told(uri)} has an end", mend="it is a file")
    reader = _Reader(uri, container, live.silent_s, open_sockets() - before)
    try:
        reader.begin()
    except BaseException:
        reader.close()
        raise
    return StreamSource(reader, _info(uri, reader))


def _unanswered(uri: str) -> SourceError:
    return SourceError(f"{_told(uri)} does not answer within {_OPENING_S:.0f} s", mend="check host, port and network")


def _refusal(uri: str, error: Exception) -> SourceError:
    place = _told(uri)
    if "401" in str(error) or "nauthorized" in str(error):
        return SourceError(f"{place} asks for a name and a password", mend="write them: rtsp://NAME:PASSWORD@HOST/...")
    return SourceError(f"{place} cannot be opened ({in_words(error)})", mend="check that it plays: ffplay URL")


def _told(uri: str) -> str:
    """`uri` without a password."""
    scheme, rest = uri.split("://", 1)
    who, at, place = rest.partition("@")
    return f"{scheme}://{place}" if at and "/" not in who else uri


def _info(uri: str, reader: _Reader) -> StreamInfo:
    stream, picture = reader.stream, reader.first
    rate = stream.average_rate or stream.guessed_rate
    sar = stream.sample_aspect_ratio
    return StreamInfo(
        label=_told(uri),
        width=picture.width,
        height=picture.height,
        time_base=Fraction(stream.time_base or Fraction(1, av.time_base)),
        rate_fps=Fraction(rate) if rate else None,
        color=color_of(None, stream),
        layout=layout_of(picture),
        sar=Fraction(sar) if sar else None,
        live=True,
        lossy=stream.codec_context.codec.lossy,
    )


class _Reader:
    """What an opened stream gives, until it ends, falls silent or is closed."""

    def __init__(self, uri: str, container: InputContainer, silent_s: float, sockets: frozenset[int]) -> None:
        self._label, self._container, self._silent_s, self._sockets = _told(uri), container, silent_s, sockets
        self._reformatter = VideoReformatter()
        self._closed = False
        self.damaged = 0
        self.end = ""
        """Why nothing more comes, in words."""

    def begin(self) -> None:
        """Find the video and decode its first whole picture.

        Raises:
            SourceError: there is none.
        """
        videos = self._container.streams.video
        if not videos:
            raise SourceError(f"{self._label} has no video", mend="name a stream that has")
        self.stream: VideoStream = videos[0]
        self.stream.thread_type = "SLICE"  # threads that take a frame each would hold back as many
        self.stream.codec_context.flags |= Flags.low_delay
        self._pictures = self._decoded()
        first = next(self._pictures, None)
        if first is None:
            why = f" ({self.end})" if self.end else ""
            raise SourceError(f"{self._label} gives no picture{why}", mend="check that it plays: ffplay URL")
        self.first: av.VideoFrame = first

    def pictures(self) -> Iterator[av.VideoFrame]:
        """The first and all that follow; what is no YCbCr is converted."""
        yield self.first
        yield from self._pictures

    def close(self) -> None:
        """From any thread."""
        self._closed = True
        shut_down(self._sockets & open_sockets())
        pictures = getattr(self, "_pictures", None)
        if pictures is None:
            self._container.close()
            return
        with suppress(ValueError):  # another thread is in it, sees that it is closed, and lets go of the stream
            pictures.close()
            self._container.close()

    def _decoded(self) -> Iterator[av.VideoFrame]:
        whole = False
        last_s = time.monotonic()
        try:
            for packet in self._container.demux(self.stream):
                if self._closed:
                    return
                try:
                    pictures = packet.decode()
                except InvalidDataError:
                    self.damaged += 1
                    pictures = []
                for picture in pictures:
                    whole = whole or bool(picture.key_frame)  # before it, differences to what never came
                    if whole:
                        last_s = time.monotonic()
                        yield self._ours(picture)
                if time.monotonic() - last_s > self._silent_s:
                    return self._say(f"no picture for {self._silent_s:.0f} s")
            self._say("it ended")
        except ExitError:
            self._say(f"nothing came for {self._silent_s:.0f} s")
        except (FFmpegError, OSError) as error:
            self._say(in_words(error))
        finally:
            self._container.close()

    def _say(self, end: str) -> None:
        self.end = "" if self._closed else end

    def _ours(self, picture: av.VideoFrame) -> av.VideoFrame:
        if picture.format.name in FORMS:
            return picture
        return self._reformatter.reformat(picture, format=_OTHER, threads=1)


class StreamSource:
    """The frames of one opened stream; see `open_stream`."""

    def __init__(self, reader: _Reader, info: StreamInfo) -> None:
        self._reader, self._info = reader, info

    @property
    def info(self) -> StreamInfo:
        """See `Source`."""
        return self._info

    @property
    def losses(self) -> tuple[str, ...]:
        """See `Source`."""
        gone = (f"{self._info.label} was lost: {self._reader.end}",) if self._reader.end else ()
        damaged = self._reader.damaged
        return (*gone, f"{damaged} damaged packets of {self._info.label} were left out") if damaged else gone

    def seek(self, time_s: Fraction) -> None:
        """See `Source`: a stream knows only now."""

    def frames(self) -> Iterator[Frame]:
        """See `Source`: pts count from the first frame.

        Raises:
            ChangedSource: the sender changed the size or the format of its pictures.
        """
        first: int | None = None
        last = -1
        for picture in self._reader.pictures():
            captured_s = time.monotonic()
            self._refuse_another(picture)
            pts = last + 1 if picture.pts is None else picture.pts
            first = pts if first is None else first
            last = max(last + 1, pts - first)
            yield frame_from(
                picture, pts=last, time_base=self._info.time_base, color=self._info.color, captured_s=captured_s
            )

    def close(self) -> None:
        """See `Source`."""
        self._reader.close()

    def _refuse_another(self, picture: av.VideoFrame) -> None:
        info, size = self._info, f"{picture.width}x{picture.height}"
        if (picture.width, picture.height, layout_of(picture)) != (info.width, info.height, info.layout):
            self.close()
            raise ChangedSource(
                f"{info.label} changed from {info.width}x{info.height} {info.layout} to {size} {layout_of(picture)}",
                mend="open it again",
            )
