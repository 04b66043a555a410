"""A network as the files that the product reads, ONNX and safetensors. The same bytes every time.

In ONNX, the one-layer edge-SR networks are written by hand, all others as torch traces them.
"""

from __future__ import annotations

import json
import logging
import tempfile
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from onnx import ModelProto, TensorProto, checker, helper, load, numpy_helper
from safetensors.torch import save
from torch import nn

from rtsr.nets import NET, SHAPE
from rtsr.nets.esr import FoldedESR
from rtsr.nets.families import family_of, numbers_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto

    from rtsr.nets.enlarger import Enlarger
    from rtsr.nets.esr import Shape

OPSET = 17
IR_VERSION = 8
"""What OPSET came with: any reader of the last years takes it."""
TRACED_OPSET = 18
"""The lowest that torch writes."""
TRACED_IR_VERSION = 8
_LEAST = 8
"""Side of the smallest picture of which a trace is told."""


def contents(net: Enlarger) -> dict[str, bytes]:
    """The bytes of the deployed network's files, by their suffix; raises as `to_onnx` does."""
    weights = {name: one.detach().to(torch.float32).contiguous() for name, one in net.state_dict().items()}
    return {
        "onnx": to_onnx(net).SerializeToString(deterministic=True),
        # one key of metadata: safetensors writes several in a random order
        "safetensors": save(weights, {SHAPE: json.dumps(numbers_of(net) | {NET: family_of(net)})}),
    }


def to_onnx(net: Enlarger) -> ModelProto:
    """The deployed network as a graph: `luma` (N, 1, H, W) float32, 0..1, to `sr` (N, 1, S*H, S*W), not clipped.

    N, H and W are free. The last node is the DepthToSpace, so that a backend can put its own ending before it. Raises
    ValueError for a network of colour: the product's take luma.
    """
    planes = getattr(net.shape, "planes", 1)
    if planes != 1:
        raise ValueError(f"the product's networks take luma, not {planes} planes")
    model = _esr_model(net) if isinstance(net, FoldedESR) else traced(net)
    model.graph.name = family_of(net) + "-" + "-".join(str(one) for one in numbers_of(net).values())
    checker.check_model(model, full_check=True)
    return model


def traced(net: nn.Module) -> ModelProto:
    """The graph that torch makes of any network of luma, without what torch notes beside it: names of files, versions.

    Sides of 8 pixels and more are free. Raises what torch raises of a network that it cannot trace.
    """
    free = {0: torch.export.Dim("N"), 2: torch.export.Dim("H", min=_LEAST), 3: torch.export.Dim("W", min=_LEAST)}
    for chatty in ("torch.onnx", "onnxscript", "onnx_ir"):  # of torchvision, which we do without, and of its own steps
        logging.getLogger(chatty).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch to itself
        program = torch.onnx.export(
            net.eval(), _example(), dynamo=True, verbose=False, opset_version=TRACED_OPSET,
            input_names=["luma"], output_names=["sr"], dynamic_shapes=(free,),
        )  # fmt: skip
    if program is None:
        raise ValueError("torch gave no graph")
    return _tidied(program.model_proto)


def recorded(net: nn.Module) -> ModelProto:
    """The same as `traced`, from what the network does with one picture: for code that was not written for tracing.

    Torch's older exporter: the newer one ends the process on networks that write into their own weights.
    """
    free = {"luma": {0: "N", 2: "H", 3: "W"}, "sr": {0: "N", 2: "SH", 3: "SW"}}
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="rtsr-") as place:
        warnings.simplefilter("ignore")  # that it is the older one, and that a branch was taken
        torch.onnx.export(
            net.eval(), _example(), f"{place}/net.onnx", dynamo=False, opset_version=TRACED_OPSET,
            input_names=["luma"], output_names=["sr"], dynamic_axes=free,
        )  # fmt: skip
        return _tidied(load(f"{place}/net.onnx"))


def _example() -> tuple[torch.Tensor]:
    """What a network is shown while it is watched: two pictures, neither side like the other."""
    return (torch.rand(2, 1, 3 * _LEAST, 4 * _LEAST),)


def _tidied(model: ModelProto) -> ModelProto:
    """Without what torch notes beside the graph."""
    for one in (model, model.graph, *model.graph.node, *model.graph.initializer, *model.graph.value_info):
        del one.metadata_props[:]
        one.doc_string = ""
    del model.graph.value_info[:]  # shapes of the example
    model.producer_name, model.producer_version, model.ir_version = "rtsr", "", TRACED_IR_VERSION
    return model


def _esr_model(net: FoldedESR) -> ModelProto:
    """Written by hand: the mix that a trace gives takes twice as long."""
    nodes, constants = _esr_nodes(net)
    made = nodes[-1].output[0]
    nodes.append(helper.make_node("DepthToSpace", [made], ["sr"], blocksize=net.shape.scale, mode="CRD"))
    for node in nodes:
        node.name = f"{node.op_type}_{node.output[0]}"
    graph = helper.make_graph(
        nodes,
        "esr",
        [helper.make_tensor_value_info("luma", TensorProto.FLOAT, ["N", 1, "H", "W"])],
        [helper.make_tensor_value_info("sr", TensorProto.FLOAT, ["N", 1, "SH", "SW"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(graph, producer_name="rtsr", opset_imports=[opset], ir_version=IR_VERSION)


def _pads(reach: int) -> NDArray[np.int64]:
    return np.array([0, 0, reach, reach] * 2, np.int64)


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
