"""What libavformat's MP4 and MOV muxers leave out, put into the finished file: data tracks, tags, languages, covers.

Why: phones write tracks of timed metadata (`mebx`, `mett`, `gpmd`) whose sample description libavformat does not copy,
without which nobody can read them; of the tags it writes a fixed list into MP4, or all of them in a form that leaves
the cover out (`use_metadata_tags`); a cover in MOV it drops without a word. Here the description is copied from the
input, and tags that are missing go into a `meta` box of keys and values (QuickTime File Format, Metadata), which
libavformat, QuickTime and ExifTool read.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal

from rtsr.sinks.boxes import Box, read_index, write_index

Form = Literal["mp4", "mov"]
HINT = b"hint"
"""Handler of a track that tells a server how to send the packets of another one."""
_UTF8, _JPEG, _PNG, _BMP = 1, 13, 14, 27
"""Well-known types of values, QuickTime File Format."""
_PICTURES = {"mjpeg": _JPEG, "png": _PNG, "bmp": _BMP}
_MEDIA_HEADS = (b"nmhd", b"gmhd", b"vmhd", b"smhd", b"sthd")


@dataclass(frozen=True, slots=True)
class Track:
    """What makes the packets of a data track readable."""

    handler: bytes
    """Four letters: `meta`, `tmcd`, `hint`, ..."""
    format: bytes
    """Four letters of its first sample description: `mebx`, `mett`, `gpmd`, ..."""
    head: tuple[bytes, bytes]
    """Kind and content of its media information header."""
    description: bytes
    """Content of its `stsd`."""


@dataclass(frozen=True, slots=True)
class Left:
    """What the muxer leaves out of one file. Tracks are counted from 0 in the order in which they were added."""

    tracks: Mapping[int, Track] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    languages: Mapping[int, str] = field(default_factory=dict)
    """Three letters; of MOV, where libavformat knows those of old Macintoshes only."""
    covers: Sequence[tuple[str, bytes]] = ()
    """(codec, picture) of each."""
    shapes: Mapping[int, Fraction] = field(default_factory=dict)
    """Width over height of samples; of Matroska and WebM, see `rtsr.sinks.ebml`."""


def data_tracks(path: str) -> dict[int, Track]:
    """The tracks of `path` that are neither sound nor picture, by their id; none where it has no index."""
    try:
        with Path(path).open("rb") as file:
            index = read_index(file)
    except OSError:
        return {}
    found: dict[int, Track] = {}
    for trak in index.moov.all(b"trak") if index is not None else ():
        place, handler, media = trak.find(b"tkhd"), trak.find(b"mdia", b"hdlr"), trak.find(b"mdia", b"minf")
        table = media.find(b"stbl", b"stsd") if media is not None else None
        if place is None or handler is None or media is None or table is None or len(table.content) < 16:
            continue
        head = next((box for box in media.boxes if box.kind in _MEDIA_HEADS), Box(b"nmhd", bytes(4)))
        (number,) = struct.unpack_from(">I", place.content, 20 if place.content[0] == 1 else 12)
        name = handler.content[8:12]
        if name not in (b"vide", b"soun"):
            found[number] = Track(name, table.content[12:16], (head.kind, _content(head)), table.content)
    return found


def complete(path: str, form: Form, left: Left) -> None:
    """Put what is `left` into the finished file `path`.

    Raises:
        OSError: it cannot be read or written.
        ValueError: its index cannot be completed, or is in fragments; the file is as it was.
    """
    with Path(path).open("r+b") as file:
        index = read_index(file)
        if index is None or index.moov.all(b"mvex"):
            raise ValueError("it has no index of the whole")
        traks = index.moov.all(b"trak")
        for number, track in left.tracks.items():
            _describe(traks[number], track)
        for number, language in left.languages.items():
            _speak(traks[number], language)
        if left.tags:
            index.moov.boxes.append(_meta(form, left.tags))
        if left.covers:
            _user_data(index.moov).boxes.append(_artwork(left.covers))
        write_index(file, index)


def _content(box: Box) -> bytes:
    return box.packed()[8:]


def _describe(trak: Box, track: Track) -> None:
    media, handler = trak.find(b"mdia", b"minf"), trak.find(b"mdia", b"hdlr")
    table = media.find(b"stbl", b"stsd") if media is not None else None
    if media is None or handler is None or table is None:
        raise ValueError("a track has no sample description")
    table.content = track.description
    handler.content = handler.content[:8] + track.handler + handler.content[12:]
    others = [box for box in media.boxes if box.kind not in _MEDIA_HEADS]
    media.boxes = [Box(*track.head), *others]


def _speak(trak: Box, language: str) -> None:
    """Give a track its language: three letters of five bits (ISO 14496-12, 8.4.2)."""
    media = trak.find(b"mdia", b"mdhd")
    if media is None:
        raise ValueError("a track has no media header")
    place = 32 if media.content[0] == 1 else 20
    first, second, third = (ord(letter) - 0x60 for letter in language)
    packed = struct.pack(">H", first << 10 | second << 5 | third)
    media.content = media.content[:place] + packed + media.content[place + 2 :]


def _meta(form: str, tags: Mapping[str, str]) -> Box:
    """Keys and their values; the box is a full one in MP4 and a plain one in QuickTime."""
    names = [struct.pack(">I4s", 8 + len(name.encode()), b"mdta") + name.encode() for name in tags]
    keys = Box(b"keys", struct.pack(">II", 0, len(names)) + b"".join(names))
    values = [
        Box(struct.pack(">I", number), Box(b"data", struct.pack(">II", _UTF8, 0) + value.encode()).packed())
        for number, value in enumerate(tags.values(), start=1)
    ]
    inner = [_handler(b"mdta", b"\0\0\0\0"), keys, Box(b"ilst", b"", values)]
    start = bytes(4) if form == "mp4" else b""
    return Box(b"meta", start + b"".join(box.packed() for box in inner))


def _artwork(covers: Sequence[tuple[str, bytes]]) -> Box:
    pictures = [Box(b"data", struct.pack(">II", _PICTURES[codec], 0) + picture) for codec, picture in covers]
    inner = [_handler(b"mdir", b"appl"), Box(b"ilst", b"", [Box(b"covr", b"", pictures)])]
    return Box(b"meta", bytes(4) + b"".join(box.packed() for box in inner))


def _handler(kind: bytes, maker: bytes) -> Box:
    return Box(b"hdlr", bytes(8) + kind + maker + bytes(9))


def _user_data(moov: Box) -> Box:
    there = moov.find(b"udta")
    if there is None:
        there = Box(b"udta")
        moov.boxes.append(there)
    return there
