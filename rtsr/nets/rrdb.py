"""RRDBNet: residual-in-residual dense blocks, the large network of ESRGAN and Real-ESRGAN.

Wang, Yu, Wu, Gu, Liu, Dong, Qiao, Loy, "ESRGAN: enhanced super-resolution generative adversarial networks", ECCV
workshops 2018 (arXiv 1809.00219); Wang, Xie, Dong, Shan, "Real-ESRGAN", ICCV workshops 2021 (arXiv 2107.10833), from
which x2 and x1 are: the network enlarges by 4, and a pixel-unshuffle of the input by 2 or 4 comes first. Written anew
from the papers.

Borders are zeros at every layer, as in the papers; sides that the unshuffle cannot divide are continued by their edge
pixels and the surplus is cut off again.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtsr.nets.enlarger import Enlarger

_SCALE = 4
_SLOPE = 0.2
_RESIDUAL = 0.2
"""Share of a block's result that is added to its input."""
_AT_LOW = 3 * 5
"""3x3 convolutions in a row in one block, at the resolution of the features."""
_ENDS = 4
"""What head, tail and the four convolutions on the enlarged features reach, in pixels of the features."""
_START = 0.1
"""Factor on He's initial weights of the dense blocks: deep residuals start small (ESRGAN, section 3.1)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers that name an RRDBNet: Real-ESRGAN's at x4 is Shape(3, 4)."""

    planes: int
    """1 for luma, 3 for RGB."""
    scale: int
    """1, 2 or 4."""
    blocks: int = 23
    width: int = 64
    """Channels of the features."""
    growth: int = 32
    """Channels that each convolution of a dense block adds."""

    def __post_init__(self) -> None:
        if self.scale not in (1, 2, _SCALE):
            raise ValueError(f"scale must be 1, 2 or 4, got {self.scale}")
        if min(self.planes, self.blocks, self.width, self.growth) < 1:
            raise ValueError(f"sizes must be positive, got {self}")

    @property
    def unshuffle(self) -> int:
        """Side of the input squares that become channels."""
        return _SCALE // self.scale

    @property
    def reach(self) -> int:
        """Input pixels that an output pixel sees on each side; few of them matter: each block adds 15 to it."""
        return self.unshuffle * (_AT_LOW * self.blocks + _ENDS) + self.unshuffle - 1


class RRDBNet(Enlarger):
    """See `Enlarger` for shapes."""

    shape: Shape

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.head = _conv(shape.planes * shape.unshuffle**2, width)
        self.blocks = nn.Sequential(*(ResidualInResidual(width, shape.growth) for _ in range(shape.blocks)))
        self.tail = _conv(width, width)
        self.grow = nn.ModuleList(_conv(width, width) for _ in range(2))
        self.refine = _conv(width, width)
        self.last = _conv(width, shape.planes)

    def inner(self, seen: Tensor) -> Tensor:
        """See `Enlarger`."""
        shape = self.shape
        height, width = seen.shape[-2:]
        if shape.unshuffle > 1:
            frame = [0, -width % shape.unshuffle, 0, -height % shape.unshuffle]
            seen = functional.pixel_unshuffle(functional.pad(seen, frame, mode="replicate"), shape.unshuffle)
        features: Tensor = self.head(seen)
        features = features + self.tail(self.blocks(features))
        for conv in self.grow:
            features = _active(conv(functional.interpolate(features, scale_factor=2, mode="nearest")))
        large: Tensor = self.last(_active(self.refine(features)))
        return large[..., : height * shape.scale, : width * shape.scale]


class ResidualInResidual(nn.Module):
    """Three dense blocks and a shortcut around them: (N, width, H, W) to the same."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*(Dense(width, growth) for _ in range(3)))

    def forward(self, features: Tensor) -> Tensor:
        """Refine; shapes as the class says."""
        fine: Tensor = self.body(features)
        return features + _RESIDUAL * fine


class Dense(nn.Module):
    """Five convolutions, each on all that came before it, and a shortcut: (N, width, H, W) to the same."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.grow = nn.ModuleList(_conv(width + step * growth, growth) for step in range(4))
        self.fuse = _conv(width + 4 * growth, width)
        for conv in (*self.grow, self.fuse):
            _start_small(conv)

    def forward(self, features: Tensor) -> Tensor:
        """Grow and fuse; shapes as the class says."""
        known = features
        for conv in self.grow:
            known = torch.cat((known, _active(conv(known))), 1)
        fused: Tensor = self.fuse(known)
        return features + _RESIDUAL * fused


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def _start_small(conv: nn.Module) -> None:
    if isinstance(conv, nn.Conv2d) and conv.bias is not None:
        nn.init.kaiming_normal_(conv.weight)
        conv.weight.data.mul_(_START)
        nn.init.zeros_(conv.bias)


def _active(features: Tensor) -> Tensor:
    return functional.leaky_relu(features, _SLOPE)
