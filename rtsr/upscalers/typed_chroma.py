"""Chroma for a GPU: bicubic enlargement of U and V that take turns (NV12, P010), as an ONNX graph.

    NV12        y (1, 1, H, 2 W) uint8 to sr (1, 1, S*H, 2 S*W) uint8, of W x H chroma samples
    P010        y (1, H, 2 W, 2) uint8 to sr (1, S*H, 2 S*W, 2) uint8: the little-endian bytes of its samples

The ends have the names and forms of `rtsr.upscalers.typed_onnx`, so that the same builder, engine and ring take it. The
kernel is swscale's default (cubic convolution with B = 0, C = 0.6; Keys, "Cubic convolution interpolation for digital
image processing", IEEE Trans. ASSP 29(6), 1981, has C = 0.5), the phases follow from the siting: within 1 code of
`rtsr.swscale.Resampler`, but for the outermost chroma samples, where swscale weighs the second sample instead of the
first for what lies beyond the border, and for overshoots, which it clips between its two passes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

from rtsr.upscalers.typed_onnx import TypedGraph

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto

    from rtsr.color import Siting
    from rtsr.frame import PixelLayout, Plane

_SHARPNESS = -0.6
_REACH = 2
"""Samples to either side: the phase lies within one of the middle, and four samples make a value."""
_OPSET, _IR_VERSION = 17, 8


def chroma_phases(scale: int, siting: Siting) -> NDArray[np.float64]:
    """The filters of every phase: (S, S, 5, 5), rows and columns of the phase, then of the filter; each sums to 1.

    Args:
        scale: output side over input side.
        siting: of 4:2:0, before and after.
    """
    across, down = (_line(scale, offset) for offset in siting.offset_xy)
    return down[:, None, :, None] * across[None, :, None, :]


def enlarged_pairs(pairs: Plane, scale: int, siting: Siting, layout: PixelLayout) -> Plane:
    """What the graph makes, by numpy, slowly: (H, 2 W) samples with U and V in turns to (S*H, 2 S*W).

    Args:
        pairs: of NV12, or of P010, whose code values lie in the upper bits.
        scale: output side over input side.
        siting: of the chroma.
        layout: 8-bit or 10-bit 4:2:0.
    """
    rows, columns = pairs.shape[0], pairs.shape[1] // 2
    unit = 1 << (16 - layout.bits if layout.bits > 8 else 0)
    planes = pairs.reshape(rows, columns, 2).astype(np.float64) / unit
    padded = np.pad(planes, [(_REACH, _REACH), (_REACH, _REACH), (0, 0)], "edge")
    made = np.zeros((rows, scale, columns, scale, 2))
    filters = chroma_phases(scale, siting)
    for down, across in np.ndindex(5, 5):
        moved = padded[down : down + rows, None, across : across + columns, None]
        made += filters[:, :, down, across].reshape(1, scale, 1, scale, 1) * moved
    codes = np.rint(made.clip(0, layout.peak)) * unit
    larger: Plane = codes.reshape(scale * rows, 2 * scale * columns).astype(pairs.dtype)
    return larger


def _line(scale: int, offset: float) -> NDArray[np.float64]:
    """(S, 5): where the outputs of a sample lie is measured in luma, which is where the siting counts."""
    corner = (1 + offset) / 2  # from the border of the picture to the first sample, in samples
    place = (np.arange(scale) + corner) / scale - corner
    weights = _cubic(np.arange(-_REACH, _REACH + 1) - place[:, None])
    filters: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return filters


def _cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' kernel: 1 at 0, 0 at the other integers, 0 outside -2..2."""
    x, a = np.abs(x), _SHARPNESS
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = a * (((x - 5) * x + 8) * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def chroma_graph(size_wh: tuple[int, int], scale: int, siting: Siting, layout: PixelLayout) -> TypedGraph:
    """The graph for pictures of one size.

    Args:
        size_wh: of the pictures, in luma samples; even sides.
        scale: output side over input side.
        siting: of their chroma.
        layout: 8-bit 4:2:0 for NV12, 10-bit for P010.

    Raises:
        ValueError: another layout, or odd sides.
    """
    if layout.block_wh != (2, 2) or layout.bits not in (8, 10) or size_wh[0] % 2 or size_wh[1] % 2:
        raise ValueError(f"chroma of {size_wh[0]}x{size_wh[1]} {layout} does not lie in pairs")
    width, height = size_wh[0] // 2, size_wh[1] // 2
    wide, up = layout.bits > 8, 1 << (16 - layout.bits) if layout.bits > 8 else 1
    constants: dict[str, NDArray[np.generic]] = {
        "taken": np.array([1, height, width, 2], np.int64),
        "given": np.array([1, 1, scale * height, 2 * scale * width], np.int64),
        "filters": chroma_phases(scale, siting).reshape(scale**2, 1, 5, 5).astype(np.float32),
        "beyond": np.array([0, 0, _REACH, _REACH, 0, 0, _REACH, _REACH], np.int64),
        "none": np.asarray(0, np.float32),
        "peak": np.asarray(layout.peak, np.float32),
        "down": np.asarray(1 / up, np.float32),
        "up": np.asarray(up, np.float32),
        "byte": np.asarray(256, np.float32),
        "part": np.asarray(1 / 256, np.float32),
        "ones": np.array([1, 1], np.int64),
    }
    nodes = [*_samples(wide=wide), *_enlarged(scale), *_given(wide=wide)]
    read = {name for node in nodes for name in node.input}
    stored = [numpy_helper.from_array(np.asarray(one), name) for name, one in constants.items() if name in read]

    def end(name: str, side: int) -> onnx.ValueInfoProto:
        rows, columns = side * height, 2 * side * width
        shape = [1, rows, columns, 2] if wide else [1, 1, rows, columns]
        return make_tensor_value_info(name, TensorProto.UINT8, shape)

    graph = make_graph(nodes, "chroma", [end("y", 1)], [end("sr", scale)], stored)
    model = make_model(graph, opset_imports=[make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    content = model.SerializeToString(deterministic=True)
    sha256 = hashlib.sha256(content).hexdigest()
    return TypedGraph(content, sha256, (2 * width, height), scale, layout, "fp32", f"chroma-{siting.value}")


def _samples(*, wide: bool) -> list[NodeProto]:
    """(2, 1, H, W) float32: U and V, code values."""
    nodes = [make_node("Cast", ["y"], ["bytes_in"], to=TensorProto.FLOAT)]
    if wide:
        nodes += [
            make_node("Split", ["bytes_in", "ones"], ["low_in", "high_in"], axis=3),
            make_node("Mul", ["high_in", "byte"], ["upper_in"]),
            make_node("Add", ["low_in", "upper_in"], ["shifted_in"]),
            make_node("Mul", ["shifted_in", "down"], ["codes_in"]),
        ]
    return [
        *nodes,
        make_node("Reshape", [nodes[-1].output[0], "taken"], ["pairs"]),
        make_node("Transpose", ["pairs"], ["planes"], perm=[3, 0, 1, 2]),
    ]


def _enlarged(scale: int) -> list[NodeProto]:
    """(1, S*H, S*W, 2) float32: pairs again, code values."""
    return [
        make_node("Pad", ["planes", "beyond"], ["padded"], mode="edge"),
        make_node("Conv", ["padded", "filters"], ["phases"]),
        make_node("Clip", ["phases", "none", "peak"], ["clipped"]),
        make_node("Round", ["clipped"], ["rounded"]),
        make_node("DepthToSpace", ["rounded"], ["larger"], blocksize=scale, mode="CRD"),
        make_node("Transpose", ["larger"], ["turned"], perm=[1, 2, 3, 0]),
    ]


def _given(*, wide: bool) -> list[NodeProto]:
    if not wide:
        return [
            make_node("Reshape", ["turned", "given"], ["codes"]),
            make_node("Cast", ["codes"], ["sr"], to=TensorProto.UINT8),
        ]
    return [
        make_node("Reshape", ["turned", "given"], ["codes"]),
        make_node("Mul", ["codes", "up"], ["shifted"]),
        make_node("Mul", ["shifted", "part"], ["share"]),
        make_node("Floor", ["share"], ["high"]),
        make_node("Mul", ["high", "byte"], ["upper"]),
        make_node("Sub", ["shifted", "upper"], ["low"]),
        make_node("Concat", ["low", "high"], ["both"], axis=1),
        make_node("Transpose", ["both"], ["beside"], perm=[0, 2, 3, 1]),
        make_node("Cast", ["beside"], ["sr"], to=TensorProto.UINT8),
    ]
