"""A trained network as the files that the product reads, ONNX and safetensors. The same bytes every time."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from onnx import ModelProto, TensorProto, checker, helper, numpy_helper
from safetensors.torch import save

from rtsr.nets import NET, SHAPE
from rtsr.nets.ecbsr import SLOPE, PlainECBSR
from rtsr.nets.ecbsr import Shape as EcbsrShape

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from onnx import NodeProto

    from rtsr.nets.esr import FoldedESR, Shape
    from training.train import Net

OPSET = 17
IR_VERSION = 8
"""What OPSET came with: any reader of the last years takes it."""


def to_onnx(net: Net) -> ModelProto:
    """The network as a graph: `luma` (N, 1, H, W) float32, 0..1, to `sr` (N, 1, S*H, S*W) float32, not clipped.

    N, H and W are free. The last node is the DepthToSpace, so that a backend can put its own ending before it.
    """
    nodes, constants = _convolution_nodes(net) if isinstance(net, PlainECBSR) else _esr_nodes(net)
    made = nodes[-1].output[0]
    nodes.append(helper.make_node("DepthToSpace", [made], ["sr"], blocksize=net.shape.scale, mode="CRD"))
    for node in nodes:
        node.name = f"{node.op_type}_{node.output[0]}"
    graph = helper.make_graph(
        nodes,
        _name(net),
        [helper.make_tensor_value_info("luma", TensorProto.FLOAT, ["N", 1, "H", "W"])],
        [helper.make_tensor_value_info("sr", TensorProto.FLOAT, ["N", 1, "SH", "SW"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, producer_name="rtsr", opset_imports=[opset], ir_version=IR_VERSION)
    checker.check_model(model, full_check=True)
    return model


def _name(net: Net) -> str:
    shape = net.shape
    if isinstance(shape, EcbsrShape):
        return f"ecbsr-m{shape.blocks}c{shape.channels}_x{shape.scale}"
    return f"esr-{shape.kind}-k{shape.kernel_size}c{shape.channels}_x{shape.scale}"


def _pads(reach: int) -> NDArray[np.int64]:
    return np.array([0, 0, reach, reach] * 2, np.int64)


def _convolution_nodes(net: PlainECBSR) -> tuple[list[NodeProto], dict[str, NDArray[Any]]]:
    """Everything before the pixel shuffle, and the constants: convolutions that do not pad, and the luma added."""
    if net.shape.planes != 1:
        raise ValueError(f"the product's networks take luma, not {net.shape.planes} planes")
    constants: dict[str, NDArray[Any]] = {"pads": _pads(net.shape.reach)}
    nodes = [helper.make_node("Pad", ["luma", "pads"], ["padded"], mode="edge")]
    for number, (weight, bias) in enumerate(net.filters()):
        source = nodes[-1].output[0]
        if number:
            nodes.append(helper.make_node("LeakyRelu", [source], [f"rectified{number}"], alpha=SLOPE))
            source = f"rectified{number}"
        names = f"weight{number}", f"bias{number}"
        constants |= {name: one.detach().numpy() for name, one in zip(names, (weight, bias), strict=True)}
        nodes.append(helper.make_node("Conv", [source, *names], [f"features{number}"], kernel_shape=[3, 3]))
    nodes.append(helper.make_node("Add", [nodes[-1].output[0], "luma"], ["phases"]))
    return nodes, constants


def _esr_nodes(net: FoldedESR) -> tuple[list[NodeProto], dict[str, NDArray[Any]]]:
    """Everything before the pixel shuffle, and the constants.

    The mix is written in elementwise operators on one tensor per plane: a Softmax over a 5-D view, the obvious way,
    takes twice as long in OpenVINO.
    """
    shape = net.shape
    reach = shape.kernel_size // 2
    planes = [f"plane{number}" for number in range(shape.folded_planes)]
    nodes = [
        helper.make_node("Pad", ["luma", "pads"], ["padded"], mode="edge"),
        helper.make_node("Conv", ["padded", "weight"], ["planes"], kernel_shape=[shape.kernel_size] * 2),
    ]
    constants: dict[str, NDArray[Any]] = {"pads": _pads(reach), "weight": net.weight.detach().numpy()}
    if len(planes) > 1:
        constants["sizes"] = np.full(len(planes), shape.phases, np.int64)
        nodes.append(helper.make_node("Split", ["planes", "sizes"], planes, axis=1))
        nodes += _mix_nodes(shape, planes)
    return nodes, constants


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


def write_files(net: Net, card: Path) -> dict[str, str]:
    """Write the network beside `card` as .onnx and .safetensors; give their sha256 by kind."""
    weights = {name: one.detach().to(torch.float32).contiguous() for name, one in net.state_dict().items()}
    kind_of_net = {NET: "ecbsr"} if isinstance(net, PlainECBSR) else {}
    contents = {
        "onnx": to_onnx(net).SerializeToString(deterministic=True),
        # one key of metadata: safetensors writes several in a random order
        "safetensors": save(weights, {SHAPE: json.dumps(asdict(net.shape) | kind_of_net)}),
    }
    for kind, content in contents.items():
        card.with_suffix(f".{kind}").write_bytes(content)
    return {kind: hashlib.sha256(content).hexdigest() for kind, content in contents.items()}
