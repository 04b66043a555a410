"""Rewrites a one-layer network so that OpenVINO runs it four columns at a time.

A network that is one convolution of one plane, a choice between its planes pixel by pixel, and a pixel shuffle leaves
most of a vector unit idle: it has one input channel, 4 outputs per plane, and its result must be turned from
channels-last to planes before each plane can be picked. Seen as a picture of W/4 columns with 4 channels, the same
convolution has 4 input channels and 16 outputs per plane, which is how vector units like it; with one convolution per
plane nothing needs turning until the finished bytes. Equal to the plain graph to rounding of float32
(tests/unit/test_openvino.py); figures in docs/decisions/002-openvino-graph.md.
"""

import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from rtsr.frame import YUV420P, PixelLayout, Plane

COLUMNS = 4


def pack_columns(
    model: ov.Model, size_wh: tuple[int, int], scale: int, layout: PixelLayout = YUV420P
) -> ov.Model | None:
    """The integer network for one picture size, four columns at a time; None if `model` is not of the kind.

    Args:
        model: float, (N, 1, H, W) 0..1 to (N, 1, S*H, S*W): Pad -> Convolution -> Split -> elementwise -> DepthToSpace.
        size_wh: picture size; the width is rounded up to a multiple of 4.
        scale: S.
        layout: whose samples go in and come out.

    Returns:
        (1, 1, H, 4*ceil(W/4)) to (1, H, ceil(W/4), S*4*S), both as `layout` says, for `unpack_columns`; `model` is
        used up.
    """
    shuffle = model.outputs[0].get_node().input_value(0).get_node()
    convolutions = [node for node in model.get_ops() if node.get_type_name() == "Convolution"]
    splits = [node for node in model.get_ops() if node.get_type_name() in ("Split", "VariadicSplit")]
    if shuffle.get_type_name() != "DepthToSpace" or len(convolutions) != 1 or len(splits) > 1:
        return None
    weight = _constant(convolutions[0].input_value(1).get_node())
    planes = splits[0].outputs() if splits else convolutions[0].outputs()
    if weight is None or weight.shape[1] != 1 or weight.shape[0] != len(planes) * scale**2:
        return None
    groups = -(-size_wh[0] // COLUMNS)
    luma = ops.parameter([1, 1, size_wh[1], groups * COLUMNS], layout.dtype, name="y")
    grouped = _grouped(luma, groups, size_wh[1], weight.shape[2])
    for plane, filters in zip(planes, np.split(weight / np.float32(layout.peak), len(planes)), strict=True):
        packed = ops.convolution(grouped, ops.constant(_packed(filters, scale)), [1, 1], [0, 0], [0, 0], [1, 1])
        for target in plane.get_target_inputs():
            target.replace_source_output(packed.output(0))
    levels = code_values(shuffle.input_value(0), layout)
    packed_model = ov.Model([ops.transpose(levels, np.array([0, 2, 3, 1]))], [luma], model.friendly_name)
    packed_model.validate_nodes_and_infer_types()  # the elementwise nodes still hold the shapes of the plain graph
    return packed_model


def code_values(luma: ov.Output, layout: PixelLayout) -> ov.Node:
    """Float luma 0..1 to the code values of `layout`, rounded to nearest."""
    spread = ops.clamp(ops.multiply(luma, np.float32(layout.peak)), 0.0, float(layout.peak))
    return ops.convert(ops.round(spread, "half_to_even"), "u8" if layout.bits == 8 else "u16")


def unpack_columns(made: Plane, scale: int) -> Plane:
    """(1, H, W/4, S*4*S) of the packed network to a new picture (S*H, S*W)."""
    _, height, groups, _ = made.shape
    run = np.dtype((np.void, COLUMNS * scale * made.itemsize))  # neighbours in an output row, moved as one
    rows = made.reshape(height, groups, scale, COLUMNS * scale).view(run)[..., 0]
    picture = np.empty((height, scale, groups), run)
    picture[...] = rows.transpose(0, 2, 1)
    return picture.view(made.dtype).reshape(height * scale, groups * COLUMNS * scale)


def _constant(node: ov.Node) -> NDArray[np.float32] | None:
    return np.array(node.data, np.float32) if node.get_type_name() == "Constant" else None


def _taps(kernel_size: int) -> int:
    """Groups of columns that the filters of one group reach over, from where the leftmost one begins."""
    return -(-(COLUMNS + kernel_size - 1) // COLUMNS)


def _grouped(luma: ov.Node, groups: int, height: int, kernel_size: int) -> ov.Node:
    """(1, 1, H, W) integer to (1, 4, H + border, W/4 + taps - 1) float32, code values, borders repeated."""
    reach, wide = kernel_size // 2, groups + _taps(kernel_size) - 1
    before, after = np.array([0, 0, reach, reach]), np.array([0, 0, reach, (wide - groups) * COLUMNS - reach])
    padded = ops.pad(luma, before, after, "edge")
    columns_last = np.array([1, height + 2 * reach, wide, COLUMNS])
    channels = ops.transpose(ops.reshape(padded, columns_last, special_zero=False), np.array([0, 3, 1, 2]))
    return ops.convert(channels, "f32")


def _packed(filters: NDArray[np.float32], scale: int) -> NDArray[np.float32]:
    """(S*S, 1, k, k) filters of one plane to (S*4*S, 4, k, groups) for grouped columns.

    Output channels are ordered (row phase, column, column phase): the bytes of an output row lie side by side.
    """
    size = filters.shape[2]
    packed = np.zeros((scale, COLUMNS, scale, COLUMNS, size, _taps(size)), np.float32)
    phases = filters.reshape(scale, scale, size, size)
    for column in range(COLUMNS):
        for tap in range(size):
            group, lane = divmod(column + tap, COLUMNS)
            packed[:, column, :, lane, :, group] = phases[:, :, :, tap]
    return packed.reshape(scale * COLUMNS * scale, COLUMNS, size, _taps(size))
