"""Damage to media files, as cables, disks and spite do it: eight kinds, all from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

_HEAD = 4096
_TELLING = (b"moov", b"trak", b"stts", b"stsz", b"ctts", b"avcC", b"hvcC", b"elst", b"tkhd", b"mdhd", b"moof", b"IHDR")
"""Names of boxes near which a byte means much."""
_VALUES = (
    b"\x00", b"\xff", b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\xff\xff\xff\xff", b"\x00\x00\x00\x00",
    b"\x00\x01\x00\x00", b"\x00\x00\x00\x01", b"\x40\x00\x00\x00", b"\xff" * 8, b"\x00" * 8, b"%s%n", b"\xc3\x28",
)  # fmt: skip
Mutation = Callable[[bytearray, bytes, random.Random], None]
"""Damages the first, with bytes of the second where it takes any."""


def _place(data: bytearray, rng: random.Random) -> int:
    """Half of the time near the head or a telling name, else anywhere."""
    telling = [at for name in _TELLING if (at := data.find(name)) >= 0]
    if telling and rng.random() < 0.4:
        return min(len(data) - 1, rng.choice(telling) + rng.randrange(0, 64))
    return rng.randrange(min(len(data), _HEAD) if rng.random() < 0.4 else len(data))


def _flip_bits(data: bytearray, _other: bytes, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 3, 10, 60))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _flip_head(data: bytearray, _other: bytes, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 2, 5))):
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _edit(data: bytearray, _other: bytes, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 2, 4))):
        value, at = rng.choice(_VALUES), _place(data, rng)
        data[at : at + len(value)] = value


def _truncate(data: bytearray, _other: bytes, rng: random.Random) -> None:
    del data[rng.randrange(1, len(data)) :]


def _splice(data: bytearray, other: bytes, rng: random.Random) -> None:
    length = rng.randrange(1, min(len(other), 4096) + 1)
    begin, at = rng.randrange(len(other) - length + 1), rng.randrange(len(data))
    data[at : at + rng.choice((0, length))] = other[begin : begin + length]


def _remove(data: bytearray, _other: bytes, rng: random.Random) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.randrange(1, max(2, len(data) // 8))]


def _repeat(data: bytearray, _other: bytes, rng: random.Random) -> None:
    at = rng.randrange(len(data))
    data[at:at] = data[at : at + rng.randrange(1, max(2, len(data) // 8))]


def _blank(data: bytearray, _other: bytes, rng: random.Random) -> None:
    at = rng.randrange(len(data))
    length = min(len(data) - at, rng.randrange(1, max(2, len(data) // 8)))
    data[at : at + length] = bytes(length)


MUTATIONS: dict[str, Mutation] = {
    "flip bits": _flip_bits,
    "flip in the head": _flip_head,
    "edit a field": _edit,
    "truncate": _truncate,
    "splice": _splice,
    "remove": _remove,
    "repeat": _repeat,
    "blank": _blank,
}


def mutated(number: int, seed: int, sources: Sequence[bytes]) -> tuple[int, str, bytes]:
    """The file `number` of the run `seed`: which source it was made of, by what damage, and its bytes."""
    rng = random.Random(f"{seed}/{number}")
    which = number % len(sources)
    name = rng.choice(list(MUTATIONS))
    data = bytearray(sources[which])
    MUTATIONS[name](data, rng.choice(sources), rng)
    return which, name, bytes(data)
