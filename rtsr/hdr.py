"""What a high dynamic range stream says of the display it was mastered on, and of how bright it gets.

Mastering display is SMPTE ST 2086, content light CTA-861.3; both are exact: coordinates in units of 1/50000, luminance
in units of 1/10000 cd/m2, as bitstreams carry them. Dolby Vision and HDR10+ (SMPTE ST 2094-10 and -40) change from
frame to frame; they, and the ambient viewing environment (H.274 8.18), are only known to be there.
"""

from dataclasses import dataclass
from fractions import Fraction

XY = tuple[Fraction, Fraction]
"""A colour by its CIE 1931 x and y."""


@dataclass(frozen=True, slots=True)
class MasteringDisplay:
    """The display that the pictures were made on, by the numbers of the stream; those beyond sense are unknown."""

    primaries: tuple[XY, XY, XY]
    """Red, green, blue, or whatever order the stream has them in."""
    white: XY
    luminance: tuple[Fraction, Fraction]
    """Darkest and brightest, cd/m2."""


@dataclass(frozen=True, slots=True)
class ContentLight:
    """How bright the content gets, cd/m2; 0 is unknown."""

    max_cll: int
    """Of the brightest pixel."""
    max_fall: int
    """Of the brightest frame, in the mean."""


@dataclass(frozen=True, slots=True)
class Hdr:
    """What a stream carries beside its colour tags."""

    mastering: MasteringDisplay | None = None
    light: ContentLight | None = None
    ambient: bool = False
    """The light in the room that it was made for is told."""
    dovi: bool = False
    """Dolby Vision metadata is there."""
    hdr10plus: bool = False
    """HDR10+ metadata is there."""
