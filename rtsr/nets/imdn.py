"""IMDN: information multi-distillation, the desktop network; its lighter form, and its form for any size and ratio.

Hui, Gao, Yang, Wang, "Lightweight image super-resolution with information multi-distillation network", ACM MM 2019
(arXiv 1909.11856); written anew from the paper. A block keeps a quarter of its channels after each of three 3x3 layers
("distills" them) and passes the rest on; what it kept is weighed by a contrast-aware attention and fused.

    paper   6 blocks with attention, their outputs collected by a 1x1
    light   8 blocks without attention, in a row: the form that won the AIM 2019 challenge on constrained SR

Why the light form is the one to deploy: the attention needs the mean and the deviation of whole feature maps, so a tile
has another result than its picture, and an engine waits for all of it.

Borders are zeros at every layer, as in the paper: the receptive field is wider than a tile's worth of continuation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtsr.nets.enlarger import Enlarger

Kind = Literal["paper", "light"]
_SLOPE = 0.05
_TINY = 1e-12
"""Added to a variance: the root of an exact zero has no gradient."""
_MULTIPLE = 4
"""Sides that `IMDNAS` takes are multiples of this: two strides of 2."""
_OVERLAP = 32
"""Pixels by which an adaptive crop passes the middle of the picture."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers that name an IMDN: the paper's for RGB at x2 is Shape("paper", 3, 2, 6)."""

    kind: Kind
    planes: int
    """1 for luma, 3 for RGB."""
    scale: int
    blocks: int
    """The paper has 6, the published light form 8."""
    width: int = 64
    """Channels of the features, a multiple of 16."""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind must be one of {get_args(Kind)}, got {self.kind!r}")
        if min(self.planes, self.scale, self.blocks, self.width) < 1:
            raise ValueError(f"sizes must be positive, got {self}")
        if self.width % 16:
            raise ValueError(f"width must be a multiple of 16, got {self.width}")

    @property
    def reach(self) -> int:
        """Low-resolution pixels that an output pixel sees on each side; the paper's attention sees all."""
        return 4 * self.blocks + 3


class IMDN(Enlarger):
    """Six or eight blocks; see `Enlarger` for shapes."""

    shape: Shape

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.head: nn.Module = _conv(shape.planes, width, 3)
        self.blocks = nn.ModuleList(Block(width, shape.kind) for _ in range(shape.blocks))
        if shape.kind == "paper":
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
        if self.shape.kind == "paper":
            deep = self.collect(torch.cat(outputs, 1))
        return functional.pixel_shuffle(self.phases(shallow + self.tail(deep)), self.shape.scale)


class Block(nn.Module):
    """One information multi-distillation block: (N, width, H, W) to the same."""

    def __init__(self, width: int, kind: Kind) -> None:
        super().__init__()
        kept = width // 4
        self.sizes = [kept, width - kept]
        self.first = _conv(width, width, 3)
        self.second = _conv(width - kept, width, 3)
        self.third = _conv(width - kept, width, 3)
        self.fourth = _conv(width - kept, kept, 3)
        self.attention = ContrastAttention(width, width // 16) if kind == "paper" else nn.Identity()
        self.fuse = _conv(4 * kept, width, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Distill and fuse; shapes as the class says."""
        kept, rest = [], features
        for layer in (self.first, self.second, self.third):
            keep, rest = torch.split(functional.leaky_relu(layer(rest), _SLOPE), self.sizes, 1)
            kept.append(keep)
        kept.append(self.fourth(rest))
        fused: Tensor = self.fuse(self.attention(torch.cat(kept, 1)))
        return features + fused


class ContrastAttention(nn.Module):
    """Weighs each channel by its mean plus its standard deviation over the picture: (N, width, H, W) to the same.

    The statistics are float32 whatever comes in: a sum over a 540p map overflows float16, and bfloat16 counts badly.
    """

    def __init__(self, width: int, narrow: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(_conv(width, narrow, 1), nn.ReLU(), _conv(narrow, width, 1), nn.Sigmoid())

    def forward(self, features: Tensor) -> Tensor:
        """Weigh the channels; shapes as the class says."""
        weight: Tensor = self.weigh(contrast(features).to(features.dtype))
        return features * weight


def contrast(features: Tensor) -> Tensor:
    """Mean plus standard deviation of every feature map, counted in float32: (N, C, H, W) to (N, C, 1, 1) float32."""
    exact = features.float()
    mean = exact.mean((2, 3), keepdim=True)
    variance = (exact - mean).square().mean((2, 3), keepdim=True)
    return mean + torch.sqrt(variance + _TINY)


class IMDNAS(nn.Module):
    """The form for any ratio: sharpens a picture that was already enlarged, at a quarter of its size inside.

    (N, planes, H, W) float in 0..1, sides multiples of 4, to the same shape, not clipped. `sharpen` takes any sides and
    `enlarge` any target size.
    """

    def __init__(self, planes: int, *, blocks: int = 6, width: int = 64) -> None:
        super().__init__()
        self.trunk = IMDN(Shape("paper", planes, _MULTIPLE, blocks, width))
        self.trunk.head = nn.Sequential(
            _conv(planes, width, 3, stride=2), nn.LeakyReLU(_SLOPE), _conv(width, width, 3, stride=2)
        )

    def forward(self, picture: Tensor) -> Tensor:
        """Sharpen a batch of pictures; shapes as the class says."""
        sharp: Tensor = self.trunk(picture)
        return sharp


def enlarge(net: IMDNAS, picture: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """`picture`, (N, planes, H, W) float in 0..1, at any size and so at any ratio: bicubic, then sharpened."""
    return sharpen(net, functional.interpolate(picture, size_hw, mode="bicubic", antialias=True))


def sharpen(net: IMDNAS, picture: Tensor) -> Tensor:
    """`net` on a picture of any sides: the paper's adaptive cropping.

    Sides that are no multiples of 4 are covered by four overlapping crops which are, run as one batch; each gives its
    own quarter. A picture too small for the overlap is continued by its edge pixels instead.
    """
    height, width = picture.shape[-2:]
    if height % _MULTIPLE == 0 and width % _MULTIPLE == 0:
        return _run(net, picture)
    if min(height, width) < 2 * _OVERLAP:
        frame = [0, -width % _MULTIPLE, 0, -height % _MULTIPLE]
        return _run(net, functional.pad(picture, frame, mode="replicate"))[..., :height, :width]
    tall, wide = _crop_side(height), _crop_side(width)
    crops = [picture[..., rows, columns] for rows in _ends(height, tall) for columns in _ends(width, wide)]
    four = _run(net, torch.cat(crops)).chunk(4)
    upper, lower = height // 2, height - height // 2
    left, right = width // 2, width - width // 2
    top = torch.cat((four[0][..., :upper, :left], four[1][..., :upper, -right:]), -1)
    bottom = torch.cat((four[2][..., -lower:, :left], four[3][..., -lower:, -right:]), -1)
    return torch.cat((top, bottom), -2)


def _crop_side(side: int) -> int:
    """A little more than half of `side`, rounded down to a multiple of 4; at least the larger half."""
    return (side // 2 + _OVERLAP) // _MULTIPLE * _MULTIPLE


def _ends(side: int, crop: int) -> tuple[slice, slice]:
    return slice(0, crop), slice(side - crop, side)


def _run(net: IMDNAS, picture: Tensor) -> Tensor:
    sharp: Tensor = net(picture)
    return sharp


def _conv(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, size // 2)
