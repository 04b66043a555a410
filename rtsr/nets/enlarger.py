"""What every network of ours is: a picture in, the picture enlarged out.

Two ways to treat the border stand behind one interface. Small networks continue the picture by its edge pixels, once,
as far as they see (`frame`), and all their convolutions are valid ones; networks after papers of their own pad every
layer with zeros (`frame` is 0).
"""

from __future__ import annotations

from typing import Protocol

from torch import Tensor, nn
from torch.nn import functional


class Numbers(Protocol):
    """What the `Shape` of every network tells."""

    @property
    def scale(self) -> int:
        """Output side over input side."""

    @property
    def reach(self) -> int:
        """Input pixels around an output pixel's own, on each side, that it depends on."""


def continued(picture: Tensor, frame: int) -> Tensor:
    """(N, planes, H, W) with its edge pixels repeated `frame` times on each side."""
    return functional.pad(picture, [frame] * 4, mode="replicate") if frame else picture


class Enlarger(nn.Module):
    """(N, planes, H, W) float, 0..1, to (N, planes, scale*H, scale*W), not clipped."""

    shape: Numbers

    @property
    def frame(self) -> int:
        """Pixels by which the picture's edge is continued on each side before the first layer."""
        return 0

    def forward(self, picture: Tensor) -> Tensor:
        """Enlarge a batch of pictures; shapes as the class says."""
        return self.inner(continued(picture, self.frame))

    def inner(self, seen: Tensor) -> Tensor:
        """`forward` for a picture that comes with its surroundings, `frame` pixels on each side."""
        raise NotImplementedError

    def folded(self) -> dict[str, Tensor]:
        """The deployed form's parameters by name, differentiable in this form's; its own, where the two are one."""
        return dict(self.named_parameters())

    def ending(self) -> nn.Module:
        """The layer that makes the phases: the one that another scale does not share."""
        return [layer for layer in self.modules() if any(True for _ in layer.parameters(recurse=False))][-1]

    def start_from(self, other: Enlarger) -> None:
        """Take a deployed network of the same family: all of it, or all but the ending from one of another scale."""
        theirs = dict(other.named_parameters())
        anew = {id(one) for one in self.ending().parameters()} if other.shape != self.shape else set()
        for name, mine in self.named_parameters():
            if id(mine) not in anew:
                mine.data.copy_(theirs[name])
