"""The shape of pictures put into a finished Matroska or WebM file, where its muxer leaves it out.

Why: libavformat writes `DisplayWidth` and `DisplayHeight` only for streams whose shape was set where PyAV cannot set
it. H.264 and H.265 say it themselves; VP9, AV1, FFV1 and ProRes do not, and would be shown too narrow or too wide.

Elements are those of RFC 8794 (EBML) and RFC 9559 (Matroska). The muxer leaves room (`metadata_header_padding`) before
the first cluster, so that nothing behind it moves.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

PADDING = {"metadata_header_padding": "1024"}
"""Options of the muxer that leave room."""
_EBML, _SEGMENT, _CLUSTER, _SEEK_HEAD, _SEEK = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x114D9B74, 0x4DBB
_SEEK_ID, _SEEK_POSITION, _TRACKS, _TRACK, _VIDEO, _VOID, _CRC = 0x53AB, 0x53AC, 0x1654AE6B, 0xAE, 0xE0, 0xEC, 0xBF
_WIDTH, _HEIGHT, _SHOWN_WIDTH, _SHOWN_HEIGHT, _SHOWN_UNIT = 0xB0, 0xBA, 0x54B0, 0x54BA, 0x54B2
_MOST_HEAD = 1 << 26
"""Bytes before the first cluster; attached files are there too."""
_LEAST_VOID = 9


@dataclass(frozen=True, slots=True)
class _Element:
    id: int
    content: bytes

    def packed(self) -> bytes:
        return _id_bytes(self.id) + struct.pack(">Q", len(self.content) | 1 << 56) + self.content


def set_shapes(path: str, shapes: Mapping[int, Fraction]) -> None:
    """Say the shape of samples, width over height, of some tracks of `path`, which are counted from 0.

    Raises:
        OSError: it cannot be read or written.
        ValueError: it is not as libavformat writes it, or has no room; it is as it was.
    """
    with Path(path).open("r+b") as file:
        begin, end = _head_of(file)
        file.seek(begin)
        old = list(_parsed(file.read(end - begin)))
        new = _changed(old, shapes, end - begin)
        file.seek(begin)
        file.write(new)


def _head_of(file: BinaryIO) -> tuple[int, int]:
    """First byte of the segment's content, and of its first cluster."""
    start = file.read(_MOST_HEAD)
    at = 0
    number, length, at = _opening(start, at)
    if number != _EBML:
        raise ValueError("it is no EBML file")
    number, _, begin = _opening(start, at + length)
    if number != _SEGMENT:
        raise ValueError("it has no segment")
    at = begin
    while at < len(start):
        number, length, content = _opening(start, at)
        if number == _CLUSTER:
            return begin, at
        at = content + length
    raise ValueError("it has no cluster")


def _changed(old: list[_Element], shapes: Mapping[int, Fraction], room: int) -> bytes:
    """The elements with the shapes, as many bytes as before: the last Void gives what they need."""
    elements = [_shaped(one, shapes) if one.id == _TRACKS else one for one in old]
    last = max((n for n, one in enumerate(elements) if one.id == _VOID), default=-1)
    if last < 0:
        raise ValueError("it has no room")
    elements = [one for n, one in enumerate(elements) if one.id != _VOID or n == last]
    elements = [_seeking(one, {}) if one.id == _SEEK_HEAD else one for one in elements]  # as long as it will be
    void = next(n for n, one in enumerate(elements) if one.id == _VOID)
    rest = room - sum(len(one.packed()) for n, one in enumerate(elements) if n != void)
    if rest < _LEAST_VOID:
        raise ValueError("it has too little room")
    elements[void] = _Element(_VOID, bytes(rest - _LEAST_VOID))
    places = _places(elements)
    elements = [_seeking(one, places) if one.id == _SEEK_HEAD else one for one in elements]
    return b"".join(one.packed() for one in elements)


def _places(elements: list[_Element]) -> dict[int, int]:
    places, at = {}, 0
    for one in elements:
        places[one.id] = at
        at += len(one.packed())
    return places


def _seeking(head: _Element, places: Mapping[int, int]) -> _Element:
    """The seek head with where its elements lie now; those after the first cluster have not moved."""
    made = []
    for seek in _parsed(head.content):
        if seek.id != _SEEK:
            continue
        parts = {part.id: part.content for part in _parsed(seek.content)}
        number = int.from_bytes(parts[_SEEK_ID], "big")
        place = places.get(number, int.from_bytes(parts[_SEEK_POSITION], "big"))
        inner = [_Element(_SEEK_ID, parts[_SEEK_ID]), _Element(_SEEK_POSITION, struct.pack(">Q", place))]
        made.append(_Element(_SEEK, b"".join(one.packed() for one in inner)))
    return _checked(_SEEK_HEAD, b"".join(one.packed() for one in made))


def _shaped(tracks: _Element, shapes: Mapping[int, Fraction]) -> _Element:
    made, number = [], 0
    for one in _parsed(tracks.content):
        if one.id == _CRC:
            continue
        if one.id == _TRACK:
            if number in shapes:
                parts = [_shown(part, shapes[number]) if part.id == _VIDEO else part for part in _parsed(one.content)]
                one = _Element(_TRACK, b"".join(part.packed() for part in parts))
            number += 1
        made.append(one)
    return _checked(_TRACKS, b"".join(one.packed() for one in made))


def _shown(video: _Element, shape: Fraction) -> _Element:
    """With the size at which it is shown: one side as it is, so that nothing becomes smaller."""
    drop = (_SHOWN_WIDTH, _SHOWN_HEIGHT, _SHOWN_UNIT)
    parts = [part for part in _parsed(video.content) if part.id not in drop]
    width, height = (
        int.from_bytes(next(part.content for part in parts if part.id == wanted), "big") for wanted in (_WIDTH, _HEIGHT)
    )
    exact = Fraction(width) * shape
    times = exact.denominator  # both sides times as much, so that the shape is exact
    for number, side in ((_SHOWN_WIDTH, exact * times), (_SHOWN_HEIGHT, Fraction(height * times))):
        parts.append(_Element(number, struct.pack(">I", int(side))))
    return _Element(_VIDEO, b"".join(part.packed() for part in parts))


def _checked(number: int, content: bytes) -> _Element:
    """An element with the checksum of its content before it (RFC 8794, 11.3.1)."""
    return _Element(number, _Element(_CRC, struct.pack("<I", zlib.crc32(content))).packed() + content)


def _parsed(content: bytes) -> Iterator[_Element]:
    at = 0
    while at < len(content):
        number, length, begin = _opening(content, at)
        if begin + length > len(content):
            raise ValueError(f"an element {number:X} of {length} bytes in {len(content) - begin}")
        yield _Element(number, content[begin : begin + length])
        at = begin + length


def _opening(content: bytes, at: int) -> tuple[int, int, int]:
    """(id, bytes of content, first byte of it) of the element at `at`."""
    number, at = _number(content, at, marked=True)
    length, at = _number(content, at, marked=False)
    return number, length, at


def _number(content: bytes, at: int, *, marked: bool) -> tuple[int, int]:
    """A number of variable length (RFC 8794, 4), with or without the bit that marks its length, and what is after."""
    if at >= len(content) or not content[at]:
        raise ValueError("a number of no length")
    size = 9 - content[at].bit_length()
    if at + size > len(content):
        raise ValueError("a number that is cut short")
    value = int.from_bytes(content[at : at + size], "big")
    return value if marked else value & ((1 << 7 * size) - 1), at + size


def _id_bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")
