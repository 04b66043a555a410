"""SRCNN: three convolutions on the bicubic enlargement, the first network of the field.

Dong, Loy, He, Tang, "Image super-resolution using deep convolutional networks", ECCV 2014 and TPAMI 2016 (arXiv
1501.00092); written anew from the paper. The enlargement is done inside, so it takes low resolution like the others.

Borders repeat the edge pixel, once, before the first convolution; all convolutions are valid ones.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from rtsr.nets.bicubic import Bicubic
from rtsr.nets.enlarger import Enlarger

_FIRST, _LAST = 9, 5
_BICUBIC_REACH = 2


@dataclass(frozen=True, slots=True)
class Shape:
    """The numbers that name an SRCNN: "9-5-5, 64-32 at x2" is Shape(scale=2)."""

    scale: int
    planes: int = 1
    """1 for luma, 3 for RGB."""
    middle: int = 5
    """Side of the second layer's filters, odd; the paper has 1, 3 and 5."""
    wide: int = 64
    """Channels after the first layer."""
    narrow: int = 32
    """Channels after the second layer."""

    def __post_init__(self) -> None:
        if min(self.scale, self.planes, self.wide, self.narrow) < 1:
            raise ValueError(f"sizes must be positive, got {self}")
        if self.middle < 1 or self.middle % 2 == 0:
            raise ValueError(f"middle must be odd and positive, got {self.middle}")

    @property
    def large_reach(self) -> int:
        """High-resolution pixels that an output pixel sees on each side of itself."""
        return _FIRST // 2 + self.middle // 2 + _LAST // 2

    @property
    def reach(self) -> int:
        """Low-resolution pixels that an output pixel sees on each side, at most, through the bicubic enlargement."""
        return (self.large_reach + self.scale - 1) // self.scale + _BICUBIC_REACH


class SRCNN(Enlarger):
    """See `Enlarger` for shapes. `frame` is 0: it is the enlarged picture whose edge is continued."""

    shape: Shape

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.enlarge = Bicubic(shape.scale)
        self.body = nn.Sequential(
            nn.Conv2d(shape.planes, shape.wide, _FIRST),
            nn.ReLU(),
            nn.Conv2d(shape.wide, shape.narrow, shape.middle),
            nn.ReLU(),
            nn.Conv2d(shape.narrow, shape.planes, _LAST),
        )

    def inner(self, seen: Tensor) -> Tensor:
        """See `Enlarger`."""
        large = functional.pad(self.enlarge(seen), [self.shape.large_reach] * 4, mode="replicate")
        sharp: Tensor = self.body(large)
        return sharp
