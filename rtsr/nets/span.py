"""SPAN: six blocks of plain 3x3 convolutions under an attention without parameters.

Wan, Yu, Li, Chen, Li, Timofte et al., "Swift parameter-free attention network for efficient super-resolution", CVPR
workshops 2024 (arXiv 2311.12770), winner of the NTIRE 2024 challenge on efficient SR; written anew from the paper. A
block weighs features + input by sigmoid(features) - 1/2, an odd function: strong features of either sign count.

`TrainingSPAN` has, in place of each 3x3, a wider branch of 1x1, 3x3 and 1x1 beside a 1x1 shortcut. Nothing lies between
these, so they are one 3x3: it folds them at every step and convolves once, which is the same function and much less
work than the branches. `SPAN` is the deployed form and holds the folded filters; `fuse` goes from one to the other.

Borders are zeros at every layer, as in the paper.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtsr.nets.enlarger import Enlarger

_BLOCKS = 6
_GAIN = 2
"""How much wider than its ends the inner branch of a training convolution is."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers that name a SPAN: "span-48, luma, x2" is Shape(1, 2)."""

    planes: int
    """1 for luma, 3 for RGB."""
    scale: int
    width: int = 48
    """Channels of the features; 52, 48 and 28 are published."""

    def __post_init__(self) -> None:
        if min(self.planes, self.scale, self.width) < 1:
            raise ValueError(f"sizes must be positive, got {self}")

    @property
    def reach(self) -> int:
        """Low-resolution pixels that an output pixel sees on each side."""
        return 3 * _BLOCKS + 3


class SPAN(Enlarger):
    """The deployed form; see `Enlarger` for shapes."""

    shape: Shape

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.body = Body(shape, lambda inputs, outputs: nn.Conv2d(inputs, outputs, 3, padding=1))

    def inner(self, seen: Tensor) -> Tensor:
        """See `Enlarger`."""
        return functional.pixel_shuffle(self.body(seen), self.shape.scale)


class TrainingSPAN(Enlarger):
    """The form that learns: takes and gives what `SPAN` does."""

    shape: Shape

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.body = Body(shape, Foldable)

    def inner(self, seen: Tensor) -> Tensor:
        """See `Enlarger`."""
        return functional.pixel_shuffle(self.body(seen), self.shape.scale)

    def folded(self) -> dict[str, Tensor]:
        """Each branched convolution as its 3x3; see `Enlarger`."""
        weights = {}
        for name, layer in self.named_modules():
            if isinstance(layer, Foldable):
                weights[f"{name}.weight"], weights[f"{name}.bias"] = layer.folded()
            elif isinstance(layer, nn.Conv2d) and not isinstance(self.get_submodule(name.rpartition(".")[0]), Foldable):
                weights |= {f"{name}.{kind}": one for kind, one in layer.named_parameters()}
        return weights

    def start_from(self, other: Enlarger) -> None:
        """Not possible: a filter does not say which branches it was."""
        raise ValueError("SPAN's branches cannot start from folded filters")


class Body(nn.Module):
    """All of the network but the pixel shuffle: (N, planes, H, W) to (N, planes * scale^2, H, W)."""

    def __init__(self, shape: Shape, conv: Callable[[int, int], nn.Module]) -> None:
        super().__init__()
        width = shape.width
        self.head = conv(shape.planes, width)
        self.blocks = nn.ModuleList(Block(width, conv) for _ in range(_BLOCKS))
        self.tail = conv(width, width)
        self.collect = nn.Conv2d(4 * width, width, 1)
        self.phases = nn.Conv2d(width, shape.planes * shape.scale**2, 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        """What each pixel's phases are; shapes as the class says."""
        shallow: Tensor = self.head(picture)
        deep, early, outputs = shallow, shallow, []
        for block in self.blocks:
            deep, early = block(deep)
            outputs.append(deep)
        phases: Tensor = self.phases(self.collect(torch.cat((shallow, self.tail(deep), outputs[0], early), 1)))
        return phases


class Block(nn.Module):
    """Three convolutions and the attention: (N, width, H, W) to two of the same, the output and the first features."""

    def __init__(self, width: int, conv: Callable[[int, int], nn.Module]) -> None:
        super().__init__()
        self.first = conv(width, width)
        self.second = conv(width, width)
        self.third = conv(width, width)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Convolve and weigh; shapes as the class says."""
        first = functional.silu(self.first(features))
        third: Tensor = self.third(functional.silu(self.second(first)))
        return (third + features) * (torch.sigmoid(third) - 0.5), first


class Foldable(nn.Module):
    """A 3x3 convolution with more parameters than it needs: (N, inputs, H, W) to (N, outputs, H, W).

    1x1 to twice the inputs, 3x3 to twice the outputs, 1x1 to the outputs, plus a 1x1 shortcut; all with bias, zeros
    around the picture before the first of them.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.widen = nn.Conv2d(inputs, _GAIN * inputs, 1)
        self.spread = nn.Conv2d(_GAIN * inputs, _GAIN * outputs, 3)
        self.narrow = nn.Conv2d(_GAIN * outputs, outputs, 1)
        self.shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Convolve with the folded filter; shapes as the class says."""
        with torch.autocast(features.device.type, enabled=False):
            weight, bias = self.folded()
        return functional.conv2d(features, weight, bias, padding=1)

    def folded(self) -> tuple[Tensor, Tensor]:
        """The one 3x3 that this is, with its gradient: (outputs, inputs, 3, 3) and (outputs,), as the parameters."""
        widen, narrow = self.widen.weight[..., 0, 0], self.narrow.weight[..., 0, 0]
        weight = torch.einsum("om,mnyx,ni->oiyx", narrow, self.spread.weight, widen)
        weight = weight + functional.pad(self.shortcut.weight, [1] * 4)
        inner = self.spread.weight.sum((2, 3)) @ _of(self.widen) + _of(self.spread)
        return weight, narrow @ inner + _of(self.narrow) + _of(self.shortcut)


def fuse(training: TrainingSPAN) -> SPAN:
    """The deployed form of `training`."""
    deployed = SPAN(training.shape)
    deployed.load_state_dict(training.folded())
    return deployed


def _of(layer: nn.Conv2d) -> Tensor:
    """The bias of a layer that was made with one."""
    if layer.bias is None:
        raise ValueError("the layer has no bias")
    return layer.bias
