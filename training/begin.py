"""Networks without a base of their own, begun as the bilinear enlargement.

ECBSR adds the picture at its end and learns only what that lacks. ESPCN, FSRCNN and eSR-CNN must hand brightness itself
through every layer, and from a random start they spend their time on learning to. Here channel 0 of every layer carries
the picture from the start, so that the network is an enlargement before the first step. All other first filters are
written in whitened coordinates (`training.whiten`): they see structure, not brightness. Both are a way to write the
paper's network, not a change to it, and nothing of them is left in its files.

On ESPCN D16 S32 at x2, 8,000 steps of SOAP: held-out 35.63 dB with the carrier alone, 36.38 dB with both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from rtsr.nets.espcn import ESPCN
from rtsr.nets.esr_cnn import PlainESRCNN
from rtsr.nets.fsrcnn import FSRCNN

if TYPE_CHECKING:
    from rtsr.nets.enlarger import Enlarger

FIRST = "body.0.weight"
"""The first filters: their parameter holds coefficients while it learns."""
_SOFT = 0.1
"""What the carrier is multiplied by where a tanh follows, which is a line that near to zero."""
_FIRST_GAIN, _GAIN = 1.5, 5 / 3
"""Spread of the features at the start: large enough that an activation bends them."""
_KEY_SPREAD = 0.3
_TAPS = torch.tensor([-1.0, 0.0, 1.0])


def needs_beginning(net: Enlarger) -> bool:
    """Whether `begin` knows what to do with it."""
    return isinstance(net, ESPCN | FSRCNN | PlainESRCNN)


@torch.no_grad()
def begin(net: Enlarger) -> None:
    """Make `net` the bilinear enlargement, its first filters read as by `written`. Draws from torch's random state."""
    carried = carried_by(net)
    convolutions = [layer for layer in net.get_submodule("body").modules() if isinstance(layer, nn.Conv2d)]
    ending = net.ending()
    if isinstance(net, ESPCN):
        convolutions.remove(ending)
    for number, layer in enumerate(convolutions):
        if number:
            nn.init.xavier_normal_(layer.weight, _GAIN)
            layer.weight[:, 0] = 0.0  # nobody reads the carrier,
            layer.weight[0] = 0.0  # and it reads nobody
            layer.weight[0, 0, layer.kernel_size[0] // 2, layer.kernel_size[1] // 2] = 1.0
        else:
            layer.weight.normal_(0.0, _FIRST_GAIN / (layer.weight[0].numel() - 1) ** 0.5)
        if layer.bias is not None:
            layer.bias.zero_()
    _begin_ending(net, carried)
    if isinstance(net, ESPCN):  # middle grey at zero, where tanh is straightest
        _of(convolutions[0])[0] = -carried / 2
        _of(ending).fill_(0.5)


def written(coefficients: Tensor, basis: Tensor, carried: float) -> Tensor:
    """First filters, (D, 1, k, k), from coefficients of that shape; row 0 and the last of each row are unused."""
    side = coefficients.shape[-1]
    carrier = functional.pad(coefficients.new_full((1, 1, 1, 1), carried), [side // 2] * 4)
    others = coefficients[1:].flatten(1)[:, : len(basis)] @ basis
    return torch.cat((carrier, others.reshape(-1, 1, side, side)))


def carried_by(net: Enlarger) -> float:
    """What the carrier's first filter multiplies the picture by."""
    return _SOFT if isinstance(net.get_submodule("body.1"), nn.Tanh) else 1.0


def _begin_ending(net: Enlarger, carried: float) -> None:
    """The last layer: the carrier's bilinear enlargement, and little of all else."""
    scale = net.shape.scale
    if isinstance(net, FSRCNN):
        weight = net.enlarge.weight
        taps = torch.arange(weight.shape[-1]) - weight.shape[-1] // 2
        line = (1.0 - ((taps + 0.5) / scale - 0.5).abs()).clamp(min=0.0)
        weight[0] = line[:, None] * line
        return
    weight = net.ending().get_parameter("weight")
    weight.mul_(0.1)
    weight[:, 0] = 0.0
    places = (torch.arange(scale) + 0.5) / scale - 0.5
    lines = (1.0 - (places[:, None] - _TAPS).abs()).clamp(min=0.0)
    phases = torch.einsum("ay,bx->abyx", lines, lines).flatten(0, 1) / carried
    if isinstance(net, PlainESRCNN):  # every candidate begins so, and the keys as noise
        weight[len(weight) // 2 :].normal_(0.0, _KEY_SPREAD)[:, 0] = 0.0
        weight[: len(weight) // 2, 0] = phases.repeat(net.shape.channels, 1, 1)
    else:
        weight[:, 0] = phases


def _of(layer: nn.Module) -> Tensor:
    return layer.get_parameter("bias")
