"""The other side of a GAN: the table `[gan]`, and what generator and discriminator each want of the logits.

The losses are those of Goodfellow et al., "Generative adversarial nets", 2014 (arXiv 1406.2661), the generator's in
the form that does not saturate; the weights those of Wang et al., "Real-ESRGAN", arXiv 2107.10833.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from rtsr.errors import UsageError
from rtsr.nets.discriminator import Shape, UNetDiscriminator
from training.tables import read_table

if TYPE_CHECKING:
    from torch import Tensor

_BETAS = (0.9, 0.99)


@dataclass(frozen=True, kw_only=True, slots=True)
class Adversary:
    """The table `[gan]` of a recipe. Raises UsageError on an impossible number."""

    l1: float = 1.0
    """Weight of the mean absolute error, luma 0..1."""
    perceptual: float = 1.0
    """Weight of `training.perceptual`; at 0 no file is needed."""
    adversarial: float = 0.1
    """Weight of what the discriminator says."""
    vgg19: str = ""
    """File of VGG19's weights, safetensors; `--perceptual` says it too."""
    width: int = 64
    """Channels of the discriminator at full size."""
    rate: float = 1e-4
    """Adam's peak learning rate for the discriminator."""

    def __post_init__(self) -> None:
        for key in ("l1", "perceptual", "adversarial"):
            if not 0.0 <= getattr(self, key) < math.inf:
                raise UsageError(f"{key} = {getattr(self, key)}", mend="it is 0 or a positive number")
        if not self.adversarial:
            raise UsageError(f"adversarial = {self.adversarial}", mend="without it there is no [gan]: leave it out")
        for key in ("width", "rate"):
            if not 0.0 < getattr(self, key) < math.inf:
                raise UsageError(f"{key} = {getattr(self, key)}", mend="it is a positive number")


def read_adversary(table: dict[str, Any]) -> Adversary:
    """The table `[gan]`. Raises UsageError on what is unknown, of a wrong type or impossible."""
    return read_table(Adversary(), table, "gan")


def new_discriminator(plan: Adversary, seed: int, device: str) -> UNetDiscriminator:
    """One of luma that has seen nothing; the same `seed`, the same bits."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return UNetDiscriminator(Shape(1, plan.width)).to(device)


def optimizer_of(plan: Adversary, discriminator: UNetDiscriminator) -> torch.optim.Optimizer:
    """Adam, as published; its rate is set at each step, of `peak`."""
    groups = [{"params": list(discriminator.parameters()), "lr": 0.0, "peak": plan.rate}]
    return torch.optim.Adam(groups, betas=_BETAS, fused=True)


def taken_for(logits: Tensor, *, real: bool) -> Tensor:
    """How far logits of any shape are from saying "real", or "made" of each pixel: mean cross entropy, 0 at best."""
    wanted = torch.ones_like(logits) if real else torch.zeros_like(logits)
    return functional.binary_cross_entropy_with_logits(logits, wanted)
