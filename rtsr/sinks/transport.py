"""Where a stream may be sent: which of FFmpeg's muxers speaks what a URL names, and with which time limits.

Why through the muxer `tee`: it alone hands options to the protocol below, and without its time limit a write to a host
that has fallen silent would never return (PyAV's `timeout` is for reading).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import av
from av.container import OutputContainer

from rtsr.errors import UsageError

SILENT_S = 3.0
"""A host that takes nothing for so long is gone."""
_SILENT_US = str(int(SILENT_S * 1e6))
_BELOW = {"rw_timeout": _SILENT_US, "flush_packets": "1"}
_WHOLE = {"omit_video_pes_length": "0"}
"""Of MPEG-TS: with the length of each picture a receiver need not wait for the next one to know that it has it all."""
_RTSP = {"rtsp_transport": "tcp", "timeout": _SILENT_US}
_SRT = "udp://127.0.0.1:5000, and bring it over: ffmpeg -i udp://127.0.0.1:5000 -c copy -f mpegts srt://..."


@dataclass(frozen=True, slots=True)
class Transport:
    """How one scheme is spoken."""

    form: str
    """libavformat's name of the muxer."""
    options: dict[str, str] = field(default_factory=dict)
    """Of the muxer and the protocol below."""
    headers: bool = False
    """It tells the encoder's headers before the first picture."""
    port: bool = False
    """The URL must name one."""
    secret_path: bool = False
    """The last part of its path is a key that lets anyone send in the user's name."""


_RTMP = Transport("flv", _BELOW, headers=True, secret_path=True)
TRANSPORTS: dict[str, Transport] = {
    "rtsp": Transport("rtsp", _RTSP, headers=True),
    "rtsps": Transport("rtsp", _RTSP, headers=True),
    "rtmp": _RTMP,
    "rtmps": _RTMP,
    "udp": Transport("mpegts", {**_BELOW, **_WHOLE, "pkt_size": "1316"}, port=True),
    "rtp": Transport("rtp_mpegts", {"mpegts_muxer_options": "omit_video_pes_length=0"}, port=True),
    "tcp": Transport("mpegts", {**_BELOW, **_WHOLE}, port=True),
}
"""By scheme. RTP carries MPEG-TS: bare H.264 would need a description that reaches the receiver by another way."""


def transport_of(url: str) -> Transport:
    """The one for `url`.

    Raises:
        UsageError: it is no URL that can be sent to.
    """
    parts = _split(url)
    if parts is None or parts.scheme not in TRANSPORTS:
        if parts is not None and parts.scheme == "srt":
            raise UsageError(f"--stream {told(url)}: the FFmpeg of PyAV has no SRT", mend=f"send to {_SRT}")
        known = ", ".join(f"{name}://" for name in TRANSPORTS)
        raise UsageError(f"--stream {told(url)} is no place to stream to", mend=f"known are {known}")
    transport = TRANSPORTS[parts.scheme]
    if not parts.hostname:
        raise UsageError(f"--stream {told(url)} names no host", mend=f"write {parts.scheme}://HOST...")
    if transport.port and not _port(parts):
        raise UsageError(f"--stream {told(url)} names no port", mend=f"write {parts.scheme}://{parts.hostname}:5000")
    if re.search(r"(^|&)listen(=[^0]|&|$)", parts.query):
        raise UsageError(
            f"--stream {told(url)}: rtsr calls, and does not wait to be called",
            mend=f"let the receiver listen: ffplay '{parts.scheme}://0.0.0.0:PORT?listen'",
        )
    return transport


def told(url: str) -> str:
    """`url` as it may be shown: no name, password, key or query."""
    parts = _split(url)
    if parts is None:
        return re.sub(r"//[^/]*@", "//", url)
    transport = TRANSPORTS.get(parts.scheme)
    path = parts.path
    if transport is not None and transport.secret_path and path.count("/") > 1:
        path = f"{path.rpartition('/')[0]}/..."
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}"


def open_container(url: str, transport: Transport) -> OutputContainer:
    """An output for `url`, which is called when its header is written."""
    options = ":".join(f"{name}={value}" for name, value in transport.options.items())
    place = re.sub(r"([\\'| ])", r"\\\1", url)
    return av.open(f"[f={transport.form}:onfail=abort{':' if options else ''}{options}]{place}", "w", format="tee")


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts if parts.scheme and "://" in url else None


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        return None
