"""A new engine against the CPU reference: one fixed picture through all its buffer sets, before the first frame.

It finds what breaks a picture: overflow in half floats, a wrong kernel, a driver that does not fit. It does not
measure quality. Why the reference costs little, whatever the picture's size and the network's weight: the picture
repeats a tile, so away from its borders the network's result repeats as well. The reference enlarges a small picture
of the same tile with the same four borders, and its middle is repeated as often as the large one has it; every sample
of the engine's result has its counterpart. Networks that look at the whole picture (the attention of IMDN) see nearly
the same statistics in both; tests/unit/test_selfcheck.py holds by how much they differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rtsr.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from rtsr.frame import PixelLayout, Plane
    from rtsr.models import ModelCard
    from rtsr.stages import LumaEngine

    Reference = Callable[[NDArray[np.float32]], NDArray[np.float32]]
    """(H, W) float32 0..1 to (S*H, S*W)."""

PERIOD_PX = 48
"""Side of the tile. Why 48: a multiple of every stride that a network of ours has, 2, 3, 4, 6 and 8."""
MOST_MEAN = 1 / 255
"""Mean error of the picture, of full scale: rounding alone is a quarter of it."""
MOST_BLOCK = 4 / 255
"""Mean error of its worst tile: what breaks in one place only."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found."""

    mean: float
    """Mean difference from the reference, of full scale."""
    worst: float
    """The same of the worst tile."""

    @property
    def is_good(self) -> bool:
        """Whether the engine may be used."""
        return self.mean <= MOST_MEAN and self.worst <= MOST_BLOCK

    def __str__(self) -> str:
        return f"{self.mean * 255:.2f}/255 from the CPU's picture, {self.worst * 255:.2f}/255 in its worst place"


def check(engine: LumaEngine, card: ModelCard, size_wh: tuple[int, int], layout: PixelLayout) -> Verdict:
    """Run `engine`, of the network of `card`, with all its slots under way at once.

    Raises what the engine raises, and BackendError where there is no OpenVINO for the reference.
    """
    picture, wanted = test_picture(size_wh, layout), expected(card, size_wh, layout)
    results = [engine.begin(picture) for _ in range(engine.slots)]
    verdicts = [compared(result(), wanted, card.scale, layout) for result in results]
    return Verdict(max(one.mean for one in verdicts), max(one.worst for one in verdicts))


def test_picture(size_wh: tuple[int, int], layout: PixelLayout) -> Plane:
    """(H, W) code values from black to peak: a tile of slopes, lines, steps and grain, repeated."""
    rows, columns = np.mgrid[0:PERIOD_PX, 0:PERIOD_PX].astype(np.int64)
    slope = (rows + 2 * columns) % PERIOD_PX / (PERIOD_PX - 1)
    steps = (rows // 12 + columns // 8) % 4 / 3
    lines = (rows - columns) % 5 == 0
    grain = (rows * 7919 + columns * 104729 + rows * columns * 31) % 251 / 250
    tile = np.where(rows < PERIOD_PX // 2, slope, steps) * 0.7 + lines * 0.2 + grain * 0.1
    across, down = (np.arange(side) % PERIOD_PX for side in size_wh)
    made: Plane = np.rint(tile * layout.peak).astype(layout.dtype)[np.ix_(down, across)]
    return made


test_picture.__test__ = False  # type: ignore[attr-defined]  # pytest: this is no test


def expected(card: ModelCard, size_wh: tuple[int, int], layout: PixelLayout) -> NDArray[np.float32]:
    """(S*H, S*W) code values, not rounded: what the reference makes of `test_picture`."""
    reach_px = card.receptive_field_px // 2 + 1
    small_wh = (shortened(size_wh[0], reach_px), shortened(size_wh[1], reach_px))
    luma = test_picture(small_wh, layout).astype(np.float32) / np.float32(layout.peak)
    made = np.clip(_reference(card)(luma), 0, 1) * np.float32(layout.peak)
    across, down = (repeated(small, side, reach_px, card.scale) for small, side in zip(small_wh, size_wh, strict=True))
    whole: NDArray[np.float32] = made[np.ix_(down, across)]
    return whole


def compared(made: Plane, wanted: NDArray[np.float32], scale: int, layout: PixelLayout) -> Verdict:
    """How far (S*H, S*W) code values are from those that were expected."""
    if made.shape != wanted.shape:
        raise BackendError(f"the engine makes {made.shape}, not {wanted.shape}", mend="rtsr engines build --force")
    off = np.abs(made - wanted) / np.float32(layout.peak)
    side = PERIOD_PX * scale
    edges: Sequence[NDArray[np.intp]] = [np.arange(0, length, side) for length in off.shape]
    sums = np.add.reduceat(np.add.reduceat(off, edges[0], 0, dtype=np.float64), edges[1], 1)
    heights, widths = (np.diff(edge, append=length) for edge, length in zip(edges, off.shape, strict=True))
    return Verdict(float(sums.sum() / off.size), float((sums / np.outer(heights, widths)).max()))


def shortened(side: int, reach_px: int) -> int:
    """The shortest side with the same place in the tile at its end, and a tile that sees no border in its middle."""
    spare = max(0, side - 2 * reach_px - PERIOD_PX)
    return side - spare // PERIOD_PX * PERIOD_PX


def repeated(small: int, side: int, reach_px: int, scale: int) -> NDArray[np.intp]:
    """Where along the enlarged `small` side each sample of the enlarged `side` is found."""
    more, place = (side - small) * scale, np.arange(side * scale)
    begin, period = reach_px * scale, PERIOD_PX * scale
    middle = begin + (place - begin) % period
    return np.where(place < begin, place, np.where(place < begin + more, middle, place - more))


def _reference(card: ModelCard) -> Reference:
    try:
        from rtsr.upscalers.openvino import open_reference
    except ImportError as error:
        raise BackendError(
            f"an engine is checked against OpenVINO, which cannot be loaded ({error})", mend="pip install openvino"
        ) from error
    return open_reference(card)
