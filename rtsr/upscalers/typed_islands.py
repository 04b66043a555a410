"""Which nodes of a float32 ONNX graph compute in half floats, and the casts between those and the rest.

A strongly typed engine computes as its graph says, so what must not be rounded to 11 bits is an island of float32:

- statistics and what grows: means and sums over a picture, roots, exponentials, normalisations (`_EXACT`), for a sum
  over a 540p map overflows, and the square of a small difference is nothing in half floats;
- arithmetic that only such nodes read, and so all that follows the last convolution: the sum with the luma
  below it is not rounded, and the ending costs no memory traffic, for backends fuse elementwise nodes;
- what ONNX does not define for half floats.

What only moves numbers takes the type that comes, so that a cast stands beside the arithmetic it can be fused with.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from onnx import AttributeProto, TensorProto, defs, helper, numpy_helper, shape_inference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnx import ModelProto, NodeProto, ValueInfoProto

_EXACT = frozenset({
    "ReduceMean", "ReduceSum", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp",
    "ReduceProd", "GlobalAveragePool", "GlobalLpPool", "LpPool", "LpNormalization", "LRN", "MeanVarianceNormalization",
    "InstanceNormalization", "GroupNormalization", "LayerNormalization", "BatchNormalization", "CumSum", "Softmax",
    "LogSoftmax", "Exp", "Log", "Pow", "Sqrt", "Reciprocal", "Div", "Mod", "Sin", "Cos", "Range", "Round", "Floor",
    "Ceil", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear",
})  # fmt: skip
_ARITHMETIC = frozenset({
    "Add", "Sub", "Mul", "Sum", "Mean", "Max", "Min", "Neg", "Abs", "Clip", "Relu", "LeakyRelu", "PRelu", "Elu", "Selu",
    "Celu", "Gelu", "Erf", "Sigmoid", "HardSigmoid", "HardSwish", "Mish", "Softplus", "Softsign", "Tanh", "Sign",
})  # fmt: skip
"""Elementwise: in float32 they cost nothing beside the convolutions."""
_MOVING = frozenset({
    "Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "Identity", "Pad", "Reshape", "Slice", "SpaceToDepth",
    "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze",
})  # fmt: skip
_FIXED = {"Resize": (1, 2), "Upsample": (1,)}
"""Inputs that are float32 whatever the picture is: scales, and the region of interest."""
_HALF = "tensor(float16)"
_LARGEST = float(np.finfo(np.float16).max)


class Untypable(ValueError):  # noqa: N818 - a finding, not a fault
    """The graph cannot be given half floats; why, in words."""


def halve(model: ModelProto) -> None:
    """Give the nodes of `model`, changed, half floats outside the islands; its input and output stay float32.

    Raises Untypable, with `model` as it was.
    """
    branching = [node.op_type for node in model.graph.node if any(_is_graph(one) for one in node.attribute)]
    if branching:
        raise Untypable(f"it has a {branching[0]}, which chooses what is computed")
    halves = _Halves(model)
    model.graph.node.clear()
    model.graph.node.extend(halves.nodes)
    model.graph.initializer.extend(halves.constants)
    used = {name for node in halves.nodes for name in node.input}
    kept = [one for one in model.graph.initializer if one.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)


def _is_graph(attribute: AttributeProto) -> bool:
    return attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS)


@dataclass
class _Halves:
    """The nodes of a model with types chosen and casts between them."""

    model: ModelProto
    nodes: list[NodeProto] = field(default_factory=list)
    constants: list[TensorProto] = field(default_factory=list)
    _half: set[str] = field(default_factory=set)
    """Values that are in half floats by their own name."""
    _other: dict[tuple[str, bool], str] = field(default_factory=dict)
    """(value, whether in half floats) to the name of its other form."""

    def __post_init__(self) -> None:
        self._floats = _floats(self.model)
        self._stored = {one.name: one for one in self.model.graph.initializer}
        self._opset = next(one.version for one in self.model.opset_import if one.domain in ("", "ai.onnx"))
        wanted = self._wanted()
        for node, want in zip(self.model.graph.node, wanted, strict=True):
            self._place(node, half=want and not self._carries_exact(node))
        for value in self.model.graph.output:
            if value.name in self._half:
                raise Untypable(f"{value.name}, what it gives, is an output of a node of half floats")

    def _wanted(self) -> list[bool]:
        """For each node, whether it would compute in half floats by what it is and by who reads it."""
        needed = {value.name for value in self.model.graph.output}
        """Values that only float32 nodes read, as far as the nodes behind are decided."""
        rounded: set[str] = set()
        wanted: list[bool] = []
        for node in reversed(self.model.graph.node):
            may = self._may(node)
            made = [name for name in node.output if name]
            raised = all(name in needed and name not in rounded for name in made if name in needed | rounded)
            half = may and node.op_type not in _EXACT
            if half and node.op_type in _ARITHMETIC | _MOVING and raised:
                half = False
            for position, name in enumerate(node.input):
                if name in self._floats and position not in _FIXED.get(node.op_type, ()):
                    (rounded if half else needed).add(name)
            wanted.append(half)
        return wanted[::-1]
