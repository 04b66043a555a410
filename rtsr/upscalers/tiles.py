"""A picture of any size through a network in windows of one size: bounded memory, the same result to the last bit.

Why windows of one size, moved inwards at the borders: a runtime prepares itself for each new input size, and takes
another kernel, with another order of summation, for windows only a few pixels wide. From `SMALLEST_PX` on all sizes
agree to the last bit (tests/unit/test_tiles.py).
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.float32]
"""(H, W) float32."""
LumaFunction = Callable[[Luma], Luma]
"""(H, W) to (S*H, S*W)."""
SMALLEST_PX = 16


def tiled(run: LumaFunction, scale: int, tile_px: int, reach_px: int) -> LumaFunction:
    """`run` on one window after the other.

    Args:
        run: what enlarges, whatever the size; its borders may be of any kind.
        scale: S.
        tile_px: side of the square of input pixels that a window makes, 1 or more.
        reach_px: how far, in input pixels, a pixel of the result sees: half the receptive field, rounded up.

    Returns:
        The same function; it calls `run` with windows of `tile_px + 2 * reach_px`, or the whole of a shorter side.
    """

    def enlarge(luma: Luma) -> Luma:
        height, width = luma.shape
        high = np.empty((height * scale, width * scale), np.float32)
        for top, bottom, first_row, last_row in windows(height, tile_px, reach_px):
            for left, right, first_column, last_column in windows(width, tile_px, reach_px):
                made = run(np.ascontiguousarray(luma[first_row:last_row, first_column:last_column]))
                high[top * scale : bottom * scale, left * scale : right * scale] = made[
                    (top - first_row) * scale : (bottom - first_row) * scale,
                    (left - first_column) * scale : (right - first_column) * scale,
                ]
        return high

    return enlarge


def windows(length: int, tile_px: int, reach_px: int) -> Iterator[tuple[int, int, int, int]]:
    """(begin, end) of what each window makes, and (begin, end) of what it sees, along a side of `length`.

    All windows see `tile_px + 2 * reach_px`, or the whole of a shorter side; those at the ends are moved inwards.
    """
    seen = min(length, tile_px + 2 * reach_px)
    for begin in range(0, length, tile_px):
        first = min(max(0, begin - reach_px), length - seen)
        yield begin, min(begin + tile_px, length), first, first + seen
