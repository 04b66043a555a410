"""A run in a file, so that it goes on after a kill as if nothing had been: the same bits at the end."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from rtsr.errors import ResourceError, SourceError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

_FACTS = "facts"
_FOLLOW = 0.01
"""Share of a step in the running mean of the gradient's length."""


@dataclass(kw_only=True, slots=True)
class Progress:
    """All that changes while a network learns: what a checkpoint holds."""

    net: torch.nn.Module
    optimizer: torch.optim.Optimizer
    random: torch.Generator
    averaged: list[Tensor]
    """Moving average of the deployed weights."""
    best: list[Tensor]
    """The average that did best on the held-out photographs; `averaged` before the first look."""
    steps: int
    """Where it ends."""
    step: int = 0
    best_step: int = 0
    best_psnr_db: float = -math.inf
    gradient_length: float = 0.0
    """Its running mean; 0 before the first step."""
    seconds: float = 0.0
    """Spent learning, over all runs."""
    adversary: tuple[torch.nn.Module, torch.optim.Optimizer] | None = None
    """The discriminator of a GAN, and what moves it."""

    @torch.no_grad()
    def clip(self, factor: float) -> None:
        """Shorten the gradient to `factor` times the running mean of its length, where it is longer."""
        length = torch.nn.utils.get_total_norm([one.grad for one in self._learned() if one.grad is not None]).item()
        usual = self.gradient_length or length
        if length > factor * usual:
            for one in self._learned():
                if one.grad is not None:
                    one.grad.mul_(factor * usual / length)
        self.gradient_length = usual + _FOLLOW * (min(length, factor * usual) - usual)

    def _learned(self) -> list[Tensor]:
        return [one for group in self.optimizer.param_groups for one in group["params"]]

    @torch.no_grad()
    def average(self, weights: list[Tensor], decay: float) -> None:
        """Move the average towards `weights`, faster in the first steps."""
        follow = min(decay, self.step / (self.step + 10))
        for mean, new in zip(self.averaged, weights, strict=True):
            mean.lerp_(new, 1.0 - follow)

    def keep_if_best(self, psnr_db: float) -> None:
        """Remember the average of this step, if its PSNR is the highest so far."""
        if psnr_db > self.best_psnr_db:
            self.best_psnr_db, self.best_step = psnr_db, self.step
            self.best = [one.clone() for one in self.averaged]


def write_checkpoint(path: Path, progress: Progress, recipe: str) -> None:
    """Write `progress` of a run of `recipe` to `path`, which is whole at every moment. ResourceError when it cannot."""
    tensors = {f"{kind}.{name}": one for kind, name, one in _tensors(progress)}
    tensors["random"] = progress.random.get_state()
    facts = {key: getattr(progress, key) for key in ("step", "best_step", "best_psnr_db", "gradient_length", "seconds")}
    content = save(
        {key: one.detach().contiguous() for key, one in tensors.items()},
        {_FACTS: json.dumps({"recipe": recipe, **facts})},
    )
    new = path.with_name(path.name + ".new")
    try:
        with new.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise ResourceError(
            f"{path} cannot be written: {error.strerror}", mend="make room; the run goes on from the one before"
        ) from error


def read_checkpoint(path: Path, progress: Progress, recipe: str) -> None:
    """Put `progress` where the checkpoint stands. Raises UsageError if it is another recipe's, SourceError on junk."""
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()[_FACTS])
            if facts.pop("recipe") != recipe:
                raise UsageError(
                    f"{path} is of a run with another recipe", mend="delete it to start anew, or choose another --out"
                )
            for _, optimizer in _sides(progress):
                _start(optimizer)
            with torch.no_grad():
                for kind, name, one in _tensors(progress):
                    one.copy_(file.get_tensor(f"{kind}.{name}"))
            progress.random.set_state(file.get_tensor("random"))
            for key, value in facts.items():
                setattr(progress, key, value)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise SourceError(f"{path} is no checkpoint of ours: {error}", mend="delete it to start anew") from error


def _tensors(progress: Progress) -> list[tuple[str, str, Tensor]]:
    """Every tensor of a run but the random state: (kind, name within it, the tensor itself)."""
    named: list[tuple[str, str, Tensor]] = []
    for side, (net, optimizer) in zip(("", "adversary."), _sides(progress), strict=False):
        named += [(f"{side}net", name, one) for name, one in net.named_parameters()]
        places = {id(one): name for name, one in net.named_parameters()}
        for weight, state in optimizer.state.items():
            named += [(f"{side}optimizer.{key}", places[id(weight)], one) for key, one in state.items()]
        if side:  # its spectral norms live in buffers, and change at every look
            named += [(f"{side}buffer", name, one) for name, one in net.named_buffers()]
    named += [("averaged", str(place), one) for place, one in enumerate(progress.averaged)]
    named += [("best", str(place), one) for place, one in enumerate(progress.best)]
    return named


def _sides(progress: Progress) -> list[tuple[torch.nn.Module, torch.optim.Optimizer]]:
    """The network and what moves it, and the same of its adversary if it has one."""
    return [(progress.net, progress.optimizer), *([progress.adversary] if progress.adversary else [])]


def _start(optimizer: torch.optim.Optimizer) -> None:
    """Let the optimizer make its averages, without moving anything."""
    rates = [group["lr"] for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] = 0.0
        for weight in group["params"]:
            weight.grad = torch.zeros_like(weight)
    optimizer.step()
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
