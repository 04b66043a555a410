"""The one way by which media is opened for reading: the named file, and nothing that it points at.

Why: a playlist, a list of files to join or a session description is a media file to FFmpeg, and makes it read other
files or hosts; whoever sends such a file would choose what their reader's machine opens. So unless the user permits
protocols, formats that lead elsewhere are refused, and what is left may use the protocol `file` only.
Why the permission is the process's: many places open the same input (source, copied streams, times, audit), and one of
them that forgets to ask must not be the one that opens the door.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import av
import av.logging
from av.container import InputContainer
from av.error import ArgumentError, FFmpegError
from av.format import ContainerFormat, formats_available

from rtsr.errors import SourceError, UsageError, nearest
from rtsr.storage import SCHEMES, Place

_NO_FILE = 0x0001
"""AVFMT_NOFILE: the format opens what it reads by itself: devices, RTP and RTSP, numbered pictures."""
_LEADS_ELSEWHERE = frozenset({
    "concat", "dash", "hls", "image2", "imf", "sdp", "vobsub", "webm_dash_manifest",
    "avisynth", "dvdvideo", "vapoursynth",  # in no wheel of PyAV yet; the first and last run scripts
})  # fmt: skip
"""Formats whose files name others. MOV's data references do too, but `enable_drefs` is off unless asked for."""
_UNDERLYING = {
    "http": ("tcp",), "https": ("tls", "tcp"), "rtsp": ("rtp", "udp", "tcp"), "rtp": ("udp",),
    "rtsps": ("tls", "tcp", "rtp", "udp"), "rtmp": ("tcp",), "rtmps": ("tls", "tcp"),
}  # fmt: skip
_KNOWN = ("file", "http", "https", "tcp", "tls", "udp", "rtp", "rtsp", "rtmp", "srt", "ftp", "crypto", "data", "concat")
_PATIENCE_S = 20.0
"""How long a host may be silent, where hosts are permitted."""
_BUFFER = 1 << 20
_permitted: tuple[str, ...] = ()
"""FFmpeg's protocols."""
_stores: tuple[str, ...] = ()
"""And fsspec's, which FFmpeg does not see."""


def permit(protocols: str | None) -> None:
    """Let inputs opened from now on lead to what `protocols` reach; None and "" take every permission back.

    Args:
        protocols: comma list of FFmpeg's names: `file` for other files, `http`, `https`, `rtsp`, ... What they are
            carried by (`tcp`, `tls`) is permitted with them. And of fsspec's: `s3`, `sftp`, see `rtsr.storage`.

    Raises:
        UsageError: a name is none of a protocol.
    """
    global _permitted, _stores
    names = [name.strip() for name in (protocols or "").split(",") if name.strip()]
    for name in names:
        if name not in (*_KNOWN, *SCHEMES):
            raise UsageError(f"--protocols {protocols}: there is no protocol {name}", mend=nearest(name, _KNOWN))
    _stores = tuple(name for name in names if name in SCHEMES)
    ours = [name for name in names if name not in SCHEMES]
    _permitted = tuple(dict.fromkeys(part for name in ours for part in (name, *_UNDERLYING.get(name, ()))))


@contextmanager
def complaints() -> Iterator[list[str]]:
    """While inside, the list gets what FFmpeg calls errors in this thread: a demuxer that skips damage raises none.

    Not where a decoder works with threads of its own: each of its messages would wait for Python.
    """
    level = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    told: list[str] = []
    try:
        with av.logging.Capture() as logs:
            yield told
        told += [" ".join(message.split()) for _, _, message in logs]
    finally:
        av.logging.set_level(level)


