"""Bicubic enlargement as a network: one 5x5 convolution and a pixel shuffle, nothing learned.

Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29(6), 1981, a = -1/2: the same
function as `rtsr.resample.bicubic_upscale`, borders included, less the rounding and clipping to 8 bit between its
passes. It proves the layout of the pixel shuffle and where the samples sit, and it is the base that SRCNN sharpens.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtsr.resample import bicubic_phases

_KERNEL_SIZE = 5


class Bicubic(nn.Module):
    """(N, P, H, W) float, any number of planes and any range, to (N, P, scale*H, scale*W), not clipped.

    `weight` is (scale^2, 1, 5, 5) float32, a buffer: one filter per output phase, shared by all planes.
    """

    weight: Tensor

    def __init__(self, scale: int) -> None:
        super().__init__()
        if scale < 1:
            raise ValueError(f"scale must be positive, got {scale}")
        self.scale = scale
        phases = torch.from_numpy(bicubic_phases(scale, _KERNEL_SIZE)).float()
        self.register_buffer("weight", phases.reshape(-1, 1, _KERNEL_SIZE, _KERNEL_SIZE))

    def forward(self, picture: Tensor) -> Tensor:
        """Enlarge a batch of pictures, plane by plane; shapes as the class says."""
        count, planes, height, width = picture.shape
        lone = picture.reshape(count * planes, 1, height, width)
        phases = functional.conv2d(mirror(lone, _KERNEL_SIZE // 2), self.weight)
        large = functional.pixel_shuffle(phases, self.scale)
        return large.reshape(count, planes, height * self.scale, width * self.scale)


def mirror(picture: Tensor, reach: int) -> Tensor:
    """Continue (..., H, W) by `reach` on every side as a mirror does that repeats the edge: c b a | a b c.

    Torch's "reflect" does not repeat the edge, its "replicate" repeats nothing else; any side length works here.
    """
    for axis in (-2, -1):
        length = picture.shape[axis]
        period = torch.full((1,), 2 * length, device=picture.device)  # a tensor: torch's ONNX has no other remainder
        index = torch.arange(-reach, length + reach, device=picture.device) % period
        picture = picture.index_select(axis, torch.minimum(index, 2 * length - 1 - index))
    return picture
