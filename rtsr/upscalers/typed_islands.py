"""Which nodes of a float32 ONNX graph compute in half floats, and the casts between those and the rest.

A strongly typed engine computes as its graph says, so what 11 bits would spoil is an island of float32:

- statistics and what grows: means and sums over a picture, roots, exponentials, normalisations (`_EXACT`). A sum over
  a 540p map overflows half floats, and the square of a small difference is nothing in them;
- arithmetic that only such nodes read, and so all that follows the last convolution: the sum with the luma below it is
  not rounded, and it costs no memory traffic, for backends fuse elementwise nodes;
- what ONNX does not define for half floats, and constants that they do not hold.

What only moves numbers takes the type that comes, so that a cast stands beside the arithmetic it can be fused with.
What each island is worth: docs/decisions/015-typed-graphs.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import AttributeProto, NodeProto, TensorProto, defs, helper, numpy_helper, shape_inference

if TYPE_CHECKING:
    from onnx import ModelProto

_EXACT = frozenset({
    "ReduceMean", "ReduceSum", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp",
    "ReduceProd", "GlobalAveragePool", "GlobalLpPool", "LpPool", "LpNormalization", "LRN", "MeanVarianceNormalization",
    "InstanceNormalization", "GroupNormalization", "LayerNormalization", "BatchNormalization", "CumSum", "Softmax",
    "LogSoftmax", "Exp", "Log", "Pow", "Sqrt", "Reciprocal", "Div", "Mod", "Sin", "Cos", "Round", "Floor", "Ceil",
    "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear",
})  # fmt: skip
_ARITHMETIC = frozenset({
    "Add", "Sub", "Mul", "Sum", "Mean", "Max", "Min", "Neg", "Abs", "Clip", "Relu", "LeakyRelu", "PRelu", "Elu", "Selu",
    "Celu", "Gelu", "Erf", "Sigmoid", "HardSigmoid", "HardSwish", "Mish", "Softplus", "Softsign", "Tanh", "Where",
})  # fmt: skip
"""Elementwise: in float32 they cost little beside the convolutions."""
_MOVING = frozenset({
    "Concat", "DepthToSpace", "Expand", "Flatten", "Gather", "Identity", "Pad", "Reshape", "Resize", "Slice",
    "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze", "Upsample",
})  # fmt: skip
_AS_IT_IS = {"Shape": (0,), "Size": (0,), "Resize": (1, 2), "Upsample": (1,)}
"""Inputs whose type is not the picture's: scales and the region of interest are float32 for every picture."""
_HALF = "tensor(float16)"
_HALF_RANGE = np.finfo(np.float16)


class Untypable(ValueError):  # noqa: N818 - a finding, not a fault
    """The graph cannot be given half floats; why, in words."""


def halve(model: ModelProto, exact: frozenset[str] = frozenset()) -> None:
    """Give the nodes of `model`, changed, half floats outside the islands; its inputs and outputs stay float32.

    What gives the values in `exact` is an island, too. Raises Untypable, with `model` as it was.
    """
    halves = _Halves(model)
    for node, half in zip(model.graph.node, _chosen(model, halves, exact), strict=True):
        halves.place(node, half=half)
    outputs = [halves.form(value.name, half=False) for value in model.graph.output]
    for value, name in zip(model.graph.output, outputs, strict=True):
        value.name = name
    del model.graph.node[:], model.graph.value_info[:]
    model.graph.node.extend(halves.nodes)
    model.graph.initializer.extend(halves.constants)
    read = {name for node in halves.nodes for name in node.input}
    used = [one for one in model.graph.initializer if one.name in read]
    del model.graph.initializer[:]
    model.graph.initializer.extend(used)


def _chosen(model: ModelProto, halves: _Halves, exact: frozenset[str]) -> list[bool]:
    """For each node, whether it computes in half floats, by what it is and by who reads it."""
    rounded: set[str] = set()  # values that a node of half floats reads
    chosen: list[bool] = []
    for node in reversed(model.graph.node):
        half = halves.may(node) and node.op_type not in _EXACT and exact.isdisjoint(node.output)
        if node.op_type in _ARITHMETIC | _MOVING:
            half &= not rounded.isdisjoint(node.output)
        if half:
            rounded.update(node.input)
        chosen.append(half)
    return chosen[::-1]


