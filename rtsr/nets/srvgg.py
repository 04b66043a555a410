"""SRVGGNetCompact: a row of 3x3 convolutions that adds to the nearest-neighbour enlargement.

Wang, Xie, Dong, Shan, "Real-ESRGAN: training real-world blind super-resolution with pure synthetic data", ICCV
workshops 2021 (arXiv 2107.10833), whose small networks for video have this form; written anew from its description.
PReLU with a slope per channel after every convolution but the last. The published ones have 64 channels with 16 or 32
middle convolutions, or 8 ("ultra"), and 24 channels with 8 ("super-ultra").

Borders are zeros at every layer, as published.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from rtsr.nets.enlarger import Enlarger


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers that name a Compact: "64 channels, 16 convolutions, RGB, x4" is Shape(3, 4)."""

    planes: int
    """1 for luma, 3 for RGB."""
    scale: int
    width: int = 64
    """Channels of the features."""
    convs: int = 16
    """Convolutions between the first and the last."""

    def __post_init__(self) -> None:
        if self.convs < 0 or min(self.planes, self.scale, self.width) < 1:
            raise ValueError(f"sizes must be positive, got {self}")

    @property
    def reach(self) -> int:
        """Low-resolution pixels that an output pixel sees on each side."""
        return self.convs + 2


class SRVGGNetCompact(Enlarger):
    """See `Enlarger` for shapes."""

    shape: Shape

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        layers: list[nn.Module] = [_conv(shape.planes, width), nn.PReLU(width)]
        for _ in range(shape.convs):
            layers += [_conv(width, width), nn.PReLU(width)]
        self.body = nn.Sequential(*layers, _conv(width, shape.planes * shape.scale**2))

    def inner(self, seen: Tensor) -> Tensor:
        """See `Enlarger`."""
        # nearest: one value for all phases, which a single plane is as it stands
        shape = self.shape
        nearest = seen if shape.planes == 1 else seen.repeat_interleave(shape.scale**2, 1)
        return functional.pixel_shuffle(self.body(seen) + nearest, shape.scale)


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)
