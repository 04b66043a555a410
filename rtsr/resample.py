"""The exact bicubic: MATLAB's `imresize` on 8-bit pictures, the yardstick of every super-resolution table.

Cubic convolution (Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29(6), 1981)
with a = -1/2, stretched by the factor when it shrinks (antialiasing), symmetric borders, the vertical pass first, and
rounding to 8 bit after each pass. Most re-implementations miss one of the roundings, which moves one pixel in seven.

Why: it is numpy alone, because the product carries no torch; a test holds it equal to torch's antialiased bicubic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

F = TypeVar("F", np.float32, np.float64)
_RADIUS = 2.0


def bicubic_downscale(picture: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """The low-resolution picture that benchmarks define for `picture`.

    Takes (H, W) or (H, W, C) uint8, each side a multiple of `scale` (see `rtsr.metrics.modcrop`); gives (H/scale,
    W/scale[, C]) uint8. Raises ValueError when a side is not a multiple of the scale.
    """
    height, width = picture.shape[:2]
    if height % scale or width % scale:
        raise ValueError(f"sides {width}x{height} are no multiples of {scale}")
    return _resize(picture, height // scale, width // scale)


def bicubic_upscale(picture: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    """The bicubic enlargement that stands in every table: (H, W[, C]) uint8 to (scale*H, scale*W[, C]) uint8."""
    height, width = picture.shape[:2]
    return _resize(picture, height * scale, width * scale)


def bicubic_enlarge(plane: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """The same without any rounding: (H, W) float32, any range, to (scale*H, scale*W), not clipped."""
    height, width = plane.shape
    return _sampled(_sampled(plane, 0, height * scale, np.float32), 1, width * scale, np.float32)


def _resize(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    return _pass(_pass(picture, 0, height), 1, width)


def _pass(picture: NDArray[np.uint8], axis: int, length: int) -> NDArray[np.uint8]:
    """Resize one axis to `length` and round to 8 bit, half to even."""
    if picture.shape[axis] == length:
        return picture
    return np.rint(_sampled(picture, axis, length, np.float64)).clip(0, 255).astype(np.uint8)


def _sampled(picture: NDArray[Any], axis: int, length: int, dtype: type[F]) -> NDArray[F]:
    """Resize one axis to `length`, computing in `dtype`."""
    source: NDArray[Any] = np.moveaxis(picture, axis, 0)
    index, weight = _taps(source.shape[0], length)
    total = np.zeros((length, *source.shape[1:]), dtype)
    for tap in range(index.shape[1]):
        total += weight[:, tap].astype(dtype).reshape(-1, *[1] * (source.ndim - 1)) * source[index[:, tap]]
    return np.moveaxis(total, 0, axis)


def _taps(source: int, target: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Which source samples make each target sample, and with what weight: both (target, taps), weights sum to 1."""
    factor = target / source
    stretch = max(1.0, 1.0 / factor)
    centre = (np.arange(target) + 0.5) / factor - 0.5
    first = np.ceil(centre - _RADIUS * stretch).astype(np.intp)
    index = first[:, None] + np.arange(int(2 * _RADIUS * stretch) + 2)
    weight = _cubic((index - centre[:, None]) / stretch)
    weight /= weight.sum(axis=1, keepdims=True)
    return _mirror(index, source), weight


def _mirror(index: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Fold any index into 0..length-1 by symmetric reflection, the edge sample repeated: -1 is 0, -2 is 1."""
    folded = index % (2 * length)
    return np.minimum(folded, 2 * length - 1 - folded)


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' kernel with a = -1/2: 1 at 0, 0 at the other integers, 0 outside -2..2."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x <= 1.0, near, np.where(x < _RADIUS, far, 0.0))


def bicubic_phases(scale: int, kernel_size: int) -> NDArray[np.float64]:
    """Bicubic enlargement as `scale`^2 filters, (scale^2, kernel_size^2), in the order of a pixel shuffle.

    Without the rounding between the passes. `kernel_size` is odd, 5 or more: filters of 5x5 hold the 4x4 that bicubic
    needs. Raises ValueError below that.
    """
    reach = kernel_size // 2
    if kernel_size % 2 == 0 or reach < _RADIUS:
        raise ValueError(f"bicubic needs odd filters of 5 or more, got {kernel_size}")
    offset = (np.arange(scale) + 0.5) / scale - 0.5
    line = _cubic(np.arange(-reach, reach + 1) - offset[:, None])
    return (line[:, None, :, None] * line[None, :, None, :]).reshape(scale**2, kernel_size**2)
