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


class SRVGGNetCompact(nn.Module):
    """(N, planes, H, W) float in 0..1 to (N, planes, scale*H, scale*W), not clipped."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        layers: list[nn.Module] = [_conv(shape.planes, width), nn.PReLU(width)]
        for _ in range(shape.convs):
            layers += [_conv(width, width), nn.PReLU(width)]
        self.body = nn.Sequential(*layers, _conv(width, shape.planes * shape.scale**2))

    def forward(self, picture: Tensor) -> Tensor:
        """Enlarge a batch of pictures; shapes as the class says."""
        phases: Tensor = self.body(picture)
        planes = phases.reshape(len(picture), self.shape.planes, self.shape.scale**2, *picture.shape[2:])
        planes = planes + picture.unsqueeze(2)  # nearest: one value for all phases
        return functional.pixel_shuffle(planes.flatten(1, 2), self.shape.scale)


def _conv(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)
