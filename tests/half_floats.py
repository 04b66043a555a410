"""A typed ONNX graph as an engine would compute it: every value in its own type, half floats half.

onnx's reference evaluator in numpy, with convolutions of torch that are summed in float32 and rounded once, as tensor
cores do. OpenVINO will not do: its CPU plugin computes half floats in float32.
"""

import numpy as np
import onnx
import openvino as ov
import torch
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from rtsr.upscalers.typed_onnx import TypedGraph


class Conv(OpRun):
    """Takes the place of onnx's own, which takes seconds."""

    op_domain = ""

    def _run(
        self, x, weight, bias=None, auto_pad=None, dilations=None, group=1, kernel_shape=None, pads=None, strides=None
    ):
        assert x.dtype == weight.dtype
        assert auto_pad in (None, "NOTSET")
        top, left, bottom, right = pads or (0, 0, 0, 0)
        luma, filters = (torch.from_numpy(np.array(one, np.float32)) for one in (x, weight))
        shift = None if bias is None else torch.from_numpy(np.array(bias, np.float32))
        framed = torch.nn.functional.pad(luma, (left, right, top, bottom))
        made = torch.nn.functional.conv2d(framed, filters, shift, strides or 1, 0, dilations or 1, group or 1)
        return (made.numpy().astype(x.dtype),)


class Sigmoid(OpRun):
    """Takes the place of onnx's own, which warns of large numbers."""

    op_domain = ""

    def _run(self, x):
        with np.errstate(over="ignore"):
            return ((1 / (1 + np.exp(-np.asarray(x, np.float32)))).astype(x.dtype),)


def run_in_halves(graph: TypedGraph, luma: np.ndarray) -> np.ndarray:
    """(H, W) luma of `graph.layout` to (S*H, S*W)."""
    evaluator = ReferenceEvaluator(onnx.load_model_from_string(graph.onnx), new_ops=[Conv, Sigmoid])
    return samples(graph, evaluator.run(None, {"y": as_input(graph, luma)})[0])


def run_in_openvino(graph: TypedGraph, luma: np.ndarray) -> np.ndarray:
    """The same in float32: structure and weights are tested, half floats are not."""
    core = ov.Core()
    compiled = core.compile_model(core.read_model(graph.onnx, b""), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return samples(graph, compiled(as_input(graph, luma))[0])


def as_input(graph: TypedGraph, luma: np.ndarray) -> np.ndarray:
    """(H, W) luma as the graph's `y`."""
    if graph.layout.bits == 8:
        return luma[None, None]
    return np.ascontiguousarray(luma.astype("<u2"))[None, :, :, None].view(np.uint8)


def samples(graph: TypedGraph, made: np.ndarray) -> np.ndarray:
    """The graph's `sr` as (S*H, S*W) luma."""
    return made[0, 0] if graph.layout.bits == 8 else np.ascontiguousarray(made).view("<u2")[0, ..., 0]
