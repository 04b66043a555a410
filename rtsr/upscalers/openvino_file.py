"""What an ONNX file is, asked of OpenVINO: its picture, and what it costs. Nothing is computed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

import openvino as ov

if TYPE_CHECKING:
    from pathlib import Path

_COUNTED_PX = 96
"""Pixels on a side of the smallest of three pictures whose work is compared, as in `rtsr.nets.families`."""
_GROUPED, _TRANSPOSED = "GroupConvolution", "ConvolutionBackpropData"
_GROUPED_TRANSPOSED = "GroupConvolutionBackpropData"


@dataclass(frozen=True, slots=True)
class Port:
    """What goes in or comes out."""

    name: str
    sizes: tuple[int | None, ...]
    """None where any will do."""
    kind: str
    """f32, f16, u8, ..."""

    def __str__(self) -> str:
        return f"{self.kind} ({', '.join('any' if one is None else str(one) for one in self.sizes)})"


@dataclass(frozen=True, slots=True)
class Work:
    """What a network costs."""

    parameters: int
    """Numbers in its filters, biases and other constants of floating point, lone numbers apart."""
    macs_per_input_pixel: int | None
    """Multiply-accumulates of convolutions and matrices; None where they grow faster than the picture."""


def ports(file: Path | bytes) -> tuple[list[Port], list[Port]]:
    """Inputs and outputs of an ONNX file, or of its bytes. Raises ValueError when OpenVINO cannot take it."""
    model = _read(file)
    return [_port(one) for one in model.inputs], [_port(one) for one in model.outputs]


def work(path: Path) -> Work:
    """What the network in an ONNX file costs, whose picture is (N, P, H, W). Raises ValueError as `ports` does."""
    model = _read(path)
    constants = [node for node in model.get_ordered_ops() if node.get_type_name() == "Constant"]
    sizes = [prod(one.shape) for one in constants if one.get_element_type().is_real()]
    counts = [_macs(_read(path), times * _COUNTED_PX) for times in (1, 2, 3, 4)]
    first, second, third = (after - before for before, after in pairwise(counts))
    grows_evenly = third - second == second - first
    parameters = sum(size for size in sizes if size > 1)
    return Work(parameters, (second - first) // (2 * _COUNTED_PX**2) if grows_evenly else None)


def _read(file: Path | bytes) -> ov.Model:
    try:
        return ov.Core().read_model(file, b"") if isinstance(file, bytes) else ov.Core().read_model(file)
    except RuntimeError as error:
        raise ValueError(_reason(error)) from error


def _reason(error: RuntimeError) -> str:
    """The last of OpenVINO's lines: those before it are places in its own code."""
    told = [line.strip(" \t-") for line in str(error).splitlines() if line.strip()] or ["no reason given"]
    return "it is no ONNX" if told[-1].startswith("Unable to read the model") else told[-1].rstrip(".:")


def _port(one: ov.Output) -> Port:
    shape = one.get_partial_shape()
    sides = () if shape.rank.is_dynamic else tuple(shape)
    sizes = tuple(None if side.is_dynamic else int(side.get_length()) for side in sides)
    return Port(one.get_any_name() if one.get_names() else "", sizes, one.get_element_type().get_type_name())


def _macs(model: ov.Model, side_px: int) -> int:
    planes = model.inputs[0].get_partial_shape()[1].get_length()
    model.reshape([1, planes, side_px, side_px])
    return sum(_macs_of(node) for node in model.get_ordered_ops())


def _macs_of(node: ov.Node) -> int:
    kind = node.get_type_name()
    if kind in ("Convolution", _GROUPED):  # filters are (outputs, inputs, k, k), or (groups, outputs, inputs, k, k)
        return prod(_sizes(node.input(1))[2 if kind == _GROUPED else 1 :]) * prod(_sizes(node.output(0)))
    if kind in (_TRANSPOSED, _GROUPED_TRANSPOSED):  # every input meets every tap
        return prod(_sizes(node.input(0))) * prod(_sizes(node.input(1))[1 if kind == _TRANSPOSED else 2 :])
    if kind == "MatMul":
        inner = _sizes(node.input(0))[-2 if node.get_attributes().get("transpose_a") else -1]
        return inner * prod(_sizes(node.output(0)))
    return 0


def _sizes(port: ov.Input | ov.Output) -> list[int]:
    return [int(side) for side in port.get_shape()]
