"""What the `pattern:` source shows: stones that pan, and cards with a zone plate, a star, thin lines and text on them.

Why: this picture is the product's own clip (demo, tests, bench), so it has what super-resolution is judged by.
"""

from fractions import Fraction
from functools import lru_cache

import numpy as np

from rtsr.frame import chroma_shape
from rtsr.sources.cards import Box, Painter, Planes, copy, lines, star, text, ycbcr, zone_plate
from rtsr.sources.stones import stones

_LEAST_CARD = 24
"""Sides of cards below this are not drawn: nothing could be seen on them."""


class Scene:
    """The moving picture at one size and rate; every frame depends on its number only."""

    def __init__(self, width: int, height: int, rate_fps: Fraction) -> None:
        self._width, self._height = width, height
        unit = min(width / 640, height / 360)
        side, gap, low, wide = (2 * round(length * unit / 2) for length in (160, 12, 132, 304))
        right, bottom = (width - gap - side) & ~1, (height - gap - side) & ~1
        base = (height - gap - low) & ~1
        text_box = Box(gap, base, wide, low)
        lines_box = Box(gap + text_box.width + gap, base, low, low)
        self._painters = [_ground(width, height)]
        if side >= _LEAST_CARD:
            self._painters.append(zone_plate(Box(right, gap, side, side)))
            self._painters.append(star(Box(right, bottom, side, side)))
            self._painters.append(lines(lines_box))
            self._painters.append(text(text_box, rate_fps))

    def planes(self, number: int) -> Planes:
        """Y, U and V of frame `number`, the caller's to keep."""
        half = chroma_shape(self._width, self._height)
        planes = (
            np.empty((self._height, self._width), np.uint8),
            np.empty(half, np.uint8),
            np.empty(half, np.uint8),
        )
        for paint in self._painters:
            paint(planes, number)
        return planes


@lru_cache(maxsize=2)
def scene(width: int, height: int, rate_fps: Fraction) -> Scene:
    """The scene of this size; drawing it takes a while, so the last two are kept."""
    return Scene(width, height, rate_fps)


def _ground(width: int, height: int) -> Painter:
    """Stones under the whole picture, going left by one sample per frame."""
    tile = stones(min(960, max(64, 2 * -(-width // 2))), min(544, max(64, 2 * -(-height // 2))))
    y, u, v = ycbcr(np.concatenate((tile, tile[:, :2]), axis=1))
    period = tile.shape[1]
    columns = np.arange(width + period) % period
    rows = np.arange(height) % tile.shape[0]
    half_rows = np.arange(-(-height // 2)) % (tile.shape[0] // 2)
    y, u, v = y[np.ix_(rows, columns)], u[np.ix_(half_rows, columns)], v[np.ix_(half_rows, columns)]

    def paint(planes: Planes, number: int) -> None:
        window = slice(number % period, number % period + width)
        copy(planes, (y[:, window], u[:, window][:, ::2], v[:, window][:, ::2]))

    return paint
