"""The training set as crops with their surroundings, for networks that see too far to learn from single pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from rtsr.errors import SourceError
from training.data import bicubic_error, turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.data import Pair


class Crops:
    """Every square of some photographs, to draw from at random.

    At the border of a photograph its edge pixels repeat, as the network will see it. `taught` is what a teacher made of
    each photograph, (scale*H, scale*W): a second answer beside the truth.
    """

    def __init__(
        self, pairs: list[Pair], scale: int, reach: int, side_px: int, taught: Sequence[Tensor] | None = None
    ) -> None:
        sides = torch.tensor([pair.low.shape for pair in pairs])
        if sides.min() < side_px:
            raise SourceError(
                f"a training picture has {sides.min().item()} low-resolution pixels on one side",
                mend=f"leave it out, or ask for less than crop_px = {side_px}",
            )
        self._lows = [functional.pad(pair.low[None], [reach] * 4, mode="replicate")[0] for pair in pairs]
        answers = [[pair.high] for pair in pairs]
        for answer, picture in zip(answers, taught or (), strict=bool(taught)):
            answer.append(picture)
        self._highs = [torch.stack(answer) for answer in answers]
        self._weights = torch.tensor([1.0 / bicubic_error(pair, scale) for pair in pairs])
        places = sides - side_px + 1
        self._columns = places[:, 1]
        self._ends = places.prod(1).cumsum(0)
        self._scale, self._reach, self._side = scale, reach, side_px

    def __len__(self) -> int:
        return int(self._ends[-1])

    def draw(self, count: int, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Squares with their surroundings, their truths, and weights; all float32.

        The first is (count, 1, side + 2*reach, side + 2*reach), 0..1; the second (count, 1 or 2, scale*side,
        scale*side), the truth and what the teacher made; the third (count, 1, 1, 1), one over bicubic's mean squared
        error on the square's picture. The eight symmetries of the square take turns within the batch.
        """
        chosen = torch.randint(len(self), (count,), generator=random)
        pictures = torch.searchsorted(self._ends, chosen, right=True)
        lows, highs = [], []
        for which, (place, picture) in enumerate(zip(chosen.tolist(), pictures.tolist(), strict=True)):
            first = int(self._ends[picture - 1]) if picture else 0
            row, column = divmod(place - first, int(self._columns[picture]))
            low, high = self._cut(picture, row, column)
            lows.append(turn(low, which % 8))
            highs.append(turn(high, which % 8))
        weights = self._weights[pictures][:, None, None, None]
        return torch.stack(lows)[:, None], torch.stack(highs), weights

    def _cut(self, picture: int, row: int, column: int) -> tuple[Tensor, Tensor]:
        wide, scale = self._side + 2 * self._reach, self._scale
        top, left, high = row * scale, column * scale, self._side * scale
        return (
            self._lows[picture][row : row + wide, column : column + wide],
            self._highs[picture][:, top : top + high, left : left + high],
        )
