"""One network trained on crops, of any family: the loop from top to bottom."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import torch
from torch import Tensor

from rtsr.errors import UsageError
from training.checkpoint import Progress, read_checkpoint, write_checkpoint
from training.crops import Crops
from training.data import Patches, load_sets
from training.footage import load_footage
from training.learner import Learner
from training.own_video import load_own, pairs_of
from training.soap import Soap
from training.stills import load_stills
from training.train import WHITENING_PX, Trained, check, cosine
from training.whiten import whitening

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rtsr.nets.enlarger import Enlarger
    from training.data import Pair
    from training.recipe import CropRecipe

KNEE = 1.0
"""Where Charbonnier turns from a square into a line, over the root mean square error of bicubic on the picture."""
_WHITENING_PICTURES = 64
_LEVELS = 16
Batch: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Crops, answers and weights, as `Crops.draw` gives them."""
Teacher: TypeAlias = "Callable[[Tensor], Tensor]"
"""What enlarges a whole luma, (H, W) float, 0..1, to (scale*H, scale*W)."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run is given beside its recipe."""

    data: tuple[Path, ...]
    """Folders of the training pictures."""
    checkpoint: Path
    """Where the run goes on from, and what it writes."""
    start: Enlarger | None = None
    """Deployed network to start from, of this scale or another; None = anew."""
    max_minutes: float = math.inf
    """After that the run stops and can be resumed."""
    teacher: Teacher | None = None
    """Whose pictures are learned beside the truth."""
    skip_bad: bool = False
    """Leave out files that cannot be used, instead of stopping at one."""
    device: str = "cpu"
    """Where it computes, as torch names it. The bits repeat on one kind of device."""
    pairs: tuple[list[Pair], list[Pair]] | None = None
    """What to learn from and what to check by, where that is read already."""
    perceptual: Path | None = None
    """VGG19's weights for a GAN, instead of those that the recipe names."""


def train_crops(recipe: CropRecipe, scale: int, run: Run, tell: Callable[[str], None]) -> Trained:
    """Train `recipe` at one scale; goes on where a checkpoint stands. The same recipe, the same bits on one machine.

    Raises UsageError when the loss is no longer a number; the checkpoint before it stays.
    """
    pairs, held_out = _load(recipe, scale, run, tell)
    learner = Learner(recipe, scale, run.start, lambda side: _whitening(pairs, scale, side, recipe.seed))
    learner.to(run.device)
    taught = [run.teacher(pair.low) for pair in pairs] if run.teacher else None
    crops = Crops(pairs, scale, learner.frame, recipe.crop_px, taught, run.device)
    wanted = repr((recipe, scale))
    now = begin(learner, recipe, run)
    if run.checkpoint.exists():
        read_checkpoint(run.checkpoint, now, wanted)
        tell(f"{recipe.name} x{scale}  goes on after step {now.step}")

    began, before = time.monotonic(), now.seconds
    while now.step < now.steps and now.seconds - before <= 60.0 * run.max_minutes:  # one step at the least
        now.step += 1
        loss = _learn(now, learner, recipe, crops.draw(recipe.batch, now.random))
        refuse_nan(loss, now, run)
        now.seconds = before + time.monotonic() - began

        if now.step % recipe.check_every == 0:
            psnr_db = look(now, learner, run, held_out)
            tell(f"{recipe.name} x{scale}  step {now.step}/{now.steps}  held-out {psnr_db:.3f} dB  {now.seconds:.0f} s")
            now.keep_if_best(psnr_db)
            write_checkpoint(run.checkpoint, now, wanted)

    psnr_db = look(now, learner, run, held_out)
    write_checkpoint(run.checkpoint, now, wanted)
    now.keep_if_best(psnr_db)  # in this result, not in the run that may go on
    counts = len(pairs), len(held_out)
    best = learner.deployed(now.best).cpu()
    return Trained(best, now.best_psnr_db, now.best_step, *counts, now.seconds, finished=now.step == now.steps)


def _load(recipe: CropRecipe, scale: int, run: Run, tell: Callable[[str], None]) -> tuple[list[Pair], list[Pair]]:
    if run.pairs is not None:
        return run.pairs
    if recipe.own is not None:
        return pairs_of(load_own(recipe, scale, run.data, tell, skip_bad=run.skip_bad))
    if recipe.footage is not None:
        return load_footage(recipe, scale, run.data, tell, skip_bad=run.skip_bad)
    if recipe.degrade is not None:
        learned, held_out = load_stills(recipe, scale, run.data, tell, skip_bad=run.skip_bad)
        return [one.pair for one in learned], [one.pair for one in held_out]
    return load_sets(recipe, scale, run.data, least_px=recipe.crop_px, skip_bad=run.skip_bad, tell=tell)


