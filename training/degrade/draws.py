"""Random numbers of one seeded generator, as the degradations ask for them."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def draw_uniform(span: tuple[float, float], random: torch.Generator) -> float:
    """A number of the half-open range `span`, all equally likely."""
    low, high = span
    return low + (high - low) * float(torch.rand((), generator=random, dtype=torch.float64))


def draw_whole(span: tuple[int, int], random: torch.Generator) -> int:
    """A whole number from `span[0]` to `span[1]`, both ends included."""
    return int(torch.randint(span[0], span[1] + 1, (), generator=random))


def happens(probability: float, random: torch.Generator) -> bool:
    """True with `probability`, 0 to 1; at 0 never, at 1 always."""
    return draw_uniform((0.0, 1.0), random) < probability


def draw_one(choices: Sequence[str], random: torch.Generator) -> str:
    """One of `choices`, all equally likely."""
    return choices[draw_whole((0, len(choices) - 1), random)]


def draw_weighted(weights: Mapping[str, float], random: torch.Generator) -> str:
    """One of the names, each as likely as its share of the weights, which are 0 or more and not all 0."""
    possible = {name: weight for name, weight in weights.items() if weight > 0}
    place = draw_uniform((0.0, sum(possible.values())), random)
    for name, end in zip(possible, accumulate(possible.values()), strict=True):
        if place < end:
            return name
    return next(reversed(possible))  # the sum was rounded up
