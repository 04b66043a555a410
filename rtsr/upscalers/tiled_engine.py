"""An engine of one window size makes a larger picture, window by window.

Windows overlap by as far as a pixel of the result sees, and those at the borders are moved inwards, so what a local
network makes is what it makes of the whole picture (`rtsr.upscalers.tiles`, which does the same for float functions of
any size). A network with statistics of the whole picture sees those of each window instead, and differs a little.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rtsr.upscalers.tiles import windows

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtsr.frame import Plane
    from rtsr.stages import LumaEngine

_Box = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """How a picture is cut. Raises ValueError where a window sees nothing but its margins."""

    size_wh: tuple[int, int]
    """Of the picture."""
    window_wh: tuple[int, int]
    """What each window sees: at least `2 * reach_px + 1`, or the whole side."""
    scale: int
    reach_px: int
    """How far, in input pixels, a pixel of the result sees: half the receptive field, rounded up."""

    def __post_init__(self) -> None:
        for side, seen in zip(self.size_wh, self.window_wh, strict=True):
            if not 0 < seen <= side or (seen < side and seen <= 2 * self.reach_px):
                raise ValueError(f"no window of {self.window_wh} in {self.size_wh}, reaching {self.reach_px}")

    @property
    def count(self) -> int:
        """Windows of a picture."""
        columns, rows = (len(self._along(axis)) for axis in (0, 1))
        return columns * rows

    def boxes(self) -> list[tuple[_Box, _Box, _Box]]:
        """Of each window: what it sees, what of its result counts, and where in the result that goes."""
        scale, columns, rows = self.scale, self._along(0), self._along(1)
        return [
            (
                np.s_[row[2] : row[3], column[2] : column[3]],
                (_part(row, scale), _part(column, scale)),
                np.s_[row[0] * scale : row[1] * scale, column[0] * scale : column[1] * scale],
            )
            for row in rows
            for column in columns
        ]

    def _along(self, axis: int) -> list[tuple[int, int, int, int]]:
        side, seen = self.size_wh[axis], self.window_wh[axis]
        return list(windows(side, side if seen == side else seen - 2 * self.reach_px, self.reach_px))


def _part(window: tuple[int, int, int, int], scale: int) -> slice:
    begin, end, first, _ = window
    return slice((begin - first) * scale, (end - first) * scale)


class _Picture:
    """A picture under way."""

    __slots__ = ("left", "made", "y")

    def __init__(self, y: Plane, tiling: Tiling) -> None:
        self.y = y
        width, height = tiling.size_wh
        self.made: Plane = np.empty((height * tiling.scale, width * tiling.scale), y.dtype)
        self.left = tiling.count
        """Windows whose results are not there yet."""


class TiledEngine:
    """`engine`, whose size is that of a window, over larger pictures; see `LumaEngine`.

    As many pictures may be under way as the engine takes windows: its ring does not run empty between two pictures.
    """

    def __init__(self, engine: LumaEngine, tiling: Tiling) -> None:
        self._engine, self._tiling, self._boxes = engine, tiling, tiling.boxes()
        self._open: deque[_Picture] = deque()
        self._waiting: deque[tuple[_Picture, int]] = deque()
        """(picture, number of its window) of what is not begun."""
        self._begun: deque[tuple[_Picture, int, Callable[[], Plane]]] = deque()

    @property
    def slots(self) -> int:
        """See `LumaEngine`."""
        return self._engine.slots

    def begin(self, y: Plane) -> Callable[[], Plane]:
        """See `LumaEngine`. `y` is read until its result is there."""
        width, height = self._tiling.size_wh
        if y.shape != (height, width):
            raise ValueError(f"made for {width}x{height}, not for {y.shape[1]}x{y.shape[0]}")
        if len(self._open) >= self.slots:
            raise ValueError(f"{len(self._open)} pictures are under way, and no more than {self.slots} can be")
        picture = _Picture(y, self._tiling)
        self._waiting.extend((picture, number) for number in range(picture.left))
        self._open.append(picture)
        self._fill()
        return lambda: self._result(picture)

    def run(self, y: Plane) -> Plane:
        """See `LumaEngine`."""
        return self.begin(y)()

    def close(self) -> None:
        """See `LumaEngine`."""
        for line in (self._open, self._waiting, self._begun):
            line.clear()
        self._engine.close()

    def _fill(self) -> None:
        while self._waiting and len(self._begun) < self._engine.slots:
            picture, number = self._waiting.popleft()
            self._begun.append((picture, number, self._engine.begin(picture.y[self._boxes[number][0]])))

    def _result(self, wanted: _Picture) -> Plane:
        while wanted.left:
            picture, number, result = self._begun.popleft()
            _, part, place = self._boxes[number]
            picture.made[place] = result()[part]
            picture.left -= 1
            self._fill()
        self._open.remove(wanted)
        return wanted.made
