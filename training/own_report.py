"""What fine-tuning brought: bicubic, the network before and the one after, on the end of each of the user's clips."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from rtsr.jobs.table import markdown
from rtsr.resample import bicubic_enlarge
from training.train import check

if TYPE_CHECKING:
    from pathlib import Path

    from rtsr.nets.enlarger import Enlarger
    from training.data import Pair
    from training.own_video import OwnClip
    from training.recipe import CropRecipe

_NOISE_DB = 0.02
"""A gain that other clips, or another seed, would not repeat."""


def report(recipe: CropRecipe, clips: list[OwnClip], before: Enlarger, after: Enlarger, card: Path) -> str:
    """The report in Markdown: a table, what it means, and the next command.

    PSNR in dB of luma, limited range, peak 255, borders of `scale` pixels cut; the mean over frames that were never
    learned from, each seen through a codec. The last line is the mean over all of those frames.
    """
    held_out = [pair for one in clips for pair in one.held_out]
    rows = [["clip", "what it is", "frames", "bicubic", recipe.start, recipe.name, "gain"]]
    parts = [(one.path.name, one.kind, one.held_out) for one in clips]
    for name, kind, pairs in [*parts, ("all", "", held_out)]:
        old, new = check(before, pairs), check(after, pairs)
        scores = f"{bicubic_psnr_db(pairs, before.shape.scale):.2f}", f"{old:.2f}", f"{new:.2f}", f"{new - old:+.2f}"
        rows.append([name, kind, str(len(pairs)), *scores])
    gain_db = check(after, held_out) - check(before, held_out)
    head = f"{recipe.name} x{before.shape.scale}: PSNR in dB on frames that were not learned from"
    return "\n\n".join([f"# {head}", markdown(rows, left=2), _verdict(recipe, gain_db, card)]) + "\n"


def bicubic_psnr_db(pairs: list[Pair], scale: int) -> float:
    """Mean PSNR of plain bicubic, as `training.train.check` measures a network."""
    total = 0.0
    for pair in pairs:
        guess = torch.from_numpy(bicubic_enlarge(pair.low.numpy(), scale))
        error = (guess - pair.high)[scale:-scale, scale:-scale].square().mean().item()
        total -= 10.0 * math.log10(error)
    return total / len(pairs)


def _verdict(recipe: CropRecipe, gain_db: float, card: Path) -> str:
    """Whether to use it, and the commands."""
    name, scale = recipe.name, card.stem.rpartition("_x")[2]
    if gain_db > _NOISE_DB:
        return (
            f"Better than {recipe.start} by {gain_db:.2f} dB. To use it:\n\n"
            f"    rtsr models import {card.with_suffix('.onnx')} --name {name}\n"
            f"    rtsr encode IN.mp4 OUT.mkv --model {name} --scale {scale}"
        )
    return (
        f"NOT better than {recipe.start}: {gain_db:+.2f} dB. Keep that; more clips, or sharper ones, may change it:\n\n"
        f"    rtsr encode IN.mp4 OUT.mkv --model {recipe.start} --scale {scale}"
    )
