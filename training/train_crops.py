"""One convolution network, trained on crops: the loop from top to bottom."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from rtsr.errors import UsageError
from rtsr.nets.ecbsr import ECB, ECBSR, PlainECBSR, Shape, convolve
from training.checkpoint import Progress, read_checkpoint, write_checkpoint
from training.crops import Crops
from training.data import list_photographs, load_pair, split
from training.flat import keep_flat
from training.train import Trained, check, cosine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rtsr.nets.ecbsr import Filters
    from training.data import Pair
    from training.recipe import CropRecipe

KNEE = 1.0
"""Where Charbonnier turns from a square into a line, over the root mean square error of bicubic on the picture."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run is given beside its recipe."""

    data: Path
    """Folder of the training pictures."""
    checkpoint: Path
    """Where the run goes on from, and what it writes."""
    start: PlainECBSR | None = None
    """Network at another scale to start from; None = anew."""
    max_minutes: float = math.inf
    """After that the run stops and can be resumed."""


def train_crops(recipe: CropRecipe, scale: int, run: Run, tell: Callable[[str], None]) -> Trained:
    """Train `recipe` at one scale; goes on where a checkpoint stands. The same recipe, the same bits on one machine.

    Raises UsageError when the loss is no longer a number; the checkpoint before it stays.
    """
    to_learn, to_check = split(list_photographs(run.data, recipe.folders), recipe.held_out)
    shape = Shape(recipe.blocks, recipe.channels, scale)
    crops = Crops([load_pair(path, scale) for path in to_learn], scale, shape.reach, recipe.crop_px)
    held_out = [load_pair(path, scale) for path in to_check]
    wanted = repr((recipe, scale))
    net, now = begin(recipe, shape, run)
    if run.checkpoint.exists():
        read_checkpoint(run.checkpoint, now, wanted)
        tell(f"{recipe.name} x{scale}  goes on after step {now.step}")

    began, before = time.monotonic(), now.seconds
    while now.step < now.steps and now.seconds - before <= 60.0 * run.max_minutes:  # one step at the least
        now.step += 1
        for group in now.adam.param_groups:
            group["lr"] = group["peak"] * cosine((now.step - 1) / now.steps, recipe.warm_up)
        seen, lacks, weight = crops.draw(recipe.batch, now.random)
        filters = keep_flat(net.filters())
        ending = now.step > now.steps * (1.0 - recipe.tail)
        made = _convolve(seen, filters, "float32" if ending else recipe.precision)
        loss = loss_of(made - lacks, weight, "l2" if ending else recipe.loss)
        _refuse_nan(loss.item(), now, run)
        now.adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        now.adam.step()
        now.average(_flatten(filters), recipe.average)
        now.seconds = before + time.monotonic() - began

        if now.step % recipe.check_every == 0:
            psnr_db = _look(now, shape, run, held_out)
            tell(f"{recipe.name} x{scale}  step {now.step}/{now.steps}  held-out {psnr_db:.3f} dB  {now.seconds:.0f} s")
            now.keep_if_best(psnr_db)
            write_checkpoint(run.checkpoint, now, wanted)

    psnr_db = _look(now, shape, run, held_out)
    write_checkpoint(run.checkpoint, now, wanted)
    now.keep_if_best(psnr_db)  # in this result, not in the run that may go on
    best = _deployed(shape, now.best)
    counts = len(to_learn), len(to_check)
    return Trained(best, now.best_psnr_db, now.best_step, *counts, now.seconds, finished=now.step == now.steps)


def begin(recipe: CropRecipe, shape: Shape, run: Run) -> tuple[ECBSR, Progress]:
    """A run before its first step: new blocks, or all but the last as in `start`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        net = ECBSR(shape)
    blocks = [block for block in net.blocks if isinstance(block, ECB)]
    if run.start is not None:
        for block, filters in zip(blocks[:-1], run.start.filters()[:-1], strict=True):
            block.become(filters)
    blocks[-1].plain.get_parameter("bias").requires_grad_(False)  # noqa: FBT003 - `keep_flat` decides it
    groups = [
        {"params": [one for block in some for one in block.parameters() if one.requires_grad], "lr": 0.0, "peak": rate}
        for some, rate in ((blocks[:-1], recipe.rate), (blocks[-1:], recipe.last_rate))
    ]
    with torch.no_grad():
        averaged = [one.clone() for one in _flatten(keep_flat(net.filters()))]
    return net, Progress(
        net=net,
        adam=torch.optim.Adam(groups, fused=True),
        random=torch.Generator().manual_seed(recipe.seed),
        steps=recipe.steps if run.start is None else recipe.warm_steps,
        averaged=averaged,
        best=[one.clone() for one in averaged],
    )


def loss_of(error: Tensor, weight: Tensor, name: str) -> Tensor:
    """The mean loss, each picture's error measured by that of bicubic on it; `weight` is one over its square."""
    if name == "l2":
        return (error.square() * weight).mean()
    relative = error.abs() * weight.sqrt()
    return relative.mean() if name == "l1" else torch.sqrt(relative.square() + KNEE**2).mean()


def _deployed(shape: Shape, weights: list[Tensor]) -> PlainECBSR:
    """The network of a flat list of weights and biases, flat areas kept flat to the last bit that they hold."""
    return PlainECBSR(shape).take(keep_flat(list(zip(weights[::2], weights[1::2], strict=True))))


def _flatten(filters: list[Filters]) -> list[Tensor]:
    """Weight, bias, weight, bias, and so on."""
    return [one for pair in filters for one in pair]


def _look(now: Progress, shape: Shape, run: Run, held_out: list[Pair]) -> float:
    """The average's PSNR in dB on the held-out photographs."""
    psnr_db = check(_deployed(shape, now.averaged), held_out)
    _refuse_nan(psnr_db, now, run)
    return psnr_db


def _refuse_nan(value: float, now: Progress, run: Run) -> None:
    if not math.isfinite(value):
        kept = f"; the last good state is in {run.checkpoint}" if run.checkpoint.exists() else ""
        raise UsageError(f"the loss is no longer a number at step {now.step}", mend=f"lower `rate` in the recipe{kept}")


def _convolve(seen: Tensor, filters: list[Filters], precision: str) -> Tensor:
    """`convolve` in a layout and a precision that are fast; float32 out."""
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    layout = torch.channels_last
    weights = [(one.to(kind, memory_format=layout), bias.to(kind)) for one, bias in filters]
    return convolve(seen.to(kind, memory_format=layout), weights).float()
