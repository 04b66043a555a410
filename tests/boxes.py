"""Writes into files what libav's muxers do not: an MP4 clean aperture, a Matroska pixel crop."""

import struct
from pathlib import Path

_PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")


def add_clean_aperture(path: Path, size: tuple[int, int], crop: tuple[int, int, int, int]) -> Path:
    """Insert ISO 14496-12's `clap` into the first sample entry of an MP4 whose moov lies behind its data.

    Args:
        path: changed in place.
        size: of the coded picture.
        crop: left, top, right, bottom.
    """
    data = bytearray(path.read_bytes())
    at = [data.index(name) - 4 for name in _PARENTS]
    entry = at[-1] + 16
    length = struct.unpack_from(">I", data, entry)[0]
    left, top, right, bottom = crop
    width, height = size[0] - left - right, size[1] - top - bottom
    across, down = left - right, top - bottom  # twice the way from the middle
    box = struct.pack(">I4s8i", 40, b"clap", width, 1, height, 1, across, 2, down, 2)
    for place in [*at, entry]:
        struct.pack_into(">I", data, place, struct.unpack_from(">I", data, place)[0] + len(box))
    data[entry + length : entry + length] = box
    path.write_bytes(data)
    return path


def add_pixel_crop(path: Path, crop: tuple[int, int, int, int]) -> Path:
    """Add PixelCropLeft, Top, Right and Bottom (RFC 9559) to the only track of a Matroska file without an index.

    Args:
        path: changed in place; written with the muxer's option `live`.
        crop: left, top, right, bottom.
    """
    data = path.read_bytes()
    names = (0x54CC, 0x54BB, 0x54DD, 0x54AA)
    added = b"".join(struct.pack(">HBH", name, 0x82, value) for name, value in zip(names, crop, strict=True))
    begin = data.rindex(b"\x16\x54\xae\x6b")  # the first one is in the list of places
    path.write_bytes(data[:begin] + _grown(data[begin:], (b"\x16\x54\xae\x6b", b"\xae", b"\xe0"), added))
    return path


def _grown(data: bytes, names: tuple[bytes, ...], added: bytes) -> bytes:
    """`data`, which begins with the first of the nested elements `names`, with `added` at the end of the last one."""
    name, *inner = names
    begin = len(name)
    length, size = _number(data, begin)
    body, after = data[begin + length : begin + length + size], data[begin + length + size :]
    if inner:
        at = 0
        while not body.startswith(inner[0], at):  # from child to child: any bytes may be within one
            at += 9 - body[at].bit_length()
            at += sum(_number(body, at))
        body = body[:at] + _grown(body[at:], tuple(inner), added)
    else:
        body += added
    return name + (len(body) | 1 << 56).to_bytes(8, "big") + body + after


def _number(data: bytes, at: int) -> tuple[int, int]:
    """How many bytes an EBML size takes, and what it says."""
    length = 9 - data[at].bit_length()
    return length, int.from_bytes(data[at : at + length], "big") & ~(1 << 7 * length)


def set_block_times(path: Path, times: list[int]) -> Path:
    """Give the blocks of the only track of a Matroska file other times, in milliseconds.

    Args:
        path: changed in place; written with the muxer's option `live`.
        times: one for each block, within 32 s of its own; decreasing and doubled ones too.
    """
    data = bytearray(path.read_bytes())
    at = data.index(_CLUSTER, data.rindex(b"\x16\x54\xae\x6b"))
    begin = 0
    for pts in times:
        while data[at] != 0xA3:  # SimpleBlock
            if data[at : at + 4] == _CLUSTER:
                at += 4 + _number(data, at + 4)[0]
                continue
            length, size = _number(data, at + 1)
            if data[at] == 0xE7:  # Timestamp of the cluster
                begin = int.from_bytes(data[at + 1 + length : at + 1 + length + size], "big")
            at += 1 + length + size
        length, size = _number(data, at + 1)
        struct.pack_into(">h", data, at + 1 + length + 1, pts - begin)
        at += 1 + length + size
    path.write_bytes(data)
    return path


_CLUSTER = b"\x1f\x43\xb6\x75"
