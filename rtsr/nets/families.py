"""Every network of ours by name: its numbers, the form that learns, the form that runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from rtsr.nets import ecbsr, espcn, esr, esr_cnn, fsrcnn, imdn, rfdn, rrdb, span, srcnn, srvgg
from rtsr.nets.enlarger import Enlarger, Numbers


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of network."""

    shape: type[Any]
    """The dataclass of its numbers."""
    learnable: type[Any]
    """The `Enlarger` that training moves, made from a shape."""
    deployed: type[Any]
    """The `Enlarger` whose parameters `learnable.folded()` gives: what is stored and run. Often the same."""
    published: type[Any]
    """The form whose parameters the paper counts."""


_COUNTED_PX = 96
"""Pixels on a side of the smallest of three pictures whose work is compared: no stride of any network leaves a rest."""

FAMILIES: dict[str, Family] = {
    "esr": Family(esr.Shape, esr.PlainESR, esr.FoldedESR, esr.PlainESR),
    "esr_cnn": Family(esr_cnn.Shape, esr_cnn.PlainESRCNN, esr_cnn.FoldedESRCNN, esr_cnn.PlainESRCNN),
    "espcn": Family(espcn.Shape, espcn.ESPCN, espcn.ESPCN, espcn.ESPCN),
    "fsrcnn": Family(fsrcnn.Shape, fsrcnn.FSRCNN, fsrcnn.FoldedFSRCNN, fsrcnn.FSRCNN),
    "ecbsr": Family(ecbsr.Shape, ecbsr.ECBSR, ecbsr.PlainECBSR, ecbsr.PlainECBSR),
    "srvgg": Family(srvgg.Shape, srvgg.SRVGGNetCompact, srvgg.SRVGGNetCompact, srvgg.SRVGGNetCompact),
    "imdn": Family(imdn.Shape, imdn.IMDN, imdn.IMDN, imdn.IMDN),
    "span": Family(span.Shape, span.TrainingSPAN, span.SPAN, span.SPAN),
    "srcnn": Family(srcnn.Shape, srcnn.SRCNN, srcnn.SRCNN, srcnn.SRCNN),
    "rfdn": Family(rfdn.Shape, rfdn.RFDN, rfdn.RFDN, rfdn.RFDN),
    "rrdb": Family(rrdb.Shape, rrdb.RRDBNet, rrdb.RRDBNet, rrdb.RRDBNet),
}
"""By module of this package."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a network costs."""

    parameters: int
    """As its paper counts them."""
    folded_parameters: int
    """Of the deployed form."""
    macs_per_input_pixel: int
    """Multiply-accumulates of the deployed form's convolutions per low-resolution pixel."""


def family_of(net: Enlarger) -> str:
    """The name under which `net` is listed, in any of its forms."""
    return next(name for name, one in FAMILIES.items() if type(net) in (one.learnable, one.deployed, one.published))


def numbers_of(net: Enlarger) -> dict[str, Any]:
    """The fields of the network's shape."""
    return asdict(net.shape)  # type: ignore[call-overload, no-any-return]


def count(family: str, shape: Numbers) -> Counts:
    """Parameters and work of one network, counted without computing anything.

    The work is what one more pixel of a large picture costs: what borders and whole-picture statistics cost beside it
    grows slower, and drops out of the second difference between pictures of one, two and three times the side.
    """
    with torch.device("meta"):
        published, deployed = FAMILIES[family].published(shape), FAMILIES[family].deployed(shape)
        planes = getattr(shape, "planes", 1)
        one, two, three = (_macs(deployed, planes, times * _COUNTED_PX) for times in (1, 2, 3))
    parameters, folded_parameters = (sum(each.numel() for each in net.parameters()) for net in (published, deployed))
    return Counts(parameters, folded_parameters, (three - 2 * two + one) // (2 * _COUNTED_PX**2))


@torch.no_grad()
def _macs(net: Enlarger, planes: int, side_px: int) -> int:
    """Multiply-accumulates of the network's convolutions on one square picture; `net` is on the meta device."""
    with FlopCounterMode(display=False) as counter:
        net(torch.empty(1, planes, side_px, side_px))
    return int(counter.get_total_flops()) // 2
