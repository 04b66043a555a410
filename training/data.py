"""The training set as pairs of luma, and random pixels of it with their surroundings.

An eSR network sees k x k pixels and answers with s x s, so a batch is some thousand such patches, each from its own
place in its own photograph. They teach more per multiplication than crops, whose pixels resemble their neighbours.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from rtsr.errors import SourceError
from rtsr.metrics import luma, modcrop
from rtsr.resample import bicubic_downscale, bicubic_phases

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor


_BICUBIC_SIDE = 5
_LEAST_ERROR = 1e-6
"""60 dB: a picture without any detail must not outweigh the rest."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A photograph's luma at two sizes, BT.601 studio swing divided by 255, never rounded."""

    low: Tensor
    """(H, W) float32, 16/255..235/255, from an 8-bit RGB picture made by the exact bicubic."""
    high: Tensor
    """(scale*H, scale*W) float32, the same range."""


def list_photographs(root: Path, folders: tuple[str, ...]) -> list[list[Path]]:
    """The crops in `folders`, grouped by the photograph that they come from, in order of name.

    Crops of one photograph are called `NAME_0.webp`, `NAME_1.webp`, and so on: they must not be split between training
    and held-out. Raises SourceError when a folder is missing or empty.
    """
    photographs: dict[str, list[Path]] = {}
    for folder in folders:
        crops = sorted((root / folder).glob("*.webp"))
        if not crops:
            raise SourceError(f"no training picture in {root / folder}", mend="say where they are: --data DIR")
        for crop in crops:
            photographs.setdefault(f"{folder}/{re.sub(r'_[0-9]+$', '', crop.stem)}", []).append(crop)
    return list(photographs.values())


def split(photographs: list[list[Path]], every: int) -> tuple[list[Path], list[Path]]:
    """Crops to train on, and crops held out: those of every `every`-th photograph. SourceError when one has none."""
    held_out = photographs[every // 2 :: every]
    if not 0 < len(held_out) < len(photographs):
        raise SourceError(
            f"{len(photographs)} photographs are too few to hold out every {every}th",
            mend="name more folders, or another `held_out`, in the recipe",
        )
    return [crop for one in photographs if one not in held_out for crop in one], [c for one in held_out for c in one]


def load_pair(path: Path, scale: int) -> Pair:
    """Read a picture and shrink it as the benchmarks do."""
    from PIL import Image

    with Image.open(path) as image:
        high = modcrop(np.asarray(image.convert("RGB")), scale)
    low = bicubic_downscale(high, scale)
    return Pair(*(torch.from_numpy((luma(rgb) / 255.0).astype(np.float32)) for rgb in (low, high)))


class Patches:
    """Every pixel of some photographs whose surroundings lie inside them, to draw from at random."""

    def __init__(self, pairs: list[Pair], scale: int, kernel_size: int) -> None:
        reach = kernel_size // 2
        stride = max(pair.low.shape[1] for pair in pairs)
        lows, highs, centres, weights = [], [], [], []
        row = 0
        for pair in pairs:
            height, width = pair.low.shape
            lows.append(torch.nn.functional.pad(pair.low, (0, stride - width)))
            phases = pair.high.reshape(height, scale, width, scale).transpose(1, 2).flatten(2)
            highs.append(torch.nn.functional.pad(phases, (0, 0, 0, stride - width)))
            y, x = torch.arange(reach, height - reach), torch.arange(reach, width - reach)
            centres.append(((row + y[:, None]) * stride + x).flatten())
            weights.append(torch.full((len(centres[-1]), 1), 1.0 / bicubic_error(pair, scale)))
            row += height
        self._low = torch.cat(lows).flatten()
        self._high = torch.cat(highs).flatten(0, 1)
        self._centres = torch.cat(centres)
        self._weights = torch.cat(weights)
        span = torch.arange(-reach, reach + 1)
        self._around = (span[:, None] * stride + span).flatten()
        self._shape = (kernel_size, scale)

    def __len__(self) -> int:
        return len(self._centres)

    def draw(self, count: int, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Patches (count, k*k), their answers (count, scale*scale), both 0..1, and weights (count, 1); all float32.

        Mirrored and turned: the eight symmetries of the square take turns within the batch, `count` / 8 patches each.
        The weight is one over bicubic's mean squared error on the patch's picture. With it a squared error counts by
        how much it changes that picture's PSNR; without it a few busy pictures decide everything.
        """
        chosen = torch.randint(len(self), (count,), generator=random)
        centre = self._centres[chosen]
        kernel_size, scale = self._shape
        low = self._low[centre[:, None] + self._around].reshape(-1, kernel_size, kernel_size)
        high = self._high[centre].reshape(-1, scale, scale)
        return _turn_parts(low), _turn_parts(high), self._weights[chosen]


def bicubic_error(pair: Pair, scale: int) -> float:
    """Mean squared error of plain bicubic enlargement on the range 0..1, never quite 0."""
    filters = torch.from_numpy(bicubic_phases(scale, _BICUBIC_SIDE).astype(np.float32))
    filters = filters.reshape(-1, 1, _BICUBIC_SIDE, _BICUBIC_SIDE)
    padded = torch.nn.functional.pad(pair.low[None, None], [_BICUBIC_SIDE // 2] * 4, mode="replicate")
    guess = torch.nn.functional.pixel_shuffle(torch.nn.functional.conv2d(padded, filters), scale)[0, 0]
    return max((guess - pair.high).square().mean().item(), _LEAST_ERROR)


def _turn_parts(squares: Tensor) -> Tensor:
    """(N, n, n) to (N, n*n), an eighth of them under each symmetry of the square."""
    return torch.cat([turn(part, which).flatten(1) for which, part in enumerate(squares.chunk(8))])


def turn(squares: Tensor, which: int) -> Tensor:
    """One of the eight symmetries of the square, applied to the last two axes."""
    squares = squares.transpose(-1, -2) if which & 4 else squares
    return squares.flip([axis for axis, bit in ((-1, 1), (-2, 2)) if which & bit])
