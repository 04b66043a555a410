"""edge-SR: one convolution, a pixel shuffle, and a choice between candidates.

Navarrete Michelini, Lu, Jiang, "edge-SR: super-resolution for the masses", WACV 2022 (arXiv 2108.10335); written anew
from the paper. A convolution makes C candidate pictures ("values") and an attention mixes them per pixel:

    max:  y = max_c v_c
    tm:   y = sum_c v_c softmax_c(k_c)          template matching: k_c says how well template c fits here
    tr:   y = sum_c v_c softmax_c(q_c k_c)      a transformer's attention, per pixel

`PlainESR` is the form of the paper (convolution, pixel shuffle, mix); `FoldedESR` computes the same function for less.
The mix is per pixel, so it may come before the shuffle, which then moves one channel instead of 2C or 3C. A softmax
ignores what all its arguments share, so the last template can be subtracted from the others and vanish; likewise
y = v_C + sum_c p_c (v_c - v_C) needs the differences only. With C = 2 a sigmoid is left: y = v_2 + sigmoid(dk) dv.

Borders repeat the edge pixel before a valid convolution: with zeros the frame of the picture would go dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtsr.nets.enlarger import Enlarger

Kind = Literal["max", "tm", "tr"]
_PLAIN_GROUPS: dict[Kind, int] = {"max": 1, "tm": 2, "tr": 3}


@dataclass(frozen=True, slots=True)
class Shape:
    """The four numbers that name an eSR network, as in "esr-tm-k7c4 at x2"."""

    kind: Kind
    kernel_size: int
    """Side of the square filters in low-resolution pixels, odd: also the receptive field."""
    channels: int
    """C, the number of candidate pictures, 1 or more."""
    scale: int

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind must be one of {get_args(Kind)}, got {self.kind!r}")
        if self.kernel_size < 1 or self.kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd and positive, got {self.kernel_size}")
        if self.channels < 1 or self.scale < 1:
            raise ValueError(f"channels and scale must be positive, got {self.channels} and {self.scale}")

    @property
    def reach(self) -> int:
        """Low-resolution pixels that an output pixel sees on each side."""
        return self.kernel_size // 2

    @property
    def phases(self) -> int:
        """Output pixels per input pixel."""
        return self.scale**2

    @property
    def plain_planes(self) -> int:
        """Pictures that the convolution of the paper's form makes: C, 2C or 3C."""
        return _PLAIN_GROUPS[self.kind] * self.channels

    @property
    def folded_planes(self) -> int:
        """Pictures that the folded convolution makes: C, 2C-1 or 3C."""
        if self.channels == 1:
            return 1  # one candidate: nothing to choose, whatever the kind
        return self.plain_planes - (self.kind == "tm")

    @property
    def parameters(self) -> int:
        """Weights of the paper's form, the number that its tables print."""
        return self.plain_planes * self.phases * self.kernel_size**2

    @property
    def macs_per_output_pixel(self) -> int:
        """Multiply-accumulates of the folded convolution per high-resolution pixel; the same at every scale."""
        return self.folded_planes * self.kernel_size**2


class PlainESR(Enlarger):
    """The paper's form: convolution, pixel shuffle, mix.

    `weight` is (planes * scale^2, 1, k, k), planes ordered v_1..v_C, then q_1..q_C (tr only), then k_1..k_C. Takes
    (N, 1, H, W) float, any range; gives (N, 1, scale*H, scale*W), not clipped.
    """

    shape: Shape

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        size = shape.kernel_size
        self.weight = nn.Parameter(torch.zeros(shape.plain_planes * shape.phases, 1, size, size))

    @property
    def frame(self) -> int:
        """All that an output pixel sees; see `Enlarger`."""
        return self.shape.reach

    def inner(self, seen: Tensor) -> Tensor:
        """See `Enlarger`."""
        planes = functional.pixel_shuffle(functional.conv2d(seen, self.weight), self.shape.scale)
        return mix(self.shape, planes).unsqueeze(1)


