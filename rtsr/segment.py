"""An encoded segment as one file: a checksum, a table of its packets with their exact times, and their bytes; and where
such files lie.

Why no media container: of those that libavformat writes, NUT and MP4 replace DTS or units of time, Matroska rounds to
milliseconds and rewrites H.264, and none takes every codec. What is stitched has to be what the encoder gave.

The file is three parts: 64 hexadecimal digits of the SHA-256 of all that follows and a line feed; a line of JSON; the
packets, one after the other in the order of decoding.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FORM = 1
"""Version of the form."""
FOLDER_SUFFIX = ".rtsr"
"""Beside OUT, its job lies in the folder `OUT.rtsr`."""
JOB_FILE = "job.json"
"""In it, what is encoded and how; `rtsr.jobs.folder` writes it."""
_DIGITS = 64
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of the input by presentation time, in the units of its time base."""

    number: int
    begin: int | None
    """Its first frame is not before this; None: whatever comes first."""
    end: int | None
    """Its last frame is before this; None: whatever comes last."""


class CorruptSegment(Exception):  # noqa: N818 - it is made again, nobody sees it
    """The file is not what was written."""


@dataclass(frozen=True, slots=True)
class Coded:
    """One packet of an encoder."""

    data: bytes
    pts: int
    duration: int
    """Both in the segment's unit of time."""
    key: bool


@dataclass(frozen=True, slots=True)
class Head:
    """What a segment is, without its packets."""

    frames: int
    unit: tuple[int, int]
    """Numerator and denominator of the unit of time, in seconds."""
    codec: str
    """By libavcodec's name of the format, as `h264`."""
    extradata: bytes
    """The encoder's parameter sets: segments of one file share them."""


def segment_name(number: int) -> str:
    """The name of a segment's file in its job's folder."""
    return f"{number:05}.segment"


def segment_bytes(head: Head, packets: Sequence[Coded]) -> bytes:
    """The file of a segment."""
    table = [[len(one.data), one.pts, one.duration, int(one.key)] for one in packets]
    told = {"form": FORM, **asdict(head), "extradata": base64.b64encode(head.extradata).decode(), "packets": table}
    line = json.dumps(told, separators=(",", ":")).encode() + b"\n"
    body = b"".join([line, *(one.data for one in packets)])
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body


def read_head(file: BinaryIO) -> Head:
    """What a segment is; its packets are not looked at.

    Raises:
        CorruptSegment: it is cut short in its head, or none.
    """
    file.seek(_DIGITS + 1)
    return _parsed(file.readline())[0]


def read_packets(file: BinaryIO) -> Iterator[Coded]:
    """The packets of a segment, one at a time.

    Raises:
        CorruptSegment: the file is not what was written; found before the first packet is given.
    """
    _check(file)
    file.seek(_DIGITS + 1)
    _, table = _parsed(file.readline())
    for size, pts, duration, key in table:
        yield Coded(file.read(size), pts, duration, bool(key))


def read_times(file: BinaryIO) -> list[int]:
    """PTS of every packet of a segment in the order of decoding, from its head alone; raises as `read_head`."""
    file.seek(_DIGITS + 1)
    return [pts for _, pts, _, _ in _parsed(file.readline())[1]]


def _check(file: BinaryIO) -> None:
    file.seek(0)
    told = file.read(_DIGITS + 1)
    found = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        found.update(chunk)
    if told != found.hexdigest().encode() + b"\n":
        raise CorruptSegment("its checksum is another")


def _parsed(line: bytes) -> tuple[Head, list[list[int]]]:
    try:
        told = json.loads(line)
        if told["form"] != FORM:
            raise CorruptSegment(f"form {told['form']} is not known")
        unit = int(told["unit"][0]), int(told["unit"][1])
        head = Head(int(told["frames"]), unit, str(told["codec"]), base64.b64decode(told["extradata"]))
        return head, told["packets"]
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptSegment("its head cannot be read") from error
