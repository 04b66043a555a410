"""A trained network as the files that the product reads, ONNX and safetensors. The same bytes every time."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np
import torch
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper
from safetensors.torch import save

from rtsr.nets import SHAPE, WEIGHT

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import NodeProto

    from rtsr.nets.esr import FoldedESR, Shape

OPSET = 17
IR_VERSION = 8
"""What OPSET came with: any reader of the last years takes it."""


def to_onnx(net: FoldedESR) -> ModelProto:
    """The network as a graph: `luma` (N, 1, H, W) float32, 0..1, to `sr` (N, 1, S*H, S*W) float32, not clipped.

    N, H and W are free. The last node is the DepthToSpace, so that a backend can put its own ending before it. The mix
    is written in elementwise operators on one tensor per plane: a Softmax over a 5-D view, the obvious way, takes twice
    as long in OpenVINO.
    """
    shape = net.shape
    reach = shape.kernel_size // 2
    planes = [f"plane{number}" for number in range(shape.folded_planes)]
    nodes = [
        helper.make_node("Pad", ["luma", "pads"], ["padded"], mode="edge"),
        helper.make_node("Conv", ["padded", "weight"], ["planes"], kernel_shape=[shape.kernel_size] * 2),
    ]
    constants = {
        "pads": np.array([0, 0, reach, reach] * 2, np.int64),
        "weight": net.weight.detach().numpy(),
    }
    if len(planes) > 1:
        constants["sizes"] = np.full(len(planes), shape.phases, np.int64)
        nodes.append(helper.make_node("Split", ["planes", "sizes"], planes, axis=1))
        nodes += _mix_nodes(shape, planes)
    mixed = nodes[-1].output[0]
    nodes.append(helper.make_node("DepthToSpace", [mixed], ["sr"], blocksize=shape.scale, mode="CRD"))
    for node in nodes:
        node.name = f"{node.op_type}_{node.output[0]}"
    graph = helper.make_graph(
        nodes,
        f"esr-{shape.kind}-k{shape.kernel_size}c{shape.channels}_x{shape.scale}",
        [helper.make_tensor_value_info("luma", TensorProto.FLOAT, ["N", 1, "H", "W"])],
        [helper.make_tensor_value_info("sr", TensorProto.FLOAT, ["N", 1, "SH", "SW"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, producer_name="rtsr", opset_imports=[opset], ir_version=IR_VERSION)
    checker.check_model(model, full_check=True)
    return model


def _mix_nodes(shape: Shape, planes: list[str]) -> list[NodeProto]:
    """`rtsr.nets.esr.mix_folded` in ONNX; the last node's output is the mixed plane."""
    if shape.kind == "max":
        return [helper.make_node("Max", planes, ["mixed"])]
    others = shape.channels - 1
    last, steps, attention = planes[0], planes[1 : 1 + others], planes[1 + others :]
    nodes: list[NodeProto] = []

    def add(kind: str, *inputs: str, to: str) -> str:
        nodes.append(helper.make_node(kind, list(inputs), [to]))
        return to

    leads = attention
    if shape.kind == "tr":
        pairs = zip(attention[: shape.channels], attention[shape.channels :], strict=True)
        scores = [add("Mul", query, key, to=f"score{i}") for i, (query, key) in enumerate(pairs)]
        leads = [add("Sub", score, scores[-1], to=f"lead{i}") for i, score in enumerate(scores[:-1])]
    if others == 1:
        share = add("Sigmoid", leads[0], to="share")
        change = add("Mul", share, steps[0], to="change")
    else:
        # softmax over the leads and a zero, the largest taken off so that no exponential overflows, in half floats too
        top = add("Relu", add("Max", *leads, to="top_lead"), to="top")
        weights = [add("Exp", add("Sub", lead, top, to=f"low{i}"), to=f"weight{i}") for i, lead in enumerate(leads)]
        rest = add("Exp", add("Neg", top, to="low_rest"), to="weight_rest")
        parts = [
            add("Mul", weight, step, to=f"part{i}") for i, (weight, step) in enumerate(zip(weights, steps, strict=True))
        ]
        change = add("Div", add("Sum", *parts, to="part_sum"), add("Sum", *weights, rest, to="weight_sum"), to="change")
    add("Add", last, change, to="mixed")
    return nodes


def write_files(net: FoldedESR, card: Path) -> dict[str, str]:
    """Write the network beside `card` as .onnx and .safetensors; give their sha256 by kind."""
    weight = net.weight.detach().to(torch.float32).contiguous()
    contents = {
        "onnx": to_onnx(net).SerializeToString(deterministic=True),
        "safetensors": save({WEIGHT: weight}, {SHAPE: json.dumps(asdict(net.shape))}),
    }
    for kind, content in contents.items():
        card.with_suffix(f".{kind}").write_bytes(content)
    return {kind: hashlib.sha256(content).hexdigest() for kind, content in contents.items()}