class FoldedESR(Enlarger):
    """The deployed form: convolution, mix, pixel shuffle of one channel; the same function as `PlainESR`.

    `weight` is (planes * scale^2, 1, k, k). Planes are v_1..v_C (max), or v_C, then v_c - v_C for c < C, then k_c - k_C
    for c < C (tm), or q_1..q_C and k_1..k_C (tr). Takes and gives what `PlainESR` does.
    """

    shape: Shape

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        size = shape.kernel_size
        self.weight = nn.Parameter(torch.zeros(shape.folded_planes * shape.phases, 1, size, size))

    @property
    def frame(self) -> int:
        """All that an output pixel sees; see `Enlarger`."""
        return self.shape.reach

    def inner(self, seen: Tensor) -> Tensor:
        """See `Enlarger`."""
        planes = functional.conv2d(seen, self.weight)
        planes = planes.reshape(len(seen), self.shape.folded_planes, self.shape.phases, *planes.shape[2:])
        return functional.pixel_shuffle(mix_folded(self.shape, planes), self.shape.scale)


def mix(shape: Shape, planes: Tensor) -> Tensor:
    """Choose between the candidates, as the paper writes it: (N, planes, ...) to (N, ...)."""
    if shape.kind == "max":
        return planes.amax(1)
    value, *query_key = torch.split(planes, shape.channels, 1)
    score = query_key[0] if shape.kind == "tm" else query_key[0] * query_key[1]
    return torch.sum(value * score.softmax(1), 1)


def mix_folded(shape: Shape, planes: Tensor) -> Tensor:
    """Choose between the candidates in the folded layout: (N, folded planes, ...) to (N, ...)."""
    if shape.channels == 1:
        return planes[:, 0]
    if shape.kind == "max":
        return planes.amax(1)
    last, step, lead = planes[:, 0], planes[:, 1 : shape.channels], planes[:, shape.channels :]
    if shape.kind == "tr":
        query, key = lead.chunk(2, 1)
        score = query * key
        lead = score[:, :-1] - score[:, -1:]
    if shape.channels == 2:
        return last + torch.sigmoid(lead[:, 0]) * step[:, 0]
    share = functional.pad(lead, [0, 0] * (lead.ndim - 2) + [0, 1]).softmax(1)[:, :-1]
    return last + torch.sum(share * step, 1)


def fold(plain: PlainESR) -> FoldedESR:
    """The deployed form of `plain`; differences are taken in float64."""
    shape = plain.shape
    folded = FoldedESR(shape)
    weight = _by_plane(plain.weight, shape.plain_planes)
    value, attention = weight[: shape.channels], weight[shape.channels :]
    if shape.channels == 1 or shape.kind == "max":
        planes = value
    else:
        if shape.kind == "tm":
            attention = attention[:-1] - attention[-1:]
        planes = torch.cat((value[-1:], value[:-1] - value[-1:], attention))
    folded.weight.data.copy_(planes.flatten(0, 1))
    return folded


def unfold(folded: FoldedESR) -> PlainESR:
    """A paper's form of `folded`, its last template zero: the filters as one looks at them, or trains them further."""
    shape = folded.shape
    plain = PlainESR(shape)
    weight = _by_plane(folded.weight, shape.folded_planes)
    if shape.kind == "max":
        planes = weight
    elif shape.channels == 1:
        planes = torch.cat((weight, weight.new_zeros(shape.plain_planes - 1, *weight.shape[1:])))
    else:
        last, step, attention = weight[:1], weight[1 : shape.channels], weight[shape.channels :]
        if shape.kind == "tm":
            attention = torch.cat((attention, torch.zeros_like(last)))
        planes = torch.cat((last + step, last, attention))
    plain.weight.data.copy_(planes.flatten(0, 1))
    return plain


def _by_plane(weight: Tensor, planes: int) -> Tensor:
    """(planes * scale^2, 1, k, k) to (planes, scale^2, 1, k, k) float64, apart from the network."""
    return weight.detach().double().reshape(planes, -1, *weight.shape[1:])
