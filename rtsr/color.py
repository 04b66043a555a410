"""What the code values of a picture mean: matrix, range, transfer, primaries and chroma siting.

Matrix, transfer and primaries are the code points of ITU-T H.273 (2 = unspecified), so they pass from container
to container as the numbers they are. Unspecified stays unspecified on the way to a file; only showing a picture
needs a guess, and `Color.for_display` is the one place that makes it.
"""

from dataclasses import dataclass, replace
from enum import Enum, IntEnum

UNSPECIFIED = 2
"""H.273 code point "unspecified" of matrix, transfer and primaries."""
BT709, SMPTE170M, BT2020_NCL = 1, 6, 9
_KR_KB = {
    BT709: (0.2126, 0.0722),
    4: (0.30, 0.11),  # FCC 73.682
    5: (0.299, 0.114),  # BT.470 BG
    SMPTE170M: (0.299, 0.114),
    7: (0.212, 0.087),  # SMPTE 240M
    BT2020_NCL: (0.2627, 0.0593),
    10: (0.2627, 0.0593),  # BT.2020 constant luminance, shown as if it were not constant
}


class Range(IntEnum):
    """Which code values are black and white."""

    UNSPECIFIED = 0
    LIMITED = 1
    """Luma 16 to 235, chroma 16 to 240, times 2**(bits - 8)."""
    FULL = 2


class Siting(Enum):
    """Where a subsampled chroma sample lies, by FFmpeg's names."""

    UNSPECIFIED = "unspecified"
    LEFT = "left"
    """MPEG-2, H.264, HEVC default: on the left luma column, between two rows."""
    CENTER = "center"
    """JPEG, MPEG-1: amid four luma samples."""
    TOP_LEFT = "topleft"
    """BT.2020: on the top left luma sample."""
    TOP = "top"
    BOTTOM_LEFT = "bottomleft"
    BOTTOM = "bottom"

    @property
    def offset_xy(self) -> tuple[float, float]:
        """Distance of a 4:2:0 chroma sample from the middle of its 2x2 luma block, in luma samples."""
        return self.offset_in((2, 2))

    def offset_in(self, block_wh: tuple[int, int]) -> tuple[float, float]:
        """The same in a block of other sides: 2, 1 of 4:2:2 has left or centre only, 1, 1 of 4:4:4 has no choice."""
        across, down = ((side - 1) / 2 for side in block_wh)
        x = -across if self in _ON_LEFT_COLUMN else 0.0
        y = -down if self in (Siting.TOP_LEFT, Siting.TOP) else 0.0
        return x, down if self in (Siting.BOTTOM_LEFT, Siting.BOTTOM) else y


_ON_LEFT_COLUMN = (Siting.UNSPECIFIED, Siting.LEFT, Siting.TOP_LEFT, Siting.BOTTOM_LEFT)


@dataclass(frozen=True, slots=True)
class Color:
    """The colour tags of one stream, as it carries them."""

    matrix: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    primaries: int = UNSPECIFIED
    range: Range = Range.UNSPECIFIED
    siting: Siting = Siting.UNSPECIFIED

    def for_display(self, height: int) -> "Color":
        """The same with every unknown replaced by what players assume.

        BT.709 from 720 lines on and BT.601 below, limited range, chroma on the left.
        """
        guess = BT709 if height >= 720 else SMPTE170M
        return replace(
            self,
            matrix=self.matrix if self.matrix in _KR_KB else guess,
            range=self.range or Range.LIMITED,
            siting=Siting.LEFT if self.siting is Siting.UNSPECIFIED else self.siting,
        )


def rgb_from_ycbcr(
    color: Color, bits: int = 8
) -> tuple[tuple[tuple[float, float, float], ...], tuple[float, float, float]]:
    """The 3x3 matrix M and offset o with RGB = M (YCbCr - o), all values 0..1 (H.273 equations).

    Args:
        color: with matrix and range known, see `Color.for_display`.
        bits: of the code values, whose largest is the 1.
    """
    kr, kb = _KR_KB[color.matrix]
    kg = 1.0 - kr - kb
    limited = color.range is not Range.FULL
    peak, unit = (1 << bits) - 1, 1 << (bits - 8)
    y = peak / (219 * unit) if limited else 1.0
    c = peak / (224 * unit) if limited else 1.0
    matrix = (
        (y, 0.0, c * 2 * (1 - kr)),
        (y, -c * 2 * (1 - kb) * kb / kg, -c * 2 * (1 - kr) * kr / kg),
        (y, c * 2 * (1 - kb), 0.0),
    )
    return matrix, (16 * unit / peak if limited else 0.0, 128 * unit / peak, 128 * unit / peak)
