"""Whether a coded H.264 or H.265 picture is one that decoding can begin at, exactly: its NAL units tell.

ITU-T H.264: 7.3.1 and table 7-1 (units), D.1.8 and D.2.8 (recovery point); H.265: 7.3.1 and table 7-1. How units lie in
a packet: annex B of both, or ISO/IEC 14496-15, 5.3.3.1 and 8.3.3.1 (lengths before them).
"""

from __future__ import annotations

from collections.abc import Iterator

_H264_IDR, _H264_SEI, _H264_SLICES = 5, 6, (1, 2, 5)
_HEVC_RANDOM_ACCESS = range(16, 22)
"""BLA, IDR and CRA: pictures shown after one of them refer to nothing before it."""
_RECOVERY_POINT = 6
_MOST_UNITS = 64
"""As many are looked at; parameter sets and SEI before a first slice are a handful."""


def begins_exactly(codec: str, packet: bytes, extradata: bytes) -> bool:
    """Whether pictures shown from this one on are decoded exactly without anything before it.

    Args:
        codec: h264 or hevc.
        packet: one coded picture.
        extradata: the decoder configuration of the stream, avcC or hvcC; anything else means annex B.
    """
    at = 4 if codec == "h264" else 21
    lengths = len(extradata) > at and extradata[0] == 1
    size = (extradata[at] & 3) + 1 if lengths else 0
    for number, unit in enumerate(_prefixed(packet, size) if size else _annex_b(packet)):
        if not unit or number > _MOST_UNITS:
            return False
        if codec == "hevc":
            kind = unit[0] >> 1 & 0x3F
            if kind < 32:  # the first slice
                return kind in _HEVC_RANDOM_ACCESS
        elif (kind := unit[0] & 0x1F) == _H264_SEI and _is_exact_recovery_point(unit[1:]):
            return True
        elif kind in _H264_SLICES:
            return kind == _H264_IDR
    return False


def _prefixed(packet: bytes, size: int) -> Iterator[bytes]:
    """The units of a packet that has the length of each in `size` bytes before it."""
    at = 0
    while at + size < len(packet):
        length = int.from_bytes(packet[at : at + size], "big")
        yield packet[at + size : at + size + length]
        at += size + length


def _annex_b(packet: bytes) -> Iterator[bytes]:
    """The units of a packet that has 00 00 01 before each."""
    begin = packet.find(b"\0\0\1")
    while begin >= 0:
        end = packet.find(b"\0\0\1", begin + 3)
        yield packet[begin + 3 :] if end < 0 else packet[begin + 3 : end]
        begin = end


def _is_exact_recovery_point(sei: bytes) -> bool:
    """Whether a message says that pictures are exact from this one on: recovery_frame_cnt 0, exact_match_flag 1."""
    sei = sei.replace(b"\0\0\3", b"\0\0")  # emulation prevention
    at = 0
    while at + 2 < len(sei):
        numbers = []
        for _ in range(2):  # payload type, then size: each byte of 255 says that the number goes on
            number = 0
            while at < len(sei) - 1 and sei[at] == 255:
                number, at = number + 255, at + 1
            numbers.append(number + sei[at])
            at += 1
            if at >= len(sei):
                return False
        kind, size = numbers
        if kind == _RECOVERY_POINT:
            return sei[at] >> 6 == 0b11  # ue(v) of 0 is one set bit, and exact_match_flag follows it
        at += size
    return False
