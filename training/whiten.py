"""eSR in coordinates where it learns in seconds: whitened patches around a bicubic start.

Neighbouring pixels are nearly equal, so in raw filters the loss is a canyon: brightness outweighs every detail by four
orders of magnitude, and Adam crawls. Here each filter is W = base + C B, with B the PCA-whitening of patches less their
mean: rows of B answer 0 to a flat patch and have unit variance on photographs. Values start as the bicubic phases,
queries and keys as noise. C is what is learned; W is an ordinary filter, so nothing of this is left in the network.
Flat areas stay flat, exactly, and the templates see structure, not brightness.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from rtsr.nets.esr import PlainESR, Shape
from rtsr.resample import bicubic_phases


def whitening(patches: Tensor) -> Tensor:
    """B: (k*k - 1, k*k) float32, from patches (N, k*k): B (p - mean p) has mean 0 and unit covariance."""
    centred = patches.double() - patches.double().mean(1, keepdim=True)
    power, axes = torch.linalg.eigh(centred.T @ centred / len(patches))
    power, axes = power[1:], axes[:, 1:]  # the first is the flat patch, with no power left
    axes = axes * torch.sign(axes.gather(0, axes.abs().argmax(0, keepdim=True)))  # eigh leaves the sign open
    rows = (axes / power.sqrt()).T
    whitened: Tensor = (rows - rows.mean(1, keepdim=True)).float()
    return whitened


class WhitenedESR(nn.Module):
    """The learnable form: coefficients of values, and of queries and keys, on whitened patches."""

    def __init__(self, shape: Shape, basis: Tensor, *, gain: float, random: torch.Generator) -> None:
        super().__init__()
        self.shape = shape
        self.basis = basis
        values = shape.channels * shape.phases
        others = (shape.plain_planes - shape.channels) * shape.phases
        self.value = nn.Parameter(torch.zeros(values, len(basis)))
        self.attention = nn.Parameter(torch.randn(others, len(basis), generator=random) * gain / len(basis) ** 0.5)
        if shape.kind == "max":  # candidates must differ from the start
            self.value.data.add_(torch.randn(self.value.shape, generator=random) * 1e-3)
        phases = bicubic_phases(shape.scale, shape.kernel_size).astype(np.float32)
        self.base = torch.from_numpy(phases).repeat(shape.channels, 1)

    def filters(self) -> Tensor:
        """Ordinary filters, differentiable: (planes * scale^2, k*k)."""
        return torch.cat((self.base + self.value @ self.basis, self.attention @ self.basis))

    @torch.no_grad()
    def plain(self) -> PlainESR:
        """The network that these coefficients stand for."""
        net = PlainESR(self.shape)
        net.weight.copy_(self.filters().reshape(net.weight.shape))
        return net
