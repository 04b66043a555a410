"""A network of colour, asked about luma: red, green and blue are all the luma, and its answer is weighed into luma.

The weights are those of BT.601, whose luma the product's networks see. Of our own networks the whole of it folds into
the first and the last layer, and what is left is a network of luma for a third of that work.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from rtsr.nets import COLOURS, LUMA_WEIGHTS
from rtsr.nets.families import FAMILIES, family_of

if TYPE_CHECKING:
    from rtsr.nets.enlarger import Enlarger


class Grey(nn.Module):
    """(N, 1, H, W) luma to (N, 1, S*H, S*W), through any network of one or three planes, whatever the sides.

    A network that takes only multiples of `side` gets the picture continued by its edge, and the surplus is cut off.
    """

    weights: Tensor

    def __init__(self, net: nn.Module, planes: int = COLOURS, side: int = 1) -> None:
        super().__init__()
        self.net, self.planes, self.side = net, planes, side
        self.register_buffer("weights", torch.tensor(LUMA_WEIGHTS)[None, :, None, None])

    def forward(self, luma: Tensor) -> Tensor:
        """Enlarge a batch of luma; shapes as the class says."""
        made = self._whole(luma.expand(-1, self.planes, -1, -1))
        return made if self.planes == 1 else nn.functional.conv2d(made, self.weights)

    def _whole(self, picture: Tensor) -> Tensor:
        if self.side == 1:
            made: Tensor = self.net(picture)
            return made
        height, width = picture.shape[-2:]
        frame = [0, -width % self.side, 0, -height % self.side]
        made = self.net(nn.functional.pad(picture, frame, mode="replicate"))
        scale = made.shape[-2] // (height + frame[-1])
        return made[..., : height * scale, : width * scale]


@torch.no_grad()
def greyed(net: Enlarger) -> Enlarger:
    """The deployed network of luma that computes what `Grey(net)` does, for one of ours of three planes."""
    shape: Any = net.shape
    grey: Enlarger = FAMILIES[family_of(net)].deployed(replace(shape, planes=1))
    theirs = net.state_dict()
    grey.load_state_dict({name: _folded(theirs[name], mine.shape) for name, mine in grey.state_dict().items()})
    return grey.eval()


def _folded(colour: Tensor, size: torch.Size) -> Tensor:
    """A parameter of the network of colour as the one of luma, whose size is `size`.

    Planes are the slower index on both sides of a pixel shuffle. What reads the picture adds up its filters for three
    equal planes; what makes it weighs its filters.
    """
    if colour.ndim > 1 and colour.shape[1] != size[1]:
        colour = colour.reshape(len(colour), COLOURS, *size[1:]).sum(1)
    if colour.shape[0] != size[0]:
        weights = torch.tensor(LUMA_WEIGHTS).reshape(COLOURS, *[1] * colour.ndim)
        colour = (colour.reshape(COLOURS, *size) * weights).sum(0)
    return colour
