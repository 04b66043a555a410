"""Luma about its middle, for the first convolutions of half floats.

Code values over 255 are no half floats, and filters that find edges multiply what they are off by: their weights add up
to hundreds, and cancel on even brightness only if both are exact. Code values minus half their range, over a power of
two, are half floats up to 11 bit, and of middle grey nothing has to cancel. With other weights the result is the same:

    luma = (centred + 1/2) / k,  k = peak / 2^bits:   W * luma + b = (W / k) * centred + b + sum(W) / 2k

Zeros around the picture are -1/2 then. What it is worth: docs/decisions/015-typed-graphs.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto, numpy_helper
from onnx.helper import make_node

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import GraphProto

    from rtsr.frame import PixelLayout

_HALF = 0.5
_CENTRED, _SCALED, _GAIN, _MIDDLE, _BLACK = (f"centre.{name}" for name in ("luma", "scaled", "gain", "middle", "black"))


def centre(graph: GraphProto, layout: PixelLayout) -> frozenset[str]:
    """Let the convolutions of luma read it about its middle.

    Args:
        graph: changed; its input is luma (1, 1, H, W) float32, 0..1.
        layout: of the code values that luma was made from.

    Returns:
        names of values that are to be float32, whoever reads them.
    """
    luma, gain = graph.input[0].name, layout.peak / (layout.peak + 1)
    stored = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
    borders = {one.output[0]: one for one in graph.node if one.input[:1] == [luma] and _repeats(one)}
    nodes: list[NodeProto] = []
    numbers: dict[str, NDArray[Any]] = {}
    for node in graph.node:
        border = borders.get(node.input[0]) if node.input else None
        known = (border or luma in node.input[:1]) and all(name in stored for name in node.input[1:])
        frame = _zeros_around(node) if known else None
        if frame is None or (border and any(frame)):
            nodes.append(node)
            continue
        name, seen = f"centre.{node.output[0]}", _CENTRED
        if border:
            seen = f"{name}.bordered"
            nodes.append(_again(border, [_CENTRED, *border.input[1:]], seen))
        elif any(frame):
            seen = f"{name}.bordered"
            nodes.append(make_node("Pad", [_CENTRED, f"{name}.frame", _BLACK], [seen], name=seen, mode="constant"))
            numbers[f"{name}.frame"] = np.array([0, 0, *frame[:2], 0, 0, *frame[2:]], np.int64)
        weight, bias = stored[node.input[1]], stored[node.input[2]] if len(node.input) > 2 else 0.0
        numbers[f"{name}.weight"] = np.float32(weight / gain)
        numbers[f"{name}.bias"] = np.float32(bias + weight.sum((1, 2, 3), np.float64) / (2 * gain))
        nodes.append(_again(node, [seen, f"{name}.weight", f"{name}.bias"], node.output[0]))
    if not numbers:
        return frozenset()
    numbers |= {_GAIN: np.float32(gain), _MIDDLE: np.float32(_HALF), _BLACK: np.float32(-_HALF)}
    made = [make_node("Mul", [luma, _GAIN], [_SCALED]), make_node("Sub", [_SCALED, _MIDDLE], [_CENTRED])]
    _replace(graph, [*made, *nodes], numbers)
    return frozenset((_SCALED, _CENTRED))


def _replace(graph: GraphProto, nodes: list[NodeProto], numbers: dict[str, NDArray[Any]]) -> None:
    """Put the nodes in place of those of `graph`, and the constants beside its own, without what nobody reads."""
    read = {name for node in nodes for name in node.input} | {graph.output[0].name}
    del graph.node[:]
    graph.node.extend(node for node in nodes if not read.isdisjoint(node.output))
    kept = [one for one in graph.initializer if one.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(one), name) for name, one in numbers.items() if name in read
    )


def _repeats(node: NodeProto) -> bool:
    """Whether it is a border of pixels of the picture: the same about any middle."""
    modes = [one.s for one in node.attribute if one.name == "mode"]
    return node.op_type == "Pad" and bool(modes) and modes[0] in (b"edge", b"reflect", b"wrap")


def _zeros_around(node: NodeProto) -> list[int] | None:
    """Rows and columns of zeros that a convolution puts before and behind a picture; None where that is not told."""
    settings = {one.name: one for one in node.attribute}
    if node.op_type != "Conv" or ("auto_pad" in settings and settings["auto_pad"].s not in (b"NOTSET", b"VALID")):
        return None
    return list(settings["pads"].ints) if "pads" in settings else [0, 0, 0, 0]


def _again(node: NodeProto, inputs: list[str], output: str) -> NodeProto:
    """The same operation on other values; a convolution without zeros around."""
    other = NodeProto()
    other.CopyFrom(node)
    del other.input[:], other.output[:]
    other.input.extend(inputs)
    other.output.append(output)
    kept = [one for one in node.attribute if one.name != "pads"]
    del other.attribute[:]
    other.attribute.extend(kept)
    other.name = output
    return other
