"""Pictures in red, green and blue to planes of YCbCr and back, each sample rounded once (ITU-T H.273 equations)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtsr.color import BT709, Color, Range, rgb_from_ycbcr
from rtsr.frame import PixelLayout, Plane

Rgb = NDArray[np.uint8] | NDArray[np.uint16]
"""(H, W, 3) uint8 or uint16, R'G'B', full range: 255 or 65535 is white."""
Planes = tuple[Plane, Plane, Plane]
_SRGB_TRANSFER = 13
"""H.273 code point of IEC 61966-2-1."""
PICTURE_COLOR = Color(BT709, _SRGB_TRANSFER, BT709, Range.FULL)
"""Of pictures that came as RGB. Why BT.709 whatever their size: they have no matrix, so one is chosen, and tagged."""


def layout_for(rgb: Rgb) -> PixelLayout:
    """4:4:4 with as many bits."""
    return PixelLayout(8 * rgb.dtype.itemsize, 0, 0)


def ycbcr_from(rgb: Rgb) -> Planes:
    """Y, Cb, Cr of a picture in `PICTURE_COLOR` and `layout_for(rgb)`."""
    layout = layout_for(rgb)
    matrix, offset = rgb_from_ycbcr(PICTURE_COLOR, layout.bits)
    inverse = np.linalg.inv(np.array(matrix)).astype(np.float32)
    shift = np.array(offset, np.float32) * layout.peak
    return _applied(rgb, inverse, shift, layout.peak, layout.dtype)


def rgb_from(planes: Planes, color: Color, layout: PixelLayout) -> Rgb:
    """The picture that 4:4:4 planes show: 8 bit of 8-bit planes, else 16 bit.

    Args:
        planes: (H, W) each, as `color` and `layout` say.
        color: with nothing unknown (`Color.for_display`).
        layout: 4:4:4.
    """
    matrix, offset = rgb_from_ycbcr(color, layout.bits)
    target: np.dtype[Any] = np.dtype(np.uint8) if layout.bits == 8 else np.dtype(np.uint16)
    gain = np.float32(np.iinfo(target).max / layout.peak)
    mixed = np.array(matrix, np.float32) * gain
    shift = -mixed @ (np.array(offset, np.float32) * np.float32(layout.peak))
    whole: NDArray[Any] = np.stack(planes, axis=-1)
    shown: NDArray[Any] = np.stack(_applied(whole, mixed, shift, int(np.iinfo(target).max), target), axis=-1)
    return shown


def _applied(
    samples: NDArray[Any], matrix: NDArray[np.float32], shift: NDArray[np.float32], peak: int, dtype: np.dtype[Any]
) -> Planes:
    """Three planes: matrix times each sample, plus `shift`, rounded and cut to 0..peak."""
    mixed = samples.astype(np.float32) @ matrix.T + shift
    np.clip(np.rint(mixed, out=mixed), 0, peak, out=mixed)
    first, second, third = (np.ascontiguousarray(mixed[..., at].astype(dtype)) for at in range(3))
    return first, second, third