def _learn(now: Progress, learner: Learner, recipe: CropRecipe, batch: Batch) -> float:
    """One step; gives its loss, and changes nothing when that is not finite."""
    seen, answers, weight = batch
    for group in now.optimizer.param_groups:
        group["lr"] = group["peak"] * cosine((now.step - 1) / now.steps, recipe.warm_up)
    ending = now.step > now.steps * (1.0 - recipe.tail)
    weights = learner.weights()
    made = learner.run(seen, weights, "float32" if ending else recipe.precision)
    loss = _loss(recipe, made, answers, weight, ending=ending)
    if recipe.flat:
        levels = torch.rand(_LEVELS, 1, 1, 1, generator=now.random).to(seen.device)
        loss = loss + recipe.flat * flat_loss(learner, weights, levels, weight.mean())
    if loss.isfinite():
        now.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if recipe.clip:
            now.clip(recipe.clip)
        now.optimizer.step()
        now.average(list(weights.values()), recipe.average)
    return loss.item()


def _whitening(pairs: list[Pair], scale: int, side: int, seed: int) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return whitening(Patches(pairs[:_WHITENING_PICTURES], scale, side).draw(WHITENING_PX, random)[0])


def begin(learner: Learner, recipe: CropRecipe, run: Run) -> Progress:
    """A run before its first step."""
    averaged = [one.detach().clone() for one in learner.weights().values()]
    return Progress(
        net=learner.net,
        optimizer=Soap(learner.groups) if recipe.optimizer == "soap" else torch.optim.Adam(learner.groups, fused=True),
        random=torch.Generator().manual_seed(recipe.seed),
        steps=recipe.steps if run.start is None or recipe.start else recipe.warm_steps,
        averaged=averaged,
        best=[one.clone() for one in averaged],
    )


def _loss(recipe: CropRecipe, made: Tensor, answers: Tensor, weight: Tensor, *, ending: bool) -> Tensor:
    """What the recipe minimizes at a step: the tail has the truth and l2 alone."""
    truth, *taught = answers.split(1, 1)
    if ending:
        return loss_of(made - truth, weight, "l2")
    loss = truth.new_zeros(())
    for answer, share in ((truth, 1.0 - recipe.teach * len(taught)), *((one, recipe.teach) for one in taught)):
        loss = loss + share * loss_of(made - answer, weight, recipe.loss)
        if recipe.fft:
            loss = loss + share * recipe.fft * spectral_loss(made - answer, weight)
    return loss


def loss_of(error: Tensor, weight: Tensor, name: str) -> Tensor:
    """The mean loss, each picture's error measured by that of bicubic on it; `weight` is one over its square."""
    if name == "l2":
        return (error.square() * weight).mean()
    relative = error.abs() * weight.sqrt()
    return relative.mean() if name == "l1" else torch.sqrt(relative.square() + KNEE**2).mean()


def spectral_loss(error: Tensor, weight: Tensor) -> Tensor:
    """The mean amplitude of the error's spectrum, unitary so that it is as large as the error; measured as `loss_of`.

    Cho et al., "Rethinking coarse-to-fine approach in single image deblurring", ICCV 2021, has it beside an l1.
    """
    return (torch.fft.rfft2(error, norm="ortho").abs() * weight.sqrt()).mean()


def flat_loss(learner: Learner, weights: dict[str, Tensor], levels: Tensor, weight: Tensor) -> Tensor:
    """The mean squared error on flat pictures of `levels`, (N, 1, 1, 1), 0..1, times `weight`; in float32.

    The pictures are as large as the network sees, and its own borders count where it makes them.
    """
    side = 2 * learner.shape.reach + 2
    made = learner.run(levels.expand(-1, 1, side, side), weights, "float32")
    return (made - levels).square().mean() * weight


def look(now: Progress, learner: Learner, run: Run, held_out: list[Pair]) -> float:
    """The average's PSNR in dB on the held-out photographs. Raises UsageError as `refuse_nan`."""
    psnr_db = check(learner.deployed(now.averaged).to(run.device), held_out)
    refuse_nan(psnr_db, now, run)
    return psnr_db


def refuse_nan(value: float, now: Progress, run: Run) -> None:
    """Raise UsageError when the run has diverged."""
    if not math.isfinite(value):
        kept = f"; the last good state is in {run.checkpoint}" if run.checkpoint.exists() else ""
        raise UsageError(f"the loss is no longer a number at step {now.step}", mend=f"lower `rate` in the recipe{kept}")
