"""FSRCNN: shrink, map, expand, and a transposed convolution, or the convolution and pixel shuffle that equal it.

Dong, Loy, Tang, "Accelerating the super-resolution convolutional neural network", ECCV 2016 (arXiv 1608.00367); written
anew from the paper. FSRCNN(d, s, m): 5x5 to d, 1x1 to s, m times 3x3, 1x1 to d, and a 9x9 transposed convolution of
stride scale; a PReLU after every layer but the last.

`FSRCNN` is the form of the paper; `FoldedFSRCNN` computes the same function without the transposed convolution, which
some CPU runtimes do slowly (and others do not: measure). Output pixel scale*q + r takes input pixel
q + t with tap r - t*scale + 4, so phase r is a plain convolution whose taps lie `scale` apart in the 9x9 filter; 5x5
holds them at x2 and x3, and 3x3 at x4.

Borders repeat the edge pixel, once, before the first convolution; all convolutions are valid ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtsr.nets.enlarger import Enlarger

Slopes = Literal["layer", "channel"]
_TAPS = 9
_CENTRE = _TAPS // 2


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers that name an FSRCNN: FSRCNN(56, 12, 4) at x2 is Shape(56, 12, 4, 2)."""

    wide: int
    """d, channels of the first and the last features."""
    narrow: int
    """s, channels of the mapping."""
    maps: int
    """m, 3x3 layers of the mapping, 0 or more."""
    scale: int
    planes: int = 1
    """1 for luma, 3 for RGB."""
    slopes: Slopes = "layer"
    """Whether a PReLU learns one slope, or one per channel; published parameter counts differ in this."""

    def __post_init__(self) -> None:
        if self.maps < 0 or min(self.wide, self.narrow, self.scale, self.planes) < 1:
            raise ValueError(f"sizes must be positive, got {self}")
        if self.slopes not in get_args(Slopes):
            raise ValueError(f"slopes must be one of {get_args(Slopes)}, got {self.slopes!r}")

    @property
    def tail_reach(self) -> int:
        """Low-resolution pixels that the transposed convolution reaches on each side of an output pixel's own."""
        return (_CENTRE + self.scale - 1) // self.scale

    @property
    def reach(self) -> int:
        """Low-resolution pixels that an output pixel sees on each side."""
        return 2 + self.maps + self.tail_reach


class FSRCNN(Enlarger):
    """The paper's form, ending in a transposed convolution.

    (N, planes, H, W) float in 0..1 to (N, planes, scale*H, scale*W), not clipped.
    """

    shape: Shape

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.body = _body(shape)
        self.enlarge = nn.ConvTranspose2d(
            shape.wide, shape.planes, _TAPS, shape.scale, padding=_CENTRE, output_padding=shape.scale - 1
        )
        nn.init.normal_(self.enlarge.weight, std=0.001)
        nn.init.zeros_(_of(self.enlarge.bias))

    @property
    def frame(self) -> int:
        """All that an output pixel sees; see `Enlarger`."""
        return self.shape.reach

    def inner(self, seen: Tensor) -> Tensor:
        """See `Enlarger`."""
        large: Tensor = self.enlarge(self.body(seen))
        frame = self.shape.tail_reach * self.shape.scale
        return large[..., frame : large.shape[-2] - frame, frame : large.shape[-1] - frame]

    def folded(self) -> dict[str, Tensor]:
        """The transposed filter spread over the phases; see `Enlarger`."""
        same = {name: one for name, one in self.named_parameters() if name.startswith("body.")}
        bias = _of(self.enlarge.bias).repeat_interleave(self.shape.scale**2)
        return {**same, "tail.weight": spread(self.enlarge.weight, self.shape.scale), "tail.bias": bias}


class FoldedFSRCNN(Enlarger):
    """The deployed form, ending in a convolution and a pixel shuffle; takes and gives what `FSRCNN` does."""

    shape: Shape

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.body = _body(shape)
        self.tail = nn.Conv2d(shape.wide, shape.planes * shape.scale**2, 2 * shape.tail_reach + 1)

    @property
    def frame(self) -> int:
        """All that an output pixel sees; see `Enlarger`."""
        return self.shape.reach

    def inner(self, seen: Tensor) -> Tensor:
        """See `Enlarger`."""
        return functional.pixel_shuffle(self.tail(self.body(seen)), self.shape.scale)


def fold(plain: FSRCNN) -> FoldedFSRCNN:
    """The deployed form of `plain`: the same numbers in another order."""
    deployed = FoldedFSRCNN(plain.shape)
    deployed.load_state_dict(plain.folded())
    return deployed


def spread(weight: Tensor, scale: int) -> Tensor:
    """The convolution before a pixel shuffle that equals a 9x9 transposed one: (d, P, 9, 9) to (P*scale^2, d, k, k)."""
    width, planes = weight.shape[:2]
    reach = (_CENTRE + scale - 1) // scale
    size = 2 * reach + 1
    tap = torch.arange(scale)[:, None] - scale * torch.arange(-reach, reach + 1) + _CENTRE  # (phase, position)
    room = functional.pad(weight, [0, 1, 0, 1])  # a tap outside the filter reads this row or column of zeros
    tap = torch.where((tap >= 0) & (tap < _TAPS), tap, _TAPS).flatten()
    phases = room[:, :, tap][..., tap].reshape(width, planes, scale, size, scale, size)
    return phases.permute(1, 2, 4, 0, 3, 5).reshape(planes * scale**2, width, size, size)


def _body(shape: Shape) -> nn.Sequential:
    sizes = [(shape.planes, shape.wide, 5), (shape.wide, shape.narrow, 1)]
    sizes += [(shape.narrow, shape.narrow, 3)] * shape.maps
    sizes += [(shape.narrow, shape.wide, 1)]
    layers: list[nn.Module] = []
    for inputs, outputs, size in sizes:
        convolution = nn.Conv2d(inputs, outputs, size)
        nn.init.kaiming_normal_(convolution.weight, a=0.25)
        nn.init.zeros_(_of(convolution.bias))
        layers += [convolution, nn.PReLU(outputs if shape.slopes == "channel" else 1)]
    return nn.Sequential(*layers)


def _of(bias: Tensor | None) -> Tensor:
    """The bias of a layer that was made with one."""
    if bias is None:
        raise ValueError("the layer has no bias")
    return bias
