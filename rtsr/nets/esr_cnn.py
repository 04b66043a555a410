"""eSR-CNN: edge-SR's choice between candidates, after two small convolutions.

Navarrete Michelini, Lu, Jiang, "edge-SR: super-resolution for the masses", WACV 2022 (arXiv 2108.10335); written anew
from the paper. eSR-CNN(C, D, S): 5x5 to D and 3x3 to S, each with tanh, then 3x3 without bias to C candidate pictures
("values") and C keys, which mix per pixel. With D = 0 the first layer is left out.

    y = sum_c v_c softmax_c(k_c^2)          the square as in the authors' released networks: query and key are one

`PlainESRCNN` is that form (convolutions, pixel shuffle, mix); `FoldedESRCNN` computes the same function for less, as
`rtsr.nets.esr` does: the mix comes before the shuffle, which then moves one channel instead of 2C, and
y = v_C + sum_c p_c (v_c - v_C) needs the differences only. The keys stay C, since squares have no difference to fold;
with C = 2 a sigmoid of k_1^2 - k_2^2 is left.

Borders repeat the edge pixel, once, before the first convolution; all convolutions are valid ones.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtsr.nets.enlarger import Enlarger


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers that name an eSR-CNN: "C4 D3 S6 at x2" is Shape(4, 3, 6, 2)."""

    channels: int
    """C, the number of candidate pictures, 1 or more."""
    first: int
    """D, channels after the 5x5 layer; 0 leaves the layer out."""
    second: int
    """S, channels after the first 3x3 layer."""
    scale: int

    def __post_init__(self) -> None:
        if self.first < 0 or min(self.channels, self.second, self.scale) < 1:
            raise ValueError(f"sizes must be positive, got {self}")

    @property
    def phases(self) -> int:
        """Output pixels per input pixel."""
        return self.scale**2

    @property
    def folded_planes(self) -> int:
        """Pictures that the folded form's last convolution makes: 2C, or 1 where there is nothing to choose."""
        return 1 if self.channels == 1 else 2 * self.channels

    @property
    def reach(self) -> int:
        """Low-resolution pixels that an output pixel sees on each side."""
        return 4 if self.first else 2


class PlainESRCNN(Enlarger):
    """The paper's form: convolutions, pixel shuffle, mix.

    `choices.weight` is (2C * scale^2, S, 3, 3), planes ordered v_1..v_C, k_1..k_C. Takes (N, 1, H, W) float in 0..1;
    gives (N, 1, scale*H, scale*W), not clipped.
    """

    shape: Shape

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.body = _body(shape)
        self.choices = nn.Conv2d(shape.second, 2 * shape.channels * shape.phases, 3, bias=False)

    @property
    def frame(self) -> int:
        """All that an output pixel sees; see `Enlarger`."""
        return self.shape.reach

    def inner(self, seen: Tensor) -> Tensor:
        """See `Enlarger`."""
        planes = functional.pixel_shuffle(self.choices(self.body(seen)), self.shape.scale)
        value, key = planes.chunk(2, 1)
        return torch.sum(value * (key * key).softmax(1), 1, keepdim=True)

    def folded(self) -> dict[str, Tensor]:
        """Differences of the values; see `Enlarger`."""
        same = {name: one for name, one in self.named_parameters() if name.startswith("body.")}
        shape, weight = self.shape, self.choices.weight
        value, key = weight.reshape(2 * shape.channels, shape.phases, shape.second, 3, 3).chunk(2)
        planes = value if shape.channels == 1 else torch.cat((value[-1:], value[:-1] - value[-1:], key))
        return {**same, "choices.weight": planes.flatten(0, 1)}


class FoldedESRCNN(Enlarger):
    """The deployed form: convolutions, mix, pixel shuffle of one channel; the same function as `PlainESRCNN`.

    `choices.weight` is (folded planes * scale^2, S, 3, 3), planes ordered v_C, then v_c - v_C for c < C, then k_1..k_C.
    Takes and gives what `PlainESRCNN` does.
    """

    shape: Shape

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.body = _body(shape)
        self.choices = nn.Conv2d(shape.second, shape.folded_planes * shape.phases, 3, bias=False)

    @property
    def frame(self) -> int:
        """All that an output pixel sees; see `Enlarger`."""
        return self.shape.reach

    def inner(self, seen: Tensor) -> Tensor:
        """See `Enlarger`."""
        planes = list(self.choices(self.body(seen)).split(self.shape.phases, 1))
        return functional.pixel_shuffle(_mix_folded(planes), self.shape.scale)


def fold(plain: PlainESRCNN) -> FoldedESRCNN:
    """The deployed form of `plain`."""
    deployed = FoldedESRCNN(plain.shape)
    deployed.load_state_dict(plain.folded())
    return deployed


def _mix_folded(planes: list[Tensor]) -> Tensor:
    """Choose between the candidates in the folded layout, a (N, scale^2, H, W) for each plane, to one of the same.

    Written in elementwise operators, the largest score taken off so that no exponential overflows: a softmax over a
    fifth axis, the obvious way, is slow in every runtime.
    """
    last, *others = planes
    if not others:
        return last
    steps, keys = others[: len(others) // 2], others[len(others) // 2 :]
    scores = [key * key for key in keys]
    if len(scores) == 2:
        return last + torch.sigmoid(scores[0] - scores[1]) * steps[0]
    top = functools.reduce(torch.maximum, scores)
    weights = [torch.exp(score - top) for score in scores]
    total = functools.reduce(torch.add, weights)
    change = functools.reduce(torch.add, [weight * step for weight, step in zip(weights, steps, strict=False)])
    return last + change / total


def _body(shape: Shape) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(1, shape.first, 5), nn.Tanh()] if shape.first else []
    return nn.Sequential(*layers, nn.Conv2d(shape.first or 1, shape.second, 3), nn.Tanh())
