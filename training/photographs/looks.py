"""What a picture looks like, in numbers: photograph or drawing, sharp or not, the same as another or not.

All limits were set by looking at the pictures of the packages in `debs.py`, sorted by each number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

CELL_PX = 16
"""Side of the squares that detail is measured on."""
_FLAT = 0.15
"""Contrast below which a cell has not even a sensor's noise. Sky of a photograph, reduced by 2, has 0.3 or more."""
_FLAT_PART = 0.5
"""A picture with more flat cells is a drawing, a logo on plain colour, or a silhouette: nothing is lost with it."""
_COLOURS = 0.09
"""Distinct colours per pixel looked at. Logos and most renders have less, as have black-and-white photographs."""
_LOOKED_AT = 100_000
_NOISE = 0.8
_SIDE = 24
"""Side of a fingerprint."""


def contrast(luma: np.ndarray, cell_px: int = CELL_PX) -> np.ndarray:
    """Mean absolute Laplacian of each cell: (H, W) float32, 0..255, to (H // cell_px, W // cell_px) float32, 0..255."""
    padded = np.pad(luma, 1, mode="edge")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    height, width = (side // cell_px for side in luma.shape)
    cells = np.abs(luma - around / 4.0)[: height * cell_px, : width * cell_px]
    means: np.ndarray = cells.reshape(height, cell_px, width, cell_px).mean(axis=(1, 3))
    return means


def detail(luma: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """What of `fine`, the contrast of cells, is a motif in focus: the same shape, 0..255.

    It is the lesser of the contrasts of the picture and of its half. What is out of focus has little in the picture.
    Noise has half as much in the half, and what is in focus 0.85 to 1.9 times: below 0.8 a cell counts nothing.
    """
    height, width = (side // CELL_PX * CELL_PX for side in luma.shape)
    half = luma[:height, :width].reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    coarse = contrast(half, CELL_PX // 2)
    return np.where(coarse < _NOISE * fine, 0.0, np.minimum(fine, coarse))


def is_photograph(rgb: np.ndarray, fine: np.ndarray) -> bool:
    """Whether a picture, (H, W, 3) uint8, and its `contrast` are those of a camera, in colour."""
    pixels = rgb.reshape(-1, 3)
    pixels = pixels[:: max(len(pixels) // _LOOKED_AT, 1)].astype(np.int32)
    colours = np.unique(pixels @ np.array([1 << 16, 1 << 8, 1], np.int32))
    return bool((fine < _FLAT).mean() <= _FLAT_PART and len(colours) >= _COLOURS * len(pixels))


def fingerprint(image: Image.Image) -> np.ndarray:
    """(576,) float32, mean 0 and length 1: the product of two is the correlation of small copies of the pictures."""
    small = image.convert("L").resize((_SIDE, _SIDE), Image.Resampling.BOX)
    values = np.asarray(small, np.float32).flatten()
    values -= values.mean()
    return values / max(float(np.linalg.norm(values)), 1e-6)


def mirrored(prints: np.ndarray) -> np.ndarray:
    """Fingerprints, (N, 576), of the pictures as in a mirror."""
    return prints.reshape(-1, _SIDE, _SIDE)[:, :, ::-1].reshape(-1, _SIDE * _SIDE)


def best_squares(
    cells: np.ndarray, side: tuple[int, int], least: float, count: int
) -> Iterator[tuple[int, int, float]]:
    """Left, top and mean of the `count` windows of `side` = (width, height) cells with most detail, none overlapping.

    Detail counts up to four times `least`, so that one hard edge or a patch of noise does not outweigh a whole motif.
    Ends at the first window with less than `least`.
    """
    wide, high = side
    if cells.shape[0] < high or cells.shape[1] < wide:
        return
    sums = np.pad(np.minimum(cells, 4.0 * least).astype(np.float64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    means = (sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]) / (wide * high)
    for _ in range(count):
        top, left = (int(place) for place in np.unravel_index(np.argmax(means), means.shape))
        mean = float(means[top, left])
        if mean < least:
            return
        yield left, top, mean
        means[max(top - high + 1, 0) : top + high, max(left - wide + 1, 0) : left + wide] = -1.0
