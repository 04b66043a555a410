"""A network between integer samples, as torch runs it: conversions, clipping and rounding belong to the module.

Samples above 8 bit travel as int16 with the bits of uint16, in which torch computes little. Rounding is that of
`rtsr.upscalers.openvino`: clipped to 0..peak, half to even.

In fp16 convolutions take and give half floats; what torch's autocast holds to be sensitive (softmax, sums, means,
powers) takes float32, and the luma stays in float32 where a network adds it to what its layers made. What that
costs, network by network: docs/decisions/016-torch-route.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from rtsr.errors import UsageError
from rtsr.models import ModelCard, verified_path
from rtsr.nets import open_net

if TYPE_CHECKING:
    from rtsr.frame import PixelLayout
    from rtsr.nets.enlarger import Enlarger

Precision = Literal["fp16", "fp32"]
_MOST_HALF_BITS = 10
_BRIGHT = frozenset({"espcn", "esr_cnn", "fsrcnn", "rrdb", "srcnn"})
"""Networks whose layers carry brightness itself, with no base around them: half floats keep 11 bits of it."""


def best_precision(card: ModelCard, layout: PixelLayout) -> Precision:
    """The faster precision that changes the picture less than its rounding to code values does.

    Never fp16 for edge-SR: its scores are products of large sums, and half floats choose other candidates.
    """
    most_bits = 0 if card.net == "esr" else 8 if card.net in _BRIGHT else _MOST_HALF_BITS
    return "fp16" if layout.bits <= most_bits else "fp32"


def open_luma_net(card: ModelCard) -> Enlarger:
    """The float network of `card`, on the CPU; between its two forms if the card says so.

    Raises:
        BackendError: the card has no safetensors, or they are damaged.
        UsageError: the card is between two forms that are no forms of one network.
    """
    net = open_net(verified_path(card, "safetensors"))
    if card.gan is None:
        return net
    other = open_net(verified_path(card.gan, "safetensors"))
    if type(other) is not type(net) or other.shape != net.shape:
        raise UsageError(
            f"{card} and {card.gan} are not two forms of one network: one is {net.shape}, the other {other.shape}",
            mend="train one from the other, and import both from safetensors; or leave out --sharpness",
        )
    theirs = other.state_dict()
    ours = net.state_dict()
    net.load_state_dict({name: torch.lerp(mine, theirs[name], card.sharpness) for name, mine in ours.items()})
    return net


class LumaNet(nn.Module):
    """(H, W) samples to (S*H, S*W) samples of one layout: uint8, or above 8 bit int16 with the bits of uint16.

    `net` is taken over: in fp16 its weights become half floats.
    """

    def __init__(self, net: Enlarger, layout: PixelLayout, precision: Precision) -> None:
        super().__init__()
        self.half_floats = precision == "fp16"
        self.net = (net.half() if self.half_floats else net).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.peak, self.bits = layout.peak, layout.bits

    @torch.no_grad()
    def forward(self, samples: Tensor) -> Tensor:
        """Enlarge one picture; shapes as the class says."""
        luma = to_luma(samples, self.peak)
        with torch.autocast(luma.device.type, torch.float16, enabled=self.half_floats, cache_enabled=False):
            made = self.net(luma[None, None])[0, 0]
        codes = torch.round(torch.clamp(made.float() * self.peak, 0, self.peak))
        return codes.to(torch.uint8) if samples.dtype == torch.uint8 else codes.to(torch.int32).to(torch.int16)


def to_luma(samples: Tensor, peak: int) -> Tensor:
    """uint8, or int16 with the bits of uint16, to float32, 0..1."""
    if samples.dtype != torch.uint8:
        samples = samples.to(torch.int32) & 0xFFFF
    return samples.to(torch.float32) * (1 / peak)
