"""The boxes of ISO 14496-12 files (MP4, QuickTime): the index `moov` read, changed and put back in its place."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

_NESTED = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"udta"})
"""Boxes that are looked into."""
_MOST_BYTES = 1 << 28
"""An index that is larger is not one."""
_BLOCK = 1 << 24


@dataclass(slots=True)
class Box:
    """One box; of a nested one the boxes in it, of any other its content."""

    kind: bytes
    content: bytes = b""
    boxes: list[Box] = field(default_factory=list)

    def packed(self) -> bytes:
        """As it lies in a file."""
        content = b"".join(box.packed() for box in self.boxes) + self.content
        return struct.pack(">I4s", 8 + len(content), self.kind) + content

    def all(self, kind: bytes) -> list[Box]:
        """The boxes of a kind directly in this one."""
        return [box for box in self.boxes if box.kind == kind]

    def find(self, *path: bytes) -> Box | None:
        """The first box down `path`."""
        here = self
        for kind in path:
            inner = here.all(kind)
            if not inner:
                return None
            here = inner[0]
        return here


@dataclass(frozen=True, slots=True)
class Index:
    """The `moov` of a file and where it lies."""

    moov: Box
    begin: int
    end: int
    """First byte after it."""
    size: int
    """Of the file."""


def read_index(file: BinaryIO) -> Index | None:
    """The index of a file; None where it has none, or one that is damaged."""
    size = file.seek(0, os.SEEK_END)
    for kind, begin, head, end in _on_top(file, size):
        if kind == b"moov":
            if end - begin > _MOST_BYTES:
                return None
            file.seek(begin + head)
            try:
                return Index(Box(b"moov", b"", list(_parsed(file.read(end - begin - head)))), begin, end, size)
            except ValueError:
                return None
    return None


def write_index(file: BinaryIO, index: Index) -> None:
    """Put a changed index in the place of the old one; what lies after it moves, and what points there goes along.

    Raises:
        ValueError: a 32-bit place would not reach any more; nothing is changed.
    """
    moved = len(index.moov.packed()) - (index.end - index.begin)
    if index.end < index.size:
        _move_chunks(index.moov, index.end, moved)
        _move_tail(file, index.end, index.size, moved)
    file.seek(index.begin)
    file.write(index.moov.packed())
    file.truncate(index.size + moved)


def _on_top(file: BinaryIO, size: int) -> Iterator[tuple[bytes, int, int, int]]:
    """(kind, begin, bytes of its head, end) of the boxes of a file."""
    at = 0
    while at + 8 <= size:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        head = 8
        if length == 1:
            (length,), head = struct.unpack(">Q", file.read(8).ljust(8, b"\0")), 16
        length = length or size - at
        if length < head or at + length > size:
            return
        yield kind, at, head, at + length
        at += length


def _parsed(content: bytes) -> Iterator[Box]:
    at = 0
    while at + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        if length == 0 and len(content) - at < 8 + 4:  # QuickTime ends its user data with a zero
            break
        if length < 8 or at + length > len(content):
            raise ValueError(f"a box {kind!r} of {length} bytes in {len(content) - at}")
        inner = content[at + 8 : at + length]
        yield Box(kind, b"", list(_parsed(inner))) if kind in _NESTED else Box(kind, inner)
        at += length


def _move_chunks(moov: Box, after: int, moved: int) -> None:
    """Add `moved` to every chunk offset that points beyond `after`."""
    made: list[tuple[Box, bytes]] = []
    for trak in moov.all(b"trak"):
        table = trak.find(b"mdia", b"minf", b"stbl")
        for kind, code, most in ((b"stco", "I", 2**32), (b"co64", "Q", 2**64)):
            for box in table.all(kind) if table is not None else ():
                (count,) = struct.unpack_from(">I", box.content, 4)
                places = struct.unpack_from(f">{count}{code}", box.content, 8)
                there = [place + moved if place >= after else place for place in places]
                if any(place >= most for place in there):
                    raise ValueError("a chunk would lie beyond 4 GiB")
                made.append((box, box.content[:8] + struct.pack(f">{count}{code}", *there)))
    for box, content in made:
        box.content = content


def _move_tail(file: BinaryIO, begin: int, end: int, moved: int) -> None:
    """Move the bytes from `begin` to `end`, the last ones first when they move back, so that none is overwritten."""
    starts = range(begin, end, _BLOCK)
    for at in reversed(starts) if moved > 0 else starts:
        file.seek(at)
        block = file.read(min(_BLOCK, end - at))
        file.seek(at + moved)
        file.write(block)
