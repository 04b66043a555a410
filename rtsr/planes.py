"""NumPy's views of a picture's planes as libav lays them out, and what its names of pixel formats mean.

A row is as wide as the stride, of which the first part counts. PyAV's types stop here: pictures and planes are `Any`.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from rtsr.frame import YUV420P, PixelLayout, Plane, SampleType

Planes = tuple[Plane, Plane, Plane]
"""Y, U, V."""


@dataclass(frozen=True, slots=True)
class Form:
    """How one of FFmpeg's formats holds a layout."""

    layout: PixelLayout
    interleaved: bool = False
    """Chroma is one plane, U and V in turns: what hardware decoders and encoders take."""
    shift: int = 0
    """Code values lie this many bits up in their samples."""


_SAMPLINGS = {"420": (1, 1), "422": (1, 0), "444": (0, 0), "440": (0, 1), "411": (2, 0)}
_DEPTHS = (8, 9, 10, 12, 14, 16)
_NV = {"nv12": "420", "nv16": "422", "nv24": "444"}
_P = {"0": "420", "2": "422", "4": "444"}


def _layout(bits: int, sampling: str) -> PixelLayout:
    return PixelLayout(bits, *_SAMPLINGS[sampling])


FORMS: dict[str, Form] = {
    **{layout.pix_fmt: Form(layout) for bits in _DEPTHS for layout in (_layout(bits, name) for name in _SAMPLINGS)},
    **{f"yuvj{name}p": Form(_layout(8, name)) for name in _SAMPLINGS},
    **{name: Form(_layout(8, to), interleaved=True) for name, to in _NV.items()},
    **{
        f"p{digit}{bits}le": Form(_layout(bits, to), interleaved=True, shift=16 - bits)
        for digit, to in _P.items()
        for bits in (10, 12, 16)
    },
    "yuv444p10msble": Form(_layout(10, "444"), shift=6),
    "yuv444p12msble": Form(_layout(12, "444"), shift=4),
}
"""By FFmpeg's names, every format that is YCbCr in planes, without alpha; `yuvj` is full range by its name alone."""


def layout_of(picture: Any) -> PixelLayout:  # noqa: ANN401 - PyAV stops here
    """Depth and subsampling of PyAV's `picture`, whose format is in `FORMS`."""
    return FORMS[picture.format.name].layout


def planes_of(picture: Any) -> Planes:  # noqa: ANN401 - as above
    """Y, U and V of PyAV's `picture`, whose format is in `FORMS`, exactly as they are.

    Views of its buffers, which keep the picture alive and are read-only by contract; copies only where code values do
    not lie in the low bits.
    """
    form = FORMS[picture.format.name]
    layout, width, height = form.layout, picture.width, picture.height
    dtype = layout.dtype
    rows, columns = layout.chroma_shape(width, height)
    y = plane_view(picture.planes[0], width, height, dtype)
    if form.interleaved:
        pairs = plane_view(picture.planes[1], 2 * columns, rows, dtype)
        u, v = pairs[:, 0::2], pairs[:, 1::2]
    else:
        u, v = (plane_view(plane, columns, rows, dtype) for plane in picture.planes[1:])
    if form.shift:
        y, u, v = (np.right_shift(plane, form.shift) for plane in (y, u, v))
    return y, u, v


def fill_picture(picture: Any, planes: Planes) -> None:  # noqa: ANN401 - as above
    """Copy `planes` into PyAV's `picture`, which is as large or larger and nobody else has seen.

    Their last column and row are repeated into the rest.
    """
    form = FORMS[picture.format.name]
    if form.shift:
        planes = tuple(np.left_shift(plane, form.shift) for plane in planes)  # type: ignore[assignment]  # still three
    if not form.interleaved:
        for plane, pixels in zip(picture.planes, planes, strict=True):
            fill_plane(plane, pixels)
        return
    y, u, v = planes
    fill_plane(picture.planes[0], y)
    rows, columns = form.layout.chroma_shape(picture.width, picture.height)
    pairs = plane_view(picture.planes[1], 2 * columns, rows, form.layout.dtype)
    for lane, one in enumerate((u, v)):
        pairs[:, lane::2] = np.pad(one, [(0, rows - one.shape[0]), (0, columns - one.shape[1])], "edge")


def plane_view(
    plane: Any,  # noqa: ANN401 - as above
    width: int | None = None,
    height: int | None = None,
    dtype: SampleType = YUV420P.dtype,
) -> Plane:
    """A view of `plane`, no copy; it keeps the picture alive.

    Args:
        plane: PyAV's `VideoPlane`: a writable buffer of `line_size` bytes a row.
        width: samples of a row that count; the plane's own width if not given.
        height: rows that count; the plane's own if not given.
        dtype: of a sample.
    """
    rows = cast("Plane", np.frombuffer(plane, dtype).reshape(-1, plane.line_size // dtype.itemsize))
    return rows[: plane.height if height is None else height, : plane.width if width is None else width]


def fill_plane(plane: Any, pixels: Plane) -> None:  # noqa: ANN401 - as above
    """Copy `pixels` into a plane that is as large or larger, repeating their last column and row into the rest.

    Args:
        plane: PyAV's `VideoPlane` of a picture that nobody else has seen, with samples as those of `pixels`.
        pixels: (H, W) uint8 or uint16.
    """
    height, width = pixels.shape
    target = plane_view(plane, dtype=pixels.dtype)
    target[:height, :width] = pixels
    target[:height, width:] = pixels[:, -1:]
    target[height:] = target[height - 1]
