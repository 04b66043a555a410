"""Which of our networks a bag of tensors is, by their names and sizes: for files that do not say it themselves.

Each family has a guess at its numbers, read off a few tensors; a guess counts when a form of the family that is made
from it has exactly the tensors that are there. edge-SR and eSR-CNN are not guessed: one tensor of theirs may be several
networks.
"""

from __future__ import annotations

import json
import re
from math import isqrt
from typing import TYPE_CHECKING, Any

import torch

from rtsr.errors import UsageError
from rtsr.nets import NET, SHAPE, ecbsr, espcn, fsrcnn, imdn, rfdn, rrdb, span, srcnn, srvgg
from rtsr.nets.families import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from rtsr.nets.enlarger import Enlarger, Numbers

_TRANSPOSED = (9, 9)
"""Taps of FSRCNN's last layer."""
Sizes = dict[str, tuple[int, ...]]
"""Of every tensor, by its name."""


def net_of(weights: Mapping[str, Tensor], metadata: Mapping[str, str], scale: int | None) -> Enlarger | None:
    """The deployed network that `weights` are, float32, in eval mode; None if it is none of ours.

    Args:
        weights: by name, any floating point type.
        metadata: of the file; ours say there what they are.
        scale: for FSRCNN in the paper's form, whose weights do not tell it; it is ignored by the others.

    Raises:
        UsageError: `scale` is needed and None.
        ValueError: the metadata promises what the weights do not hold.
    """
    exact = {name: one.to(torch.float32).contiguous() for name, one in weights.items()}
    if SHAPE in metadata:
        return _promised(exact, metadata[SHAPE])
    sizes = {name: tuple(one.shape) for name, one in exact.items()}
    for family, guess in _GUESSES.items():
        try:
            shape = guess(sizes, scale)
        except (IndexError, KeyError, ValueError, ZeroDivisionError):
            continue  # it has not even the tensors that the guess looks at
        for form in dict.fromkeys((FAMILIES[family].deployed, FAMILIES[family].learnable)):
            if sizes == _sizes(form, shape):
                return _deployed(family, form(shape), exact)
    return None


def _promised(weights: dict[str, Tensor], words: str) -> Enlarger:
    try:
        numbers = json.loads(words)
        family = FAMILIES[numbers.pop(NET, "esr")]
        net: Enlarger = family.deployed(family.shape(**numbers))
        net.load_state_dict(weights)
    except (AttributeError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(f"its weights are not those of {words}") from error
    return net.eval()


def _sizes(form: type[Any], shape: Numbers) -> Sizes:
    with torch.device("meta"):
        return {name: tuple(one.shape) for name, one in form(shape).state_dict().items()}


def _deployed(family: str, net: Enlarger, weights: dict[str, Tensor]) -> Enlarger:
    net.load_state_dict(weights)
    deployed: Enlarger = FAMILIES[family].deployed(net.shape)
    deployed.load_state_dict(net.state_dict() if type(net) is type(deployed) else net.folded())
    return deployed.eval()


def _srvgg(sizes: Sizes, _scale: int | None) -> Numbers:
    last = _last(sizes, r"body\.(\d+)\.weight")
    width, planes = sizes["body.0.weight"][:2]
    return srvgg.Shape(planes, _phases(sizes, f"body.{last}.weight", planes), width, (last - 2) // 2)


def _espcn(sizes: Sizes, _scale: int | None) -> Numbers:
    last = _last(sizes, r"body\.(\d+)\.weight")
    planes = sizes["body.0.weight"][1]
    first = sizes["body.0.weight"][0] if last > 2 else 0
    return espcn.Shape(first, sizes[f"body.{last}.weight"][1], _phases(sizes, f"body.{last}.weight", planes), planes)


def _srcnn(sizes: Sizes, _scale: int | None) -> Numbers:
    wide, planes = sizes["body.0.weight"][:2]
    narrow, _, middle, _ = sizes["body.2.weight"]
    return srcnn.Shape(isqrt(sizes["enlarge.weight"][0]), planes, middle, wide, narrow)


def _fsrcnn(sizes: Sizes, scale: int | None) -> Numbers:
    wide, planes = sizes["body.0.weight"][:2]
    if "tail.weight" in sizes:
        scale = _phases(sizes, "tail.weight", planes)
    elif scale is None and sizes["enlarge.weight"][2:] == _TRANSPOSED:
        raise UsageError("the weights are FSRCNN's, which do not say their scale", mend="add --scale 2, 3 or 4")
    maps = (_last(sizes, r"body\.(\d+)\.bias") - 4) // 2
    slopes: fsrcnn.Slopes = "layer" if sizes["body.1.weight"] == (1,) else "channel"
    return fsrcnn.Shape(wide, sizes["body.2.weight"][0], maps, scale or 2, planes, slopes)


def _ecbsr(sizes: Sizes, _scale: int | None) -> Numbers:
    form = "convolutions.{}.weight" if "convolutions.0.weight" in sizes else "blocks.{}.plain.weight"
    last = _last(sizes, form.replace(".", r"\.").format(r"(\d+)"))
    channels, planes = sizes[form.format(0)][:2]
    return ecbsr.Shape(last - 1, channels, _phases(sizes, form.format(last), planes), planes)


def _imdn(sizes: Sizes, _scale: int | None) -> Numbers:
    width, planes = sizes["head.weight"][:2]
    kind: imdn.Kind = "paper" if "collect.0.weight" in sizes else "light"
    return imdn.Shape(kind, planes, _phases(sizes, "phases.weight", planes), _blocks(sizes), width)


def _rfdn(sizes: Sizes, _scale: int | None) -> Numbers:
    width, planes = sizes["head.weight"][:2]
    attention: rfdn.Attention = "spatial" if "blocks.0.attention.shrink.weight" in sizes else "contrast"
    return rfdn.Shape(attention, planes, _phases(sizes, "phases.weight", planes), width, _blocks(sizes))


def _rrdb(sizes: Sizes, _scale: int | None) -> Numbers:
    planes, width = sizes["last.weight"][:2]
    unshuffle = isqrt(sizes["head.weight"][1] // planes)
    growth = sizes["blocks.0.body.0.grow.0.weight"][0]
    return rrdb.Shape(planes, 4 // unshuffle, _blocks(sizes), width, growth)


def _span(sizes: Sizes, _scale: int | None) -> Numbers:
    planes = sizes["body.head.weight" if "body.head.weight" in sizes else "body.head.shortcut.weight"][1]
    return span.Shape(planes, _phases(sizes, "body.phases.weight", planes), sizes["body.phases.weight"][1])


_GUESSES: dict[str, Callable[[Sizes, int | None], Numbers]] = {
    "srvgg": _srvgg,
    "espcn": _espcn,
    "srcnn": _srcnn,
    "fsrcnn": _fsrcnn,
    "ecbsr": _ecbsr,
    "imdn": _imdn,
    "rfdn": _rfdn,
    "rrdb": _rrdb,
    "span": _span,
}


def _last(sizes: Sizes, pattern: str) -> int:
    """The largest number in the names that match."""
    return max(int(match[1]) for match in (re.fullmatch(pattern, name) for name in sizes) if match)


def _blocks(sizes: Sizes) -> int:
    return _last(sizes, r"blocks\.(\d+)\..*") + 1


def _phases(sizes: Sizes, name: str, planes: int) -> int:
    """The scale, by the layer before the pixel shuffle."""
    return isqrt(sizes[name][0] // planes)
