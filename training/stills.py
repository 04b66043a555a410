"""The training set as pictures with a history: patches of each picture, spoiled by the chain of `training.degrade`.

What the network sees is what the chain leaves; what it learns is the patch before it, sharpened if the plan says so.
Held-out photographs are spoiled too, by draws that stay the same: the chosen step is the best at what is asked of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rtsr.errors import SourceError, UsageError
from rtsr.metrics import luma
from training.data import Pair, list_photographs, read_pictures, split
from training.degrade.draws import draw_whole
from training.degrade.order import make_pair
from training.degrade.plan import Degradation, read_degradation
from training.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from training.recipe import CropRecipe


@dataclass(frozen=True, kw_only=True, slots=True)
class Stills:
    """The table `[stills]` of a recipe: how pictures become pairs. Raises UsageError on an impossible number."""

    versions: int = 4
    """Of each picture: a patch anywhere in it, with draws of its own."""
    side_px: int = 256
    """Of a patch before it is shrunk, as in Real-ESRGAN; a picture that is smaller is left out, and that is told."""

    def __post_init__(self) -> None:
        for key in ("versions", "side_px"):
            if getattr(self, key) < 1:
                raise UsageError(f"{key} = {getattr(self, key)}", mend="it is a positive number")


@dataclass(frozen=True, slots=True)
class Still:
    """A spoiled patch, what is learned of it, and how it was."""

    pair: Pair
    plain: Tensor
    """(scale*H, scale*W) float32, the patch as it was photographed: `pair.high`, if nothing was sharpened."""


def read_stills(table: dict[str, Any]) -> Stills:
    """The table `[stills]`. Raises UsageError on what is unknown, of a wrong type or impossible."""
    return read_table(Stills(), table, "stills")


def load_stills(
    recipe: CropRecipe, scale: int, roots: Sequence[Path], tell: Callable[[str], None], *, skip_bad: bool = False
) -> tuple[list[Still], list[Still]]:
    """What a recipe learns from, and what it holds out: patches of different photographs. The same each time.

    Raises SourceError as `training.data` does, and when no picture is large enough. With `skip_bad` what cannot be read
    is named and left out; videos cannot.
    """
    to_learn, to_check = split(list_photographs(roots, recipe.folders), recipe.held_out)
    plans = read_stills(recipe.stills or {}), read_degradation(recipe.degrade or {})
    random = torch.Generator().manual_seed(recipe.seed)
    wanted = tell if skip_bad else None
    held_out = _spoil_all(plans, read_pictures(to_check, wanted), scale, random, tell)
    return _spoil_all(plans, read_pictures(to_learn, wanted), scale, random, tell), held_out


def _spoil_all(
    plans: tuple[Stills, Degradation], pictures: Iterator[NDArray[np.uint8]], scale: int, random: torch.Generator,
    tell: Callable[[str], None],
) -> list[Still]:  # fmt: skip
    stills, degradation = plans
    side = stills.side_px // scale * scale
    made: list[Still] = []
    seen = small = 0
    for picture in pictures:
        seen += 1
        if min(picture.shape[:2]) < side:
            small += 1
            continue
        made += [_spoil(degradation, _patch(picture, side, random), scale, random) for _ in range(stills.versions)]
    if small:
        tell(f"{small} of {seen} pictures are smaller than {side}x{side} and left out")
    if not made:
        raise SourceError(f"no picture is as large as {side}x{side}", mend="say a smaller side_px in [stills]")
    return made


def _patch(picture: NDArray[np.uint8], side: int, random: torch.Generator) -> NDArray[np.uint8]:
    top, left = (draw_whole((0, length - side), random) for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def _spoil(plan: Degradation, patch: NDArray[np.uint8], scale: int, random: torch.Generator) -> Still:
    target, low, _ = make_pair(plan, patch, scale, random)
    seen, learned, plain = (torch.from_numpy((luma(one) / 255.0).astype(np.float32)) for one in (low, target, patch))
    return Still(Pair(seen, learned), plain)
