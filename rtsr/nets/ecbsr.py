"""ECBSR: a stack of plain 3x3 convolutions that was trained as something richer.

Zhang, Zeng, Zhang, "Edge-oriented Convolution Block for Real-time Super Resolution on Mobile Devices", ACM MM 2021;
written anew from the paper. M blocks of C channels stand between a first block, 1 to C, and a last one, C to scale^2.
The picture is added to each of the last one's planes before the pixel shuffle, so the stack learns only what nearest-
neighbour enlargement lacks. While it is trained, each block is an ECB, a sum of branches:

    3x3  +  1x1 then 3x3  +  1x1 then Sobel-x  +  1x1 then Sobel-y  +  1x1 then Laplacian  (+ the input, if it fits)

All of them are linear, so their sum is one 3x3 convolution. `ECB.fold` computes that convolution, differentiably:
training folds at every step and convolves once. `PlainECBSR` is what is left of it, the form that ships.

Why no convolution pads: the picture's edge pixels are repeated once, as far as the whole stack reaches, and every
convolution is valid. The branches then agree with their sum at borders too, and a tile with its surroundings gives
what the whole picture gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtsr.nets.enlarger import Enlarger, continued

if TYPE_CHECKING:
    from collections.abc import Sequence

SLOPE = 0.1
"""Of the leaky rectifier below zero, after every block but the last."""
_WIDEN = 2
"""Channels between the 1x1 and the 3x3 of one branch, over those that come out."""
_FIRST_GAIN = 1e-3
"""Standard deviation of the edge branches' gains before training."""
_SOBEL_X = ((1.0, 0.0, -1.0), (2.0, 0.0, -2.0), (1.0, 0.0, -1.0))
_SOBEL_Y = ((1.0, 2.0, 1.0), (0.0, 0.0, 0.0), (-1.0, -2.0, -1.0))
_LAPLACIAN = ((0.0, 1.0, 0.0), (1.0, -4.0, 1.0), (0.0, 1.0, 0.0))

