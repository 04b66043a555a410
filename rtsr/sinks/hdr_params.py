"""Mastering display and content light as the encoders' own libraries spell them.

x264 and x265 count colours in 1/50000 and luminance in 1/10000 cd/m2, as their bitstreams do. AV1 stores fractions of
1/65536, 1/256 cd/m2 for the brightest and 1/16384 for the darkest, which is what comes back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

    from rtsr.hdr import ContentLight, Hdr, MasteringDisplay

_XY_PER_1, _LUMINANCE_PER_1 = 50_000, 10_000


def hdr_params(codec: str, hdr: Hdr) -> list[str]:
    """`key=value` settings that make `codec` write the static metadata of `hdr`; empty where there is none.

    Raises:
        KeyError: the encoder has no words for it.
    """
    if hdr.mastering is None and hdr.light is None:
        return []
    return _SPELLINGS[codec](hdr.mastering, hdr.light)


def spells_hdr(codec: str, hdr: Hdr) -> bool:
    """Whether `codec` can write all static metadata that `hdr` has."""
    return codec in _SPELLINGS or (hdr.mastering is None and hdr.light is None)


def _x264(mastering: MasteringDisplay | None, light: ContentLight | None) -> list[str]:
    return _mastering("mastering-display", mastering, _XY_PER_1, _LUMINANCE_PER_1) + _light("cll", light)


def _x265(mastering: MasteringDisplay | None, light: ContentLight | None) -> list[str]:
    told = _mastering("master-display", mastering, _XY_PER_1, _LUMINANCE_PER_1) + _light("max-cll", light)
    return [*told, "hdr10=1", "repeat-headers=1"]


def _svtav1(mastering: MasteringDisplay | None, light: ContentLight | None) -> list[str]:
    return _mastering("mastering-display", mastering, None, None) + _light("content-light", light)


def _light(key: str, light: ContentLight | None) -> list[str]:
    return [] if light is None else [f"{key}={light.max_cll},{light.max_fall}"]


def _mastering(key: str, told: MasteringDisplay | None, xy_unit: int | None, luminance_unit: int | None) -> list[str]:
    """Green before blue before red, white, then the brightest before the darkest, as all three libraries want it."""
    if told is None:
        return []
    red, green, blue = told.primaries
    low, high = told.luminance
    pairs = [("G", green, xy_unit), ("B", blue, xy_unit), ("R", red, xy_unit), ("WP", told.white, xy_unit)]
    pairs.append(("L", (high, low), luminance_unit))
    return [f"{key}=" + "".join(f"{name}({_in(a, unit)},{_in(b, unit)})" for name, (a, b), unit in pairs)]


def _in(value: Fraction, per_1: int | None) -> str:
    return f"{float(value):.6f}" if per_1 is None else str(round(value * per_1))


_SPELLINGS = {"libx264": _x264, "libx265": _x265, "libsvtav1": _svtav1}


_OF_PICTURES = ("dovi", "ambient viewing", "mastering display", "content light", "hdr", "frame cropping")


def is_of_pictures(words: str) -> bool:
    """Whether a line of `side_data_of` tells of what an encoder carries or not: `rtsr.sinks.choice` has its fate."""
    return words.lower().startswith(_OF_PICTURES)
