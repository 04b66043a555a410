"""What rides with a decoded picture beside its pixels: orientation, and what high dynamic range needs.

Layouts are those of libavutil 60: AVMasteringDisplayMetadata is ten rationals and two flags, AVContentLightMetadata
two numbers. Decoders also attach what only the container says (MP4's mdcv and clli, Matroska's MasteringMetadata).
"""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Any

import av

from rtsr.errors import SourceError
from rtsr.hdr import ContentLight, Hdr, MasteringDisplay
from rtsr.sources.opening import first_video, open_container

_RATIONALS = 10
_DOLBY_VISION = ("DOVI_RPU_BUFFER", "DOVI_METADATA")


def display_matrix_of(picture: av.VideoFrame) -> tuple[int, ...] | None:
    """9 integers of ISO 14496-12's matrix, 16.16 and 2.30 fixed point; None where there is none."""
    side: Any = picture.side_data.get("DISPLAYMATRIX")
    return None if side is None else struct.unpack("=9i", bytes(side))


def first_look(path: str) -> tuple[tuple[int, ...] | None, Hdr]:
    """`display_matrix_of` and `hdr_of` the first picture of a file. Raises SourceError where it has none."""
    with open_container(path) as container:
        for picture in container.decode(first_video(path, container)):
            return display_matrix_of(picture), hdr_of(picture)
    raise SourceError(f"{path} has no picture that can be decoded", mend="make it again")


def hdr_of(picture: av.VideoFrame) -> Hdr:
    """What `picture` says of mastering display, content light, and metadata that changes from frame to frame."""
    sides: Any = picture.side_data  # a mapping by name that gives its values when it is walked through
    kinds = frozenset(side.type.name for side in sides)
    mastering, light = sides.get("MASTERING_DISPLAY_METADATA"), sides.get("CONTENT_LIGHT_LEVEL")
    return Hdr(
        mastering=None if mastering is None else _mastering(bytes(mastering)),
        light=None if light is None else ContentLight(*struct.unpack("=2I", bytes(light)[:8])),
        ambient="AMBIENT_VIEWING_ENVIRONMENT" in kinds,
        dovi=not kinds.isdisjoint(_DOLBY_VISION),
        hdr10plus="DYNAMIC_HDR_PLUS" in kinds,
    )


def _mastering(data: bytes) -> MasteringDisplay | None:
    """The ten numbers; the flags after them, by which decoders say that numbers are beyond sense, follow from them."""
    values = [
        Fraction(above, below) if below else Fraction(0)
        for above, below in struct.iter_unpack("=2i", data[: 8 * _RATIONALS])
    ]
    if not any(values):
        return None
    xy = [(values[at], values[at + 1]) for at in range(0, 8, 2)]
    return MasteringDisplay((xy[0], xy[1], xy[2]), xy[3], (values[8], values[9]))
