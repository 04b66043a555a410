"""Somebody's ONNX file as the product wants it: one file, `luma` in and `sr` out, one plane.

A network of colour gets its three planes from the luma and has its answer weighed into luma, by nodes around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import AttributeProto, TensorProto, checker, helper, load_model_from_string, numpy_helper
from onnx.external_data_helper import load_external_data_for_model

from rtsr.nets import COLOURS, LUMA_WEIGHTS

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import GraphProto


def as_ours(content: bytes, folder: Path, planes: int) -> bytes:
    """The file again, whole and renamed.

    Args:
        content: of the ONNX file: one float input (N, planes, H, W), and as its first output (N, planes, S*H, S*W).
        folder: where the file lies, and beside it the files of weights that it may name.
        planes: 1 or 3.

    Raises ValueError when it is no ONNX, or weights that it names are missing or lie elsewhere.
    """
    try:
        model = load_model_from_string(content)
        load_external_data_for_model(model, str(folder))
        graph = model.graph
        constants = {one.name for one in graph.initializer}
        entry = next(one.name for one in graph.input if one.name not in constants)
        ends = ("luma", "sr") if planes == 1 else ("colours", "made")
        _rename(graph, dict(zip((entry, graph.output[0].name), ends, strict=True)))
        if planes == COLOURS:
            _surround(graph)
        del graph.input[:], graph.output[:], graph.value_info[:]
        graph.input.append(helper.make_tensor_value_info("luma", TensorProto.FLOAT, ["N", 1, "H", "W"]))
        graph.output.append(helper.make_tensor_value_info("sr", TensorProto.FLOAT, ["N", 1, "SH", "SW"]))
        checker.check_model(model)
    except Exception as error:  # protobuf and onnx raise a dozen kinds about what is no graph
        raise ValueError(str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__) from error
    whole: bytes = model.SerializeToString(deterministic=True)
    return whole


def _surround(graph: GraphProto) -> None:
    """Nodes before `colours` and behind `made`."""
    weights = np.array(LUMA_WEIGHTS, np.float32).reshape(1, COLOURS, 1, 1)
    graph.initializer.append(numpy_helper.from_array(weights, "rtsr_luma_weights"))
    graph.node.insert(0, helper.make_node("Concat", ["luma"] * COLOURS, ["colours"], axis=1))
    graph.node.append(helper.make_node("Conv", ["made", "rtsr_luma_weights"], ["sr"], kernel_shape=[1, 1]))


def _rename(graph: GraphProto, names: dict[str, str]) -> None:
    """Give values new names; whatever has one of them already makes room."""
    taken = {"luma", "sr", "colours", "made"} - names.keys()
    names = names | {name: f"their_{name}" for name in taken}
    for node in graph.node:
        for values in (node.input, node.output):
            values[:] = [names.get(name, name) for name in values]
        for attribute in node.attribute:  # the branches of an If see the values around them
            for inner in [attribute.g] if attribute.type == AttributeProto.GRAPH else attribute.graphs:
                _rename(inner, names)
    for value in (*graph.initializer, *graph.output):
        value.name = names.get(value.name, value.name)
