"""One eSR network, trained on patches: the loop from top to bottom."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from rtsr.nets.esr import FoldedESR, Shape, fold, mix
from training.data import Pair, Patches, load_sets
from training.whiten import WhitenedESR, whitening

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rtsr.nets.enlarger import Enlarger
    from training.recipe import PatchRecipe

WHITENING_PX = 200_000


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished network and how it came about."""

    net: Enlarger
    held_out_psnr_db: float
    """Mean over the held-out crops."""
    best_step: int
    crops_learned: int
    crops_held_out: int
    seconds: float
    finished: bool = True
    """False when a time limit stopped it."""
    facts: dict[str, str] = field(default_factory=dict)
    """More for the card's table `[training]`."""


def train(
    recipe: PatchRecipe, scale: int, data: Sequence[Path], tell: Callable[[str], None], *, skip_bad: bool = False
) -> Trained:
    """Train `recipe` at one scale on the pictures below `data`. The same recipe gives the same bits on one machine."""
    shape = Shape(recipe.kind, recipe.kernel_size, recipe.channels, scale)
    pairs, held_out = load_sets(recipe, scale, data, least_px=recipe.kernel_size, skip_bad=skip_bad, tell=tell)
    patches = Patches(pairs, scale, recipe.kernel_size)

    began = time.monotonic()
    random = torch.Generator().manual_seed(recipe.seed)
    basis = whitening(patches.draw(WHITENING_PX, random)[0])
    net = WhitenedESR(shape, basis, gain=recipe.attention_gain, random=random)
    averaged = WhitenedESR(shape, basis, gain=0.0, random=random)
    averaged.load_state_dict(net.state_dict())
    rates = (recipe.value_rate, recipe.attention_rate)
    learned = [one for one in zip((net.value, net.attention), rates, strict=True) if one[0].numel()]
    adam = torch.optim.Adam([{"params": [weight], "lr": rate} for weight, rate in learned])
    pace = torch.optim.lr_scheduler.LambdaLR(adam, lambda step: cosine(step / recipe.steps, recipe.warm_up))

    best: tuple[float, int, FoldedESR] | None = None
    for step in range(1, recipe.steps + 1):
        seen, truth, weight = patches.draw(recipe.batch_px, random)
        planes = (seen @ net.filters().T).reshape(-1, shape.plain_planes, shape.phases)
        loss = ((mix(shape, planes) - truth).square() * weight).mean()
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        pace.step()
        follow = min(recipe.average, step / (step + 10))
        with torch.no_grad():
            for kept, new in zip(averaged.parameters(), net.parameters(), strict=True):
                kept.lerp_(new, 1.0 - follow)

        if step % recipe.check_every == 0 or step == recipe.steps:
            candidate = fold(averaged.plain())
            psnr_db = check(candidate, held_out)
            tell(f"{recipe.name} x{scale}  step {step}/{recipe.steps}  held-out {psnr_db:.3f} dB")
            if best is None or psnr_db > best[0]:
                best = psnr_db, step, candidate

    if best is None:
        raise ValueError(f"steps must be positive, got {recipe.steps}")
    return Trained(best[2], best[0], best[1], len(pairs), len(held_out), time.monotonic() - began)


@torch.no_grad()
def check(net: Enlarger, pairs: list[Pair]) -> float:
    """Mean PSNR in dB over pictures, borders of `scale` pixels cut, peak 255."""
    edge = net.shape.scale
    device = next(net.parameters()).device
    total = 0.0
    for pair in pairs:
        guess = net(pair.low[None, None].to(device))[0, 0].cpu()
        error = (guess - pair.high)[edge:-edge, edge:-edge].square().mean().item()
        total -= 10.0 * math.log10(error)
    return total / len(pairs)


def cosine(done: float, warm_up: float) -> float:
    """The learning rate's factor, 0..1, when `done` of the steps are behind."""
    if done < warm_up:
        return done / warm_up
    return 0.5 + 0.5 * math.cos(math.pi * (done - warm_up) / (1.0 - warm_up))
