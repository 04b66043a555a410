"""The training set as crops with their surroundings, for networks that see too far to learn from single pixels.

All pictures lie in one tensor, row after row, and a batch is one gather from it: on a GPU nothing is copied to it but
the places.
"""

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
    each photograph, (scale*H, scale*W): a second answer beside the truth. Batches come on `device`.
    """

    def __init__(  # noqa: PLR0913 - what a crop is, and where it lies
        self, pairs: list[Pair], scale: int, reach: int, side_px: int,
        taught: Sequence[Tensor] | None = None, device: str = "cpu",
    ) -> None:  # fmt: skip
        sides = torch.tensor([pair.low.shape for pair in pairs])
        if sides.min() < side_px:
            raise SourceError(
                f"a training picture has {sides.min().item()} low-resolution pixels on one side",
                mend=f"leave it out, or ask for less than crop_px = {side_px}",
            )
        lows = [functional.pad(pair.low[None], [reach] * 4, mode="replicate")[0] for pair in pairs]
        answers = [[pair.high] for pair in pairs]
        for answer, picture in zip(answers, taught or (), strict=bool(taught)):
            answer.append(picture)
        self._lows = torch.cat([low.flatten() for low in lows]).to(device)
        self._answers = torch.cat([torch.stack(answer).flatten(1) for answer in answers], 1).to(device)
        self._weights = torch.tensor([1.0 / bicubic_error(pair, scale) for pair in pairs])
        places = sides - side_px + 1
        self._columns = places[:, 1]
        self._ends = places.prod(1).cumsum(0)
        self._low_rows = _Rows([low.shape for low in lows], side_px + 2 * reach)
        self._answer_rows = _Rows([pair.high.shape for pair in pairs], side_px * scale)
        self._scale = scale

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
        first = torch.where(pictures > 0, self._ends[pictures - 1], 0)
        columns = self._columns[pictures]
        row, column = (chosen - first) // columns, (chosen - first) % columns
        device = self._lows.device
        seen = self._lows[self._low_rows.of(pictures, row, column).to(device)][None]
        truth = self._answers[:, self._answer_rows.of(pictures, row * self._scale, column * self._scale).to(device)]
        weights = self._weights[pictures][:, None, None, None].to(device)
        return _turned(seen), _turned(truth), weights


class _Rows:
    """Where the pixels of squares of one side lie, in pictures that stand row after row in one line."""

    def __init__(self, sizes: Sequence[torch.Size], side: int) -> None:
        areas = torch.tensor([size.numel() for size in sizes])
        self._starts = areas.cumsum(0) - areas
        self._strides = torch.tensor([size[-1] for size in sizes])
        self._span = torch.arange(side)

    def of(self, pictures: Tensor, row: Tensor, column: Tensor) -> Tensor:
        """(count, side, side) places of the squares whose corners are at `row` and `column`, each (count,)."""
        rows = (row[:, None] + self._span) * self._strides[pictures][:, None]
        columns = (self._starts[pictures] + column)[:, None] + self._span
        return rows[:, :, None] + columns[:, None, :]


def _turned(squares: Tensor) -> Tensor:
    """(planes, count, n, n) to (count, planes, n, n), each square under the symmetry whose turn it is."""
    return torch.stack([turn(square, which % 8) for which, square in enumerate(squares.unbind(1))])