def scheme_of(uri: str) -> str:
    """The protocol that `uri` names (`http` of `http://...`), in lower case; empty for a path.

    A name that exists is a path whatever it looks like, and so is one with a colon and no known protocol before it.
    """
    told = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)(://|:)", uri)
    if told is None or os.path.lexists(uri):
        return ""
    scheme = told[1].lower()
    return scheme if told[2] == "://" or scheme in _KNOWN else ""


def open_media(uri: str, *, form: str | None = None) -> InputContainer:
    """Open a media file, or what a permitted protocol reaches.

    Args:
        uri: a path, taken literally; or a URL of a protocol that was permitted.
        form: FFmpeg's name of the one format that it may be; found out if not given.

    Raises:
        SourceError: it leads elsewhere, or is reached by a protocol, without permission.
        FFmpegError, OSError: it cannot be opened or read.
    """
    scheme = scheme_of(uri)
    if scheme not in ("", "file", *_permitted, *_stores):
        also = () if scheme in SCHEMES else ("file",)
        raise SourceError(
            f"{uri} is reached by {scheme}, and only files are read unless you permit more",
            mend=f"add --protocols {','.join(dict.fromkeys((*also, scheme)))} if you trust it",
        )
    if scheme in _stores:
        return open_store(uri, form=form)
    place = uri if scheme else f"file:{uri}"  # else a path like `12:30.mp4` would name a protocol
    options = {"protocol_whitelist": ",".join(_permitted or ("file",))}
    if not _permitted:
        options["format_whitelist"] = form or _self_contained()
    patience = _PATIENCE_S if _permitted else None
    try:
        return av.open(place, format=form, options=options, metadata_errors="replace", timeout=patience)
    except ArgumentError as error:
        raise _refused(uri, place, options) or error from error


def open_input(path: str) -> InputContainer:
    """As `open_media`, of a file that the user named: one sentence says why not.

    Raises:
        SourceError: it is missing, empty, damaged, a folder, not the user's to read, or no media file.
    """
    place = Path(path)
    try:
        if place.is_dir():
            raise SourceError(f"{path} is a folder", mend="name a video file")
        if place.is_file() and place.stat().st_size == 0:
            raise SourceError(f"{path} is empty (0 bytes)", mend="copy or record it again")
        return open_media(path)
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist", mend="check the path") from error
    except PermissionError as error:
        raise SourceError(f"{path} may not be read by you", mend=f"chmod u+r {path}") from error
    except (FFmpegError, OSError) as error:
        raise SourceError(
            f"{path} is not a media file that can be read ({in_words(error)})",
            mend="an MP4 whose recording or copying was cut off has lost its index (moov): copy it again",
        ) from error


def in_words(error: BaseException) -> str:
    """What FFmpeg or the system says is wrong, in the middle of a sentence."""
    return (getattr(error, "strerror", None) or str(error)).lower()


def open_store(uri: str, *, form: str | None = None) -> InputContainer:
    """Open a media file that fsspec reaches, see `rtsr.storage`; it leads nowhere else. Raises as `open_media`."""
    options = {"protocol_whitelist": "none", "format_whitelist": form or _self_contained()}
    file = Place(uri).open()
    return av.open(file, "r", format=form, options=options, metadata_errors="replace", buffer_size=_BUFFER)


def open_live(uri: str, options: Mapping[str, str], limits_s: tuple[float, float]) -> InputContainer:
    """Open a stream that the user named as a source: by its own protocol, with what carries that, and nothing else.

    Args:
        uri: a URL of one of `LIVE_SCHEMES`.
        options: of the protocol or the format.
        limits_s: how long opening may take, and then each packet.

    Raises:
        FFmpegError, OSError: it cannot be opened or read.
    """
    scheme = scheme_of(uri)
    allowed = {
        "protocol_whitelist": ",".join((scheme, *_UNDERLYING.get(scheme, ()))),
        "format_whitelist": f"{_self_contained()},{_LIVE_FORMS}",
    }
    return av.open(uri, options={**options, **allowed}, metadata_errors="replace", timeout=limits_s)


LIVE_SCHEMES = ("rtsp", "rtsps", "rtmp", "rtmps", "udp", "rtp", "tcp", "http", "https")
"""Protocols that carry live streams."""
_LIVE_FORMS = "rtsp,rtp,rtp_mpegts,mpjpeg"
"""Formats that open what they read by themselves, and that only."""


class Readable(Protocol):
    """What bytes come from."""

    def read(self, count: int) -> bytes:
        """At least one byte and at most `count`; none at the end."""


def open_stream(file: Readable, *, form: str) -> InputContainer:
    """Open what comes through `file`, from its beginning, as the format `form` and nothing else.

    Raises:
        FFmpegError, OSError: it is not of that format.
    """
    options = {"protocol_whitelist": "none", "format_whitelist": form}
    return av.open(file, "r", format=form, options=options, metadata_errors="replace", buffer_size=_BUFFER)


@lru_cache(maxsize=1)
def _self_contained() -> str:
    """Comma list of the formats whose files hold all that they show."""
    names: list[str] = []
    for name in sorted(formats_available):
        try:
            form = ContainerFormat(name, "r")
        except ValueError:  # one that is only written
            continue
        if not form.flags & _NO_FILE and not _LEADS_ELSEWHERE & set(name.split(",")):
            names += name.split(",")
    return ",".join(dict.fromkeys(names))


def _refused(uri: str, place: str, options: dict[str, str]) -> SourceError | None:
    """What a whitelist has against `place`, in words; None where it was refused for another reason."""
    level, skipping = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # else a second file refused for the same reason is refused without a word
    try:
        with av.logging.Capture() as logs, av.open(place, options=options):  # once more, to hear the reason
            return None
    except (FFmpegError, OSError):
        told = next(((form, words) for _, form, words in logs if "not on whitelist" in words), None)
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(skipping)
    if told is None:
        return None
    form, words = told
    what = f"is read as {form}, whose files make their reader open others"
    if not words.startswith("Format"):
        what = f"leads elsewhere ({words.strip().rstrip('!')})"
    return SourceError(
        f"{uri} {what}, and only the named file is read unless you permit more",
        mend="add --protocols file (or file,http,https) if you trust it",
    )
