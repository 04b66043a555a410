"""Networks as TensorRT takes them: static, strongly typed ONNX with integer luma at both ends.

    8 bit       y (1, 1, H, W) uint8 to sr (1, 1, S*H, S*W) uint8
    above       y (1, H, W, 2) uint8 to sr (1, S*H, S*W, 2) uint8: little-endian bytes, for TensorRT has no uint16

Rounding is that of `rtsr.upscalers.openvino`: clipped to 0..peak, half to even. The same card gives the same bytes.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import onnx
from onnx import AttributeProto, TensorProto, helper, inliner, version_converter

from rtsr.errors import BackendError, UsageError
from rtsr.frame import PixelLayout
from rtsr.models import ModelCard, verified_onnx
from rtsr.upscalers.onnx_blend import blend
from rtsr.upscalers.typed_centre import centre
from rtsr.upscalers.typed_ends import INPUT, OUTPUT, put_ends
from rtsr.upscalers.typed_islands import Untypable, halve

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import GraphProto, ModelProto

log = logging.getLogger(__name__)
Precision = Literal["fp16", "fp32"]
_OPSETS = range(13, 21)
"""In which the operators of the ends are written as here, and which every TensorRT reads that we drive."""
_DEPTH = 10
_DEPTHS = {"fsrcnn": 8, "esr-tr-k7c5": 0}
"""Bits up to which half floats do, by network or model: FSRCNN's layers carry brightness itself, and the attention of
the large esr-tr multiplies filters by filters, which puts one pixel in a million two code values off."""


@dataclass(frozen=True, slots=True)
class TypedGraph:
    """One network for pictures of one size and layout, as a builder takes it."""

    onnx: bytes
    """Input "y", output "sr"; shapes in the docstring of this module."""
    sha256: str
    """Of `onnx`, in hexadecimal."""
    size_wh: tuple[int, int]
    """Of the pictures that go in."""
    scale: int
    layout: PixelLayout
    precision: Precision
    """What convolutions compute in: "fp32" too where fp16 was asked and could not be; `note` says why."""
    model: str
    note: str = ""


def typed_graph(card: ModelCard, size_wh: tuple[int, int], layout: PixelLayout, precision: Precision) -> TypedGraph:
    """The network of `card` for pictures of one size.

    Args:
        card: which network; its file is checked against its sha256. One between two forms has the weights in between.
        size_wh: of the pictures that will come.
        layout: of the pictures; its depth counts.
        precision: fp16 for half floats with islands of float32, fp32 for float32 throughout.

    Raises:
        UsageError: the card is between two forms that are no forms of one network.
        BackendError: the card has no ONNX file, or it is damaged or none that can be written again.
    """
    model = _network(card)
    try:
        phases = _make_static(model, size_wh, card.scale)
        if precision == "fp16":
            halve(model, centre(model.graph, layout))
        put_ends(model.graph, layout, size_wh, card.scale, phases=phases)
        onnx.checker.check_model(model, full_check=True)
    except Untypable as error:
        note = f"{card} computes in float32: {error}"
        log.warning(note)
        return replace(typed_graph(card, size_wh, layout, "fp32"), note=note)
    except Exception as error:  # onnx raises a dozen kinds about what does not fit together
        raise _unfit(card, error) from error
    content = model.SerializeToString(deterministic=True)
    sha256 = hashlib.sha256(content).hexdigest()
    return TypedGraph(content, sha256, size_wh, card.scale, layout, precision, card.label)


def best_precision(card: ModelCard, layout: PixelLayout) -> Precision:
    """The faster precision whose picture is that of float32, to half a code value on the mean.

    Half floats are finer than that up to 10 bit; and see `_DEPTHS`. Numbers: docs/decisions/015-typed-graphs.md.
    """
    return "fp16" if layout.bits <= _DEPTHS.get(card.name, _DEPTHS.get(card.net, _DEPTH)) else "fp32"


def _network(card: ModelCard) -> ModelProto:
    """The float network of `card`, between its two forms if the card says so, with every constant stored."""
    model = _read(verified_onnx(card), card)
    if card.gan is not None:
        try:
            blend(model.graph, _read(verified_onnx(card.gan), card.gan).graph, card.sharpness)
        except ValueError as error:
            raise UsageError(
                f"{card} and {card.gan} are not two forms of one network: {error}",
                mend="train one from the other, and import both from safetensors; or leave out --sharpness",
            ) from error
    return model


def _read(path: Path, card: ModelCard) -> ModelProto:
    try:
        model = onnx.load(path)
        if model.functions:
            model = inliner.inline_local_functions(model)
        opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
        if opset not in _OPSETS:
            model = version_converter.convert_version(model, min(max(opset, _OPSETS[0]), _OPSETS[-1]))
        _store_constants(model)
    except Exception as error:  # protobuf and onnx raise a dozen kinds about what is no graph
        raise _unfit(card, error) from error
    return model


def _unfit(card: ModelCard, error: Exception) -> BackendError:
    told = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return BackendError(
        f"the ONNX file of {card} cannot be made a TensorRT graph: {told}", mend="use --backend openvino for this model"
    )


def _store_constants(model: ModelProto) -> None:
    """Constant nodes as initialisers, which is what has a type to choose."""
    nodes = list(model.graph.node)
    del model.graph.node[:]
    for node in nodes:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            model.graph.initializer.append(node.attribute[0].t)
            model.graph.initializer[-1].name = node.output[0]
        else:
            model.graph.node.append(node)


def _make_static(model: ModelProto, size_wh: tuple[int, int], scale: int) -> int:
    """Give the graph its one size and take a pixel shuffle from its end: the planes that it gives now."""
    graph, (width, height) = model.graph, size_wh
    _rename(graph)
    luma, made = graph.input[0].name, graph.output[0].name
    last = next(node for node in graph.node if made in node.output)
    block = next((one.i for one in last.attribute if one.name == "blocksize"), 0)
    phases = 1
    if last.op_type == "DepthToSpace" and block == scale and not any(made in node.input for node in graph.node):
        made, phases = last.input[0], scale**2
        graph.node.remove(last)
    rows, columns = (height, width) if phases > 1 else (scale * height, scale * width)
    del graph.input[:], graph.output[:], graph.value_info[:]
    graph.input.append(helper.make_tensor_value_info(luma, TensorProto.FLOAT, [1, 1, height, width]))
    graph.output.append(helper.make_tensor_value_info(made, TensorProto.FLOAT, [1, phases, rows, columns]))
    return phases


def _rename(graph: GraphProto) -> None:
    """Leave the names of what is put around the network to that."""
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [_theirs(name) for name in names]
        for attribute in node.attribute:  # the branches of an If see the values around them
            for inner in [attribute.g] if attribute.type == AttributeProto.GRAPH else attribute.graphs:
                _rename(inner)
    for value in (*graph.input, *graph.output, *graph.initializer):
        value.name = _theirs(value.name)


def _theirs(name: str) -> str:
    return f"net.{name}" if name in (INPUT, OUTPUT) or name.startswith(("ends.", "centre.")) else name
