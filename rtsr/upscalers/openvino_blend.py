"""Two networks of one graph as a third: the weights in between."""

import numpy as np
import openvino as ov
from openvino import opset13 as ops

_WEIGHTS = frozenset({"f16", "f32", "f64"})


def blended(model: ov.Model, other: ov.Model, share: float) -> ov.Model:
    """`model`, changed, with (1 - share) of its weights and `share` of those of `other`; at 1 exactly the latter.

    Raises ValueError, with the first difference, when the two are not one graph: the same operations on the same
    values in the same order, with constants of the same sizes.
    """
    ours, theirs = model.get_ordered_ops(), other.get_ordered_ops()
    if len(ours) != len(theirs):
        raise ValueError(f"one has {len(ours)} operations, the other {len(theirs)}")
    places = [{node: place for place, node in enumerate(nodes)} for nodes in (ours, theirs)]
    weights: list[tuple[ov.Node, ov.Node]] = []
    for one, two in zip(ours, theirs, strict=True):
        if _described(one, places[0]) != _described(two, places[1]):
            raise ValueError(f"{one.get_friendly_name()} of one is not {two.get_friendly_name()} of the other")
        if one.get_type_name() == "Constant" and one.get_element_type().get_type_name() in _WEIGHTS:
            weights += [(one, two)] if not np.array_equal(one.data, two.data) else []
    for one, two in weights:  # after the check: a refused pair is as it was
        mixed = np.float32(1.0 - share) * one.data + np.float32(share) * two.data
        constant = ops.constant(np.asarray(mixed, one.data.dtype), name=one.get_friendly_name())
        for target in one.output(0).get_target_inputs():
            target.replace_source_output(constant.output(0))
    return model


def _described(node: ov.Node, places: dict[ov.Node, int]) -> tuple[object, ...]:
    """All that makes an operation but its weights: kind, settings, what it reads, what it gives."""
    kind, inputs = node.get_type_name(), [(places[one.get_node()], one.get_index()) for one in node.input_values()]
    given = [(one.get_element_type().get_type_name(), str(one.get_partial_shape())) for one in node.outputs()]
    fixed = b""
    if kind == "Constant" and node.get_element_type().get_type_name() not in _WEIGHTS:
        fixed = node.data.tobytes()
    settings = {} if kind in ("Constant", "Parameter", "Result") else node.get_attributes()
    return kind, repr(settings), inputs, given, fixed
