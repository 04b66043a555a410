"""Two networks of one ONNX graph as a third: the weights in between. As `rtsr.upscalers.openvino_blend` has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import numpy_helper

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import GraphProto, NodeProto, TensorProto

_WEIGHTS = frozenset({np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)})


def blend(graph: GraphProto, other: GraphProto, share: float) -> None:
    """Give `graph`, changed, (1 - share) of its weights and `share` of those of `other`; at 1 exactly the latter.

    Names do not count. Raises ValueError, with the first difference and `graph` as it was, when the two are not one
    graph: the same operations on the same values in the same order, with constants of the same sizes.
    """
    if len(graph.node) != len(other.node):
        raise ValueError(f"one has {len(graph.node)} operations, the other {len(other.node)}")
    pairs: dict[str, str] = {graph.input[0].name: other.input[0].name}
    ours, theirs = ({one.name: one for one in each.initializer} for each in (graph, other))
    weights = {}
    for one, two in zip(graph.node, other.node, strict=True):
        if _described(one) != _described(two):
            raise ValueError(f"{one.name or one.op_type} of one is not {two.name or two.op_type} of the other")
        for name, counterpart in zip(one.input, two.input, strict=True):
            if (name in ours) != (counterpart in theirs) or pairs.setdefault(name, counterpart) != counterpart:
                raise ValueError(f"{one.name or one.op_type} reads {name} in one, {counterpart} in the other")
            if name in ours:
                weights[name] = _between(ours[name], theirs[counterpart], share)
        pairs |= zip(one.output, two.output, strict=True)
    for name, mixed in weights.items():
        ours[name].CopyFrom(numpy_helper.from_array(mixed, name))


def _described(node: NodeProto) -> tuple[object, ...]:
    """All that makes an operation but what it reads: kind, settings, how many inputs and outputs."""
    settings = sorted(one.SerializeToString(deterministic=True) for one in node.attribute)
    return node.domain, node.op_type, settings, len(node.input), len(node.output)


def _between(one: TensorProto, two: TensorProto, share: float) -> NDArray[Any]:
    ours: NDArray[Any] = numpy_helper.to_array(one)
    theirs: NDArray[Any] = numpy_helper.to_array(two)
    same = ours.shape == theirs.shape and ours.dtype == theirs.dtype
    if not same or (ours.dtype not in _WEIGHTS and not np.array_equal(ours, theirs)):
        raise ValueError(f"{one.name} of one is not {two.name} of the other")
    if ours.dtype not in _WEIGHTS or np.array_equal(ours, theirs):
        return ours
    return np.asarray(np.float32(1.0 - share) * ours + np.float32(share) * theirs, ours.dtype)
