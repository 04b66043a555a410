"""RFDN: distillation by 1x1 convolutions, shallow residual blocks and an attention.

Liu, Tang, Wu, "Residual feature distillation network for lightweight image super-resolution", ECCV workshops 2020
(arXiv 2009.11551), winner of the AIM 2020 challenge on efficient SR. Written anew from the papers.

    contrast   IMDN's attention, four channels to one: the counts of the paper's tables say that theirs have it
               (RFDN: 48 channels, RFDN-L: 52, 6 blocks each)
    spatial    enhanced spatial attention (Liu, Zhang, Tang, Wu, "Residual feature aggregation network for image
               super-resolution", CVPR 2020): the challenge's, with 50 channels and 4 blocks; it needs no statistics of
               the whole picture

Borders are zeros at every layer, as in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtsr.nets.enlarger import Enlarger
from rtsr.nets.imdn import ContrastAttention

Attention = Literal["contrast", "spatial"]
_SLOPE = 0.05
_POOL, _POOL_STRIDE = 7, 3
_COARSE_REACH = 40
"""How far the spatial attention sees on each side, at most: see `SpatialAttention`."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers that name an RFDN: that of the AIM 2020 challenge is Shape("spatial", 3, 4, width=50, blocks=4)."""

    attention: Attention
    planes: int
    """1 for luma, 3 for RGB."""
    scale: int
    width: int = 48
    """Channels of the features, a multiple of 2, 4 or more."""
    blocks: int = 6

    def __post_init__(self) -> None:
        if self.attention not in get_args(Attention):
            raise ValueError(f"attention must be one of {get_args(Attention)}, got {self.attention!r}")
        if min(self.planes, self.scale, self.blocks) < 1:
            raise ValueError(f"sizes must be positive, got {self}")
        if self.width < 4 or self.width % 2:
            raise ValueError(f"width must be even and 4 or more, got {self.width}")

    @property
    def reach(self) -> int:
        """Low-resolution pixels that an output pixel sees on each side; the contrast attention sees all."""
        return 4 * self.blocks + 3 + (self.blocks * _COARSE_REACH if self.attention == "spatial" else 0)


class RFDN(Enlarger):
    """See `Enlarger` for shapes."""

    shape: Shape

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.head = _conv(shape.planes, width, 3)
        self.blocks = nn.ModuleList(Block(width, shape.attention) for _ in range(shape.blocks))
        self.collect = nn.Sequential(_conv(shape.blocks * width, width, 1), nn.LeakyReLU(_SLOPE))
        self.tail = _conv(width, width, 3)
        self.phases = _conv(width, shape.planes * shape.scale**2, 3)

    def inner(self, seen: Tensor) -> Tensor:
        """See `Enlarger`."""
        shallow: Tensor = self.head(seen)
        deep, outputs = shallow, []
        for block in self.blocks:
            deep = block(deep)
            outputs.append(deep)
        deep = self.tail(self.collect(torch.cat(outputs, 1)))
        return functional.pixel_shuffle(self.phases(shallow + deep), self.shape.scale)


class Block(nn.Module):
    """One residual feature distillation block: (N, width, H, W) to the same.

    At each of three steps a 1x1 distills half of the channels, and a shallow residual block (3x3, plus its input,
    activated) goes on.
    """

    def __init__(self, width: int, attention: Attention) -> None:
        super().__init__()
        kept = width // 2
        self.distill = nn.ModuleList(_conv(width, kept, 1) for _ in range(3))
        self.refine = nn.ModuleList(_conv(width, width, 3) for _ in range(3))
        self.last = _conv(width, kept, 3)
        self.fuse = _conv(4 * kept, width, 1)
        self.attention = SpatialAttention(width) if attention == "spatial" else ContrastAttention(width, width // 4)

    def forward(self, features: Tensor) -> Tensor:
        """Distill and fuse; shapes as the class says."""
        kept = []
        for distill, refine in zip(self.distill, self.refine, strict=True):
            kept.append(functional.leaky_relu(distill(features), _SLOPE))
            features = functional.leaky_relu(features + refine(features), _SLOPE)
        kept.append(functional.leaky_relu(self.last(features), _SLOPE))
        weighed: Tensor = self.attention(self.fuse(torch.cat(kept, 1)))
        return weighed


class SpatialAttention(nn.Module):
    """Enhanced spatial attention: weighs each pixel by what a wide, coarse look at it says.

    (N, width, H, W) to the same. The coarse look halves the map, pools 7x7 with stride 3 and enlarges the result again;
    maps too small for that are continued by their edge pixels first.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = width // 4
        self.shrink = _conv(width, narrow, 1)
        self.skip = _conv(narrow, narrow, 1)
        self.halve = nn.Conv2d(narrow, narrow, 3, 2)
        self.coarse = nn.Sequential(
            _conv(narrow, narrow, 3), nn.ReLU(), _conv(narrow, narrow, 3), nn.ReLU(), _conv(narrow, narrow, 3)
        )
        self.expand = _conv(narrow, width, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Weigh the pixels; shapes as the class says."""
        height, width = features.shape[-2:]
        narrow: Tensor = self.shrink(features)
        missing_h, missing_w = (_missing(side) for side in (height, width))
        roomy = functional.pad(narrow, [0, missing_w, 0, missing_h], mode="replicate")  # no branch: a trace takes one
        wide = self.coarse(functional.max_pool2d(self.halve(roomy), _POOL, _POOL_STRIDE))
        wide = functional.interpolate(wide, (height, width), mode="bilinear", align_corners=False)
        return features * torch.sigmoid(self.expand(wide + self.skip(narrow)))


def _missing(side: int) -> int:
    """Pixels to a side that can be pooled, as a trace can write it."""
    missing: int = torch.sym_max(0, 2 * _POOL + 1 - side)  # type: ignore[no-untyped-call]
    return missing


def _conv(inputs: int, outputs: int, size: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, padding=size // 2)
