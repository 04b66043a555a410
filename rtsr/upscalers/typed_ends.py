"""Integer samples at both ends of a float ONNX network, for engines that know no 16-bit integers.

    8 bit       y (1, 1, H, W) uint8 to sr (1, 1, S*H, S*W) uint8
    above       y (1, H, W, 2) uint8 to sr (1, S*H, S*W, 2) uint8: the little-endian bytes of uint16 samples

The numbers between are float32, in which 16 bits and the bytes of them are exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, numpy_helper
from onnx.helper import make_node, make_tensor_value_info

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

    from rtsr.frame import PixelLayout

INPUT, OUTPUT = "y", "sr"
_PEAK, _STEP, _NONE, _BYTE, _PART, _SIZES, _ONES = (
    f"ends.{name}" for name in ("peak", "step", "none", "byte", "part", "sizes", "ones")
)


def put_ends(graph: GraphProto, layout: PixelLayout, size_wh: tuple[int, int], scale: int, *, phases: int) -> None:
    """Make `graph`, changed, take and give samples of `layout`.

    Args:
        graph: its only input is luma (1, 1, H, W) float32, 0..1, its only output (1, phases, h, w) float32, not
            clipped. No value in it is named `INPUT`, `OUTPUT` or begins with "ends.".
        layout: its depth counts.
        size_wh: of the pictures that will come.
        scale: output side over input side.
        phases: S*S where the pixel shuffle is left to the ends, else 1.
    """
    (width, height), wide = size_wh, layout.bits > 8
    before = _joined(graph.input[0].name) if wide else _plain(graph.input[0].name)
    after = _to_bytes(graph.output[0].name, wide=wide, block=scale if phases > 1 else 1)
    nodes = [*before, *graph.node, *after]
    for node in nodes:
        node.name = node.name or node.output[0]
    constants = {
        _PEAK: np.float32(layout.peak), _STEP: np.float32(1 / layout.peak), _NONE: np.float32(0),
        _BYTE: np.float32(256), _PART: np.float32(1 / 256), _ONES: np.array([1, 1], np.int64),
        _SIZES: np.array([1, 1, height, width], np.int64),
    }  # fmt: skip
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    read = {name for node in nodes for name in node.input}
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(one), name) for name, one in constants.items() if name in read
    )
    for values, name, side in ((graph.input, INPUT, 1), (graph.output, OUTPUT, scale)):
        rows, columns = side * height, side * width
        shape = [1, rows, columns, 2] if wide else [1, 1, rows, columns]
        values.append(make_tensor_value_info(name, TensorProto.UINT8, shape))


def _plain(luma: str) -> list[NodeProto]:
    return [
        make_node("Cast", [INPUT], ["ends.samples"], to=TensorProto.FLOAT),
        make_node("Mul", ["ends.samples", _STEP], [luma]),
    ]


def _joined(luma: str) -> list[NodeProto]:
    """Low byte plus 256 times the high one."""
    return [
        make_node("Cast", [INPUT], ["ends.bytes_in"], to=TensorProto.FLOAT),
        make_node("Split", ["ends.bytes_in", _ONES], ["ends.low_in", "ends.high_in"], axis=3),
        make_node("Mul", ["ends.high_in", _BYTE], ["ends.upper_in"]),
        make_node("Add", ["ends.low_in", "ends.upper_in"], ["ends.joined"]),
        make_node("Reshape", ["ends.joined", _SIZES], ["ends.samples"]),
        make_node("Mul", ["ends.samples", _STEP], [luma]),
    ]


def _to_bytes(made: str, *, wide: bool, block: int) -> list[NodeProto]:
    """Rounded, in bytes, in place: a byte is exact in half floats, of which the shuffle moves half the memory."""
    nodes = [
        make_node("Mul", [made, _PEAK], ["ends.spread"]),
        make_node("Clip", ["ends.spread", _NONE, _PEAK], ["ends.clipped"]),
        make_node("Round", ["ends.clipped"], ["ends.code"]),
    ]
    if wide:
        nodes += [
            make_node("Mul", ["ends.code", _PART], ["ends.share"]),
            make_node("Floor", ["ends.share"], ["ends.high"]),
            make_node("Mul", ["ends.high", _BYTE], ["ends.upper"]),
            make_node("Sub", ["ends.code", "ends.upper"], ["ends.low"]),
            make_node("Concat", ["ends.low", "ends.high"], ["ends.both"], axis=1),
        ]
    nodes.append(make_node("Cast", nodes[-1].output, ["ends.bytes"], to=TensorProto.FLOAT16))
    if block > 1:
        nodes.append(make_node("DepthToSpace", nodes[-1].output, ["ends.shuffled"], blocksize=block, mode="CRD"))
    if wide:
        nodes.append(make_node("Transpose", nodes[-1].output, ["ends.beside"], perm=[0, 2, 3, 1]))
    nodes.append(make_node("Cast", nodes[-1].output, [OUTPUT], to=TensorProto.UINT8))
    return nodes