class _Halves:
    """The nodes of a model as they are written again, with casts where a value is read in its other form."""

    def __init__(self, model: ModelProto) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []
        self._floats = _float_values(model)
        self._stored = {one.name: one for one in model.graph.initializer}
        self._opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
        self._half: set[str] = set()
        """Values that are half floats under their own name."""
        self._other: dict[str, str] = {}
        """Names of the same values in their other form."""

    def may(self, node: NodeProto) -> bool:
        """Whether ONNX defines the node for half floats, and they hold its constants."""
        try:
            schema = defs.get_schema(node.op_type, self._opset, node.domain)
        except defs.SchemaError:
            return False
        kinds = {one.type_param_str for one in schema.type_constraints if _HALF in one.allowed_type_strs}
        taken = {_formal(schema.inputs, place) for place, _ in self._pictures(node)}
        given = {_formal(schema.outputs, place) for place, name in enumerate(node.output) if name in self._floats}
        constants = [self._stored[name] for _, name in self._pictures(node) if name in self._stored]
        return bool(given) and given <= taken <= kinds and all(_holds(one) for one in constants)

    def place(self, node: NodeProto, *, half: bool) -> None:
        """Append the node, reading and giving what it computes in."""
        pictures = self._pictures(node)
        if node.op_type in _MOVING and self.may(node):
            flowing = [name for _, name in pictures if name not in self._stored]
            half |= bool(flowing) and all(name in self._half for name in flowing)
        placed = NodeProto()
        placed.CopyFrom(node)
        for place, name in pictures:
            placed.input[place] = self.form(name, half=half)
        if half:
            self._half.update(name for name in node.output if name in self._floats)
        self.nodes.append(placed)

    def form(self, name: str, *, half: bool) -> str:
        """The name of a float value as half floats or as float32, cast once."""
        if half == (name in self._half):
            return name
        if name not in self._other:
            self._other[name] = other = f"{name}/{'half' if half else 'float'}"
            if name in self._stored:
                self.constants.append(_halved(self._stored[name], other))
            else:
                kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT
                self.nodes.append(helper.make_node("Cast", [name], [other], name=other, to=kind))
        return self._other[name]

    def _pictures(self, node: NodeProto) -> list[tuple[int, str]]:
        """(place, name) of the node's float inputs, without those that are as they are."""
        as_it_is = _AS_IT_IS.get(node.op_type, ())
        named = [(place, name) for place, name in enumerate(node.input) if place not in as_it_is]
        return [(place, name) for place, name in named if name in self._floats]


def _formal(formals: list[defs.OpSchema.FormalParameter], place: int) -> str:
    """Name of the type of an input or output; the last may stand for many."""
    return str(formals[min(place, len(formals) - 1)].type_str)


def _holds(constant: TensorProto) -> bool:
    """Whether half floats hold the largest of the numbers, as such and not as one of their few smallest."""
    largest = np.abs(numpy_helper.to_array(constant)).max(initial=0.0)
    return bool(largest == 0 or _HALF_RANGE.tiny <= largest <= _HALF_RANGE.max)


def _halved(constant: TensorProto, name: str) -> TensorProto:
    return numpy_helper.from_array(numpy_helper.to_array(constant).astype(np.float16), name)


def _float_values(model: ModelProto) -> set[str]:
    """Names of all float32 values. Raises Untypable where the type of one cannot be told."""
    branching = [
        node.op_type
        for node in model.graph.node
        if any(one.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS) for one in node.attribute)
    ]
    if branching:
        raise Untypable(f"it has a graph within a node, {branching[0]}")
    known = shape_inference.infer_shapes(model).graph
    kinds = {one.name: one.data_type for one in known.initializer}
    kinds |= {one.name: one.type.tensor_type.elem_type for one in (*known.input, *known.value_info, *known.output)}
    for node in model.graph.node:
        for name in node.output:
            if name and not kinds.get(name):
                raise Untypable(f"the type of what {node.op_type} gives is not known")
    return {name for name, kind in kinds.items() if kind == TensorProto.FLOAT}
