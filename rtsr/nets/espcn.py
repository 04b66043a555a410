"""ESPCN: three convolutions at low resolution, then a pixel shuffle.

Shi, Caballero, Huszar, Totz, Aitken, Bishop, Rueckert, Wang, "Real-time single image and video super-resolution using
an efficient sub-pixel convolutional neural network", CVPR 2016 (arXiv 1609.05158); written anew from the paper. Its
tanh form, with free widths D and S as the edge-SR paper compares it (arXiv 2108.10335): 5x5 to D, 3x3 to S, 3x3 to the
phases. With D = 0 the first layer is left out.

Borders repeat the edge pixel, once, before the first convolution; all convolutions are valid ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from rtsr.nets.enlarger import Enlarger


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers that name an ESPCN: "D16 S32 at x2" is Shape(16, 32, 2)."""

    first: int
    """D, channels after the 5x5 layer; 0 leaves the layer out."""
    second: int
    """S, channels after the 3x3 layer."""
    scale: int
    planes: int = 1
    """1 for luma, 3 for RGB."""

    def __post_init__(self) -> None:
        if self.first < 0 or min(self.second, self.scale, self.planes) < 1:
            raise ValueError(f"sizes must be positive, got {self}")

    @property
    def reach(self) -> int:
        """Low-resolution pixels that an output pixel sees on each side."""
        return 4 if self.first else 2


class ESPCN(Enlarger):
    """(N, planes, H, W) float in 0..1 to (N, planes, scale*H, scale*W), not clipped."""

    shape: Shape

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        layers: list[nn.Module] = [nn.Conv2d(shape.planes, shape.first, 5), nn.Tanh()] if shape.first else []
        layers += [nn.Conv2d(shape.first or shape.planes, shape.second, 3), nn.Tanh()]
        layers += [nn.Conv2d(shape.second, shape.planes * shape.scale**2, 3)]
        self.body = nn.Sequential(*layers)

    @property
    def frame(self) -> int:
        """All that an output pixel sees; see `Enlarger`."""
        return self.shape.reach

    def inner(self, seen: Tensor) -> Tensor:
        """See `Enlarger`."""
        return functional.pixel_shuffle(self.body(seen), self.shape.scale)
