"""One network taught to look real: it goes on from its PSNR form, against a discriminator. The loop from top to bottom.

Real-ESRGAN's second stage (Wang et al., arXiv 2107.10833), in luma: the error and the features are measured against the
sharpened target, while the discriminator is shown the photograph as it was. What is kept is the moving average after
the last step: PSNR falls on this way, so no step can be chosen by it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rtsr.errors import UsageError
from training.adversary import Adversary, new_discriminator, optimizer_of, read_adversary, taken_for
from training.checkpoint import read_checkpoint, write_checkpoint
from training.crops import Crops
from training.learner import Learner
from training.perceptual import Perceptual, open_perceptual
from training.stills import load_stills
from training.train import Trained, cosine
from training.train_crops import begin, look, refuse_nan

if TYPE_CHECKING:
    from collections.abc import Callable

    from training.checkpoint import Progress
    from training.recipe import CropRecipe
    from training.train_crops import Batch, Run


@dataclass(frozen=True, slots=True)
class Losses:
    """What the network's side minimizes."""

    plan: Adversary
    perceptual: Perceptual | None
    """None where it has no weight."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What one step measured, before it moved anything."""

    l1: float
    """Mean absolute error, luma 0..1."""
    perceptual: float
    """0 where it has no weight."""
    adversarial: float
    """Mean cross entropy of the discriminator's answers with "real"."""
    real: float
    """What it gives photographs, in logits; above 0 is "real"."""
    made: float
    """What it gives the network's pictures."""

    def __str__(self) -> str:
        said = f"l1 {self.l1:.4f}  perceptual {self.perceptual:.3f}  adversarial {self.adversarial:.3f}"
        return f"{said}  logits {self.real:+.2f} real, {self.made:+.2f} made"


def train_gan(recipe: CropRecipe, scale: int, run: Run, tell: Callable[[str], None]) -> Trained:
    """Train `recipe`, which has `[gan]`, at one scale; goes on where a checkpoint stands. Its bits repeat.

    Raises UsageError when VGG19's weights are wanted and not given, SourceError when they cannot be read; otherwise as
    `train_crops`.
    """
    plan = read_adversary(recipe.gan or {})
    losses = Losses(plan, _open_perceptual(plan, recipe, run))
    stills, held_out = load_stills(recipe, scale, run.data, tell, skip_bad=run.skip_bad)
    checked = [one.pair for one in held_out]
    learner = Learner(recipe, scale, run.start)
    learner.to(run.device)
    plain = [one.plain for one in stills]
    crops = Crops([one.pair for one in stills], scale, learner.frame, recipe.crop_px, plain, run.device)
    now = begin(learner, recipe, run)
    discriminator = new_discriminator(plan, recipe.seed, run.device)
    now.adversary = discriminator, optimizer_of(plan, discriminator)
    wanted = repr((recipe, scale, losses.perceptual.sha256 if losses.perceptual else ""))
    if run.checkpoint.exists():
        read_checkpoint(run.checkpoint, now, wanted)
        tell(f"{recipe.name} x{scale}  goes on after step {now.step}")

    began, before = time.monotonic(), now.seconds
    while now.step < now.steps and now.seconds - before <= 60.0 * run.max_minutes:  # one step at the least
        now.step += 1
        judged = learn_gan(now, learner, recipe, losses, crops.draw(recipe.batch, now.random))
        refuse_nan(judged.l1 + judged.perceptual + judged.adversarial + judged.real + judged.made, now, run)
        now.seconds = before + time.monotonic() - began

        if now.step % recipe.check_every == 0:
            psnr_db = look(now, learner, run, checked)
            said = f"step {now.step}/{now.steps}  held-out {psnr_db:.3f} dB  {judged}  {now.seconds:.0f} s"
            tell(f"{recipe.name} x{scale}  {said}")
            write_checkpoint(run.checkpoint, now, wanted)

    psnr_db = look(now, learner, run, checked)
    write_checkpoint(run.checkpoint, now, wanted)
    return Trained(
        learner.deployed(now.averaged).cpu(), psnr_db, now.step, len(stills), len(held_out), now.seconds,
        now.step == now.steps, _facts(losses, recipe),
    )  # fmt: skip


def learn_gan(now: Progress, learner: Learner, recipe: CropRecipe, losses: Losses, batch: Batch) -> Judged:
    """One step of both sides: the network first, the discriminator on what that had made before it moved."""
    if now.adversary is None:
        raise ValueError("a GAN needs its adversary")
    plan = losses.plan
    discriminator, its_optimizer = now.adversary
    seen, answers, _ = batch
    sharp, plain = answers[:, :1], answers[:, 1:]
    for group in (*now.optimizer.param_groups, *its_optimizer.param_groups):
        group["lr"] = group["peak"] * cosine((now.step - 1) / now.steps, recipe.warm_up)

    weights = learner.weights()
    made = learner.run(seen, weights, recipe.precision)
    l1 = (made - sharp).abs().mean()
    features = losses.perceptual(made, sharp) if losses.perceptual else made.new_zeros(())
    discriminator.requires_grad_(False)  # noqa: FBT003 - torch's way
    adversarial = taken_for(discriminator(made), real=True)
    now.optimizer.zero_grad()
    loss = plan.l1 * l1 + plan.perceptual * features + plan.adversarial * adversarial
    loss.backward()  # type: ignore[no-untyped-call]
    if recipe.clip:
        now.clip(recipe.clip)
    now.optimizer.step()
    now.average(list(weights.values()), recipe.average)

    discriminator.requires_grad_(True)  # noqa: FBT003 - torch's way
    real, fake = discriminator(plain), discriminator(made.detach())
    mistaken = taken_for(real, real=True) + taken_for(fake, real=False)
    its_optimizer.zero_grad()
    mistaken.backward()  # type: ignore[no-untyped-call]
    its_optimizer.step()
    return Judged(l1.item(), features.item(), adversarial.item(), real.mean().item(), fake.mean().item())


def _open_perceptual(plan: Adversary, recipe: CropRecipe, run: Run) -> Perceptual | None:
    """The features; None where they have no weight."""
    if not plan.perceptual:
        return None
    if run.perceptual is None and not plan.vgg19:
        raise UsageError(
            f"{recipe.name} needs VGG19's weights, which rtsr does not have",
            mend="add --perceptual FILE: docs/gan.md says how to get it; or set perceptual = 0 in [gan]",
        )
    return open_perceptual(run.perceptual or Path(plan.vgg19), run.device)


def _facts(losses: Losses, recipe: CropRecipe) -> dict[str, str]:
    """What the card says of it."""
    plan, perceptual = losses.plan, losses.perceptual
    weights = f"l1 {plan.l1:g}, perceptual {plan.perceptual:g}, adversarial {plan.adversarial:g}"
    facts = {"form": "gan", "start": recipe.start, "losses": weights}
    return {**facts, "vgg19_sha256": perceptual.sha256} if perceptual else facts