Filters = tuple[Tensor, Tensor]
"""One convolution: weight (out, in, 3, 3) and bias (out,), float."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers that name an ECBSR network, as in "ecbsr-m4c16 at x2"."""

    blocks: int
    """M, blocks between the first and the last, 0 or more."""
    channels: int
    """C, 1 or more."""
    scale: int
    planes: int = 1
    """Of the picture, in and out: 1 for luma, 3 for RGB."""

    def __post_init__(self) -> None:
        if self.blocks < 0 or min(self.channels, self.scale, self.planes) < 1:
            raise ValueError(f"channels, scale and planes must be positive and blocks no less than 0, got {self}")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels before the first block, between blocks, and after the last."""
        return (self.planes, *[self.channels] * (self.blocks + 1), self.planes * self.scale**2)

    @property
    def reach(self) -> int:
        """Input pixels around an output pixel's own, on each side, that it depends on."""
        return self.blocks + 2

    @property
    def kernel_size(self) -> int:
        """Side of the square of input pixels that one output pixel depends on."""
        return 2 * self.reach + 1

    @property
    def macs_per_input_pixel(self) -> int:
        """Multiply-accumulates of the plain form per low-resolution pixel, the number that papers print."""
        return 9 * sum(before * after for before, after in zip(self.widths, self.widths[1:], strict=False))

    @property
    def macs_per_output_pixel(self) -> int:
        """The same per high-resolution pixel, rounded up."""
        return -(-self.macs_per_input_pixel // self.scale**2)

    @property
    def parameters(self) -> int:
        """Weights and biases of the plain form."""
        return self.macs_per_input_pixel + sum(self.widths[1:])


class ECB(nn.Module):
    """An edge-oriented convolution block: (N, before, H, W) to (N, after, H-2, W-2).

    The 1x1 convolutions have no bias: behind a valid 3x3 it would only move the block's own, and behind an edge filter,
    whose weights add up to zero, it would vanish.
    """

    masks: Tensor

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.plain = nn.Conv2d(before, after, 3)
        self.widen = nn.Conv2d(before, _WIDEN * after, 1, bias=False)
        self.narrow = nn.Conv2d(_WIDEN * after, after, 3, bias=False)
        self.edges = nn.ModuleList(nn.Conv2d(before, after, 1, bias=False) for _ in range(3))
        self.gains = nn.Parameter(torch.randn(3, after) * _FIRST_GAIN)
        self.register_buffer("masks", torch.tensor((_SOBEL_X, _SOBEL_Y, _LAPLACIAN)), persistent=False)
        self.has_identity = before == after

    def forward(self, features: Tensor) -> Tensor:
        """The sum of the branches, one by one: what `fold` must equal."""
        total: Tensor = self.plain(features) + self.narrow(self.widen(features))
        for edge, gain, mask in zip(self.edges, self.gains, self.masks, strict=True):
            kernel = gain[:, None, None, None] * mask
            total = total + functional.conv2d(edge(features), kernel, groups=len(gain))
        return total + features[:, :, 1:-1, 1:-1] if self.has_identity else total

    def fold(self) -> Filters:
        """The one 3x3 convolution that the branches add up to, differentiable in all of them."""
        widen = self.widen.weight[:, :, 0, 0]
        edges = torch.stack([edge.weight[:, :, 0, 0] for edge in self.edges if isinstance(edge, nn.Conv2d)])
        weight = (
            self.plain.weight
            + torch.einsum("omyx,mi->oiyx", self.narrow.weight, widen)
            + torch.einsum("koi,kyx->oiyx", self.gains[:, :, None] * edges, self.masks)
        )
        if self.has_identity:
            weight = weight + functional.pad(torch.eye(len(weight), device=weight.device)[:, :, None, None], [1] * 4)
        if self.plain.bias is None:
            raise ValueError("the 3x3 has lost its bias")
        return weight, self.plain.bias

    @torch.no_grad()
    def become(self, filters: Filters) -> None:
        """Compute what `filters` do: the 3x3 branch makes up for what the others differ by."""
        for mine, folded, wanted in zip(self.plain.parameters(), self.fold(), filters, strict=True):
            mine.add_(wanted - folded)


class ECBSR(Enlarger):
    """The learnable form. Takes (N, planes, H, W) float, 0..1; gives (N, planes, S*H, S*W), not clipped."""

    shape: Shape

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.blocks = nn.ModuleList(ECB(*pair) for pair in zip(shape.widths, shape.widths[1:], strict=False))

    @property
    def frame(self) -> int:
        """All that an output pixel sees; see `Enlarger`."""
        return self.shape.reach

    def inner(self, seen: Tensor) -> Tensor:
        """Branch by branch; see `Enlarger`."""
        features = seen
        for number, block in enumerate(self.blocks):
            features = functional.leaky_relu(features, SLOPE) if number else features
            features = block(features)
        return _enlarge(features, _middle(seen, self.shape.reach), self.shape)

    def filters(self) -> list[Filters]:
        """The plain convolutions, first to last, differentiable."""
        return [block.fold() for block in self.blocks if isinstance(block, ECB)]

    def folded(self) -> dict[str, Tensor]:
        """Every block as its 3x3; see `Enlarger`."""
        return name_filters(self.filters())

    def ending(self) -> nn.Module:
        """The last block; see `Enlarger`."""
        return self.blocks[-1]

    def start_from(self, other: Enlarger) -> None:
        """See `Enlarger`."""
        theirs = dict(other.named_parameters())
        kept = self.blocks if other.shape == self.shape else self.blocks[:-1]
        for number, block in enumerate(kept):
            if isinstance(block, ECB):
                block.become((theirs[f"convolutions.{number}.weight"], theirs[f"convolutions.{number}.bias"]))


class PlainECBSR(Enlarger):
    """The deployed form; takes and gives what `ECBSR` does, from filters such as `ECBSR.filters` gives."""

    shape: Shape

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.convolutions = nn.ModuleList(
            nn.Conv2d(*pair, 3) for pair in zip(shape.widths, shape.widths[1:], strict=False)
        )

    @property
    def frame(self) -> int:
        """All that an output pixel sees; see `Enlarger`."""
        return self.shape.reach

    def forward(self, picture: Tensor) -> Tensor:
        """As `inner`, with the picture added as it came: a graph of this has nothing to cut out."""
        return _enlarge(convolve(continued(picture, self.frame), self.filters()), picture, self.shape)

    def inner(self, seen: Tensor) -> Tensor:
        """See `Enlarger`."""
        return _enlarge(convolve(seen, self.filters()), _middle(seen, self.shape.reach), self.shape)

    def filters(self) -> list[Filters]:
        """The convolutions, first to last: not copies."""
        return [
            (one.weight, one.bias) for one in self.convolutions if isinstance(one, nn.Conv2d) and one.bias is not None
        ]

    def take(self, filters: Sequence[Filters]) -> PlainECBSR:
        """Copy `filters` into this network, and give it."""
        self.load_state_dict(name_filters(filters))
        return self


def convolve(picture: Tensor, filters: Sequence[Filters]) -> Tensor:
    """The stack alone: (N, planes, H, W) to (N, planes * S^2, H - 2*reach, W - 2*reach), nothing padded or added."""
    features = picture
    for number, (weight, bias) in enumerate(filters):
        features = functional.leaky_relu(features, SLOPE) if number else features
        features = functional.conv2d(features, weight, bias)
    return features


def fold(net: ECBSR) -> PlainECBSR:
    """The deployed form of `net`."""
    return PlainECBSR(net.shape).take(net.filters())


def name_filters(filters: Sequence[Filters]) -> dict[str, Tensor]:
    """Filters as the parameters of `PlainECBSR`."""
    kinds = ("weight", "bias")
    return {
        f"convolutions.{n}.{kind}": one for n, pair in enumerate(filters) for kind, one in zip(kinds, pair, strict=True)
    }


def _middle(seen: Tensor, reach: int) -> Tensor:
    return seen[:, :, reach:-reach, reach:-reach]


def _enlarge(made: Tensor, picture: Tensor, shape: Shape) -> Tensor:
    if shape.planes > 1:  # one plane goes with all phases as it is
        picture = picture.repeat_interleave(shape.scale**2, 1)
    return functional.pixel_shuffle(made + picture, shape.scale)
