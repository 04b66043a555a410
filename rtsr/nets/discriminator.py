"""The U-Net discriminator of Real-ESRGAN: says of every pixel how real it looks. For training only.

Wang, Xie, Dong, Shan, "Real-ESRGAN: training real-world blind super-resolution with pure synthetic data", ICCV
workshops 2021 (arXiv 2107.10833), after Schoenfeld, Schiele, Khoreva, "A U-Net based discriminator for generative
adversarial networks", CVPR 2020 (arXiv 2002.12655); spectral norm by Miyato et al., ICLR 2018 (arXiv 1802.05957).
Written anew from the papers. Three halvings by strided convolutions, three bilinear doublings, each plus the features
of its size.

Borders are zeros at every layer.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

_SLOPE = 0.2


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers that name a discriminator: Real-ESRGAN's is Shape(3)."""

    planes: int
    """1 for luma, 3 for RGB."""
    width: int = 64
    """Channels at full size; they double with each halving."""

    def __post_init__(self) -> None:
        if min(self.planes, self.width) < 1:
            raise ValueError(f"sizes must be positive, got {self}")


class UNetDiscriminator(nn.Module):
    """(N, planes, H, W) float in 0..1, sides 8 or more, to (N, 1, H, W), logits: positive for "real".

    All but the first and the last convolution are normalised to a spectral norm of 1, and have no bias. In train mode
    each forward pass takes one step of that norm's power iteration; in eval mode it is frozen.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.width
        self.first = nn.Conv2d(shape.planes, width, 3, padding=1)
        self.down = nn.ModuleList(_halve(width << step) for step in range(3))
        self.up = nn.ModuleList(_normal(2 * width << step, width << step) for step in (2, 1, 0))
        self.refine = nn.Sequential(
            _normal(width, width), nn.LeakyReLU(_SLOPE), _normal(width, width), nn.LeakyReLU(_SLOPE)
        )
        self.last = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        """Judge a batch of pictures; shapes as the class says."""
        features = functional.leaky_relu(self.first(picture), _SLOPE)
        passed = []
        for conv in self.down:
            passed.append(features)
            features = functional.leaky_relu(conv(features), _SLOPE)
        for conv in self.up:
            skip = passed.pop()
            features = functional.interpolate(features, skip.shape[-2:], mode="bilinear", align_corners=False)
            features = functional.leaky_relu(conv(features), _SLOPE) + skip
        logits: Tensor = self.last(self.refine(features))
        return logits


def _halve(width: int) -> nn.Module:
    return spectral_norm(nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False))


def _normal(inputs: int, outputs: int) -> nn.Module:
    return spectral_norm(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False))
