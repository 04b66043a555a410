"""NumPy's view of a picture plane as libav lays it out: rows as wide as the stride, of which the first part counts."""

from typing import Any

import numpy as np

from rtsr.frame import Plane


def plane_view(plane: Any, width: int | None = None, height: int | None = None) -> Plane:  # noqa: ANN401 - PyAV stops at its doors
    """A view of `plane`, no copy; it keeps the picture alive.

    Args:
        plane: PyAV's `VideoPlane`: a writable buffer of `line_size` bytes a row.
        width: bytes of a row that count; the plane's own width if not given.
        height: rows that count; the plane's own if not given.
    """
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height if height is None else height, : plane.width if width is None else width]


def fill_plane(plane: Any, pixels: Plane) -> None:  # noqa: ANN401 - as above
    """Copy `pixels` into a plane that is as large or larger, repeating their last column and row into the rest.

    Args:
        plane: PyAV's `VideoPlane` of a picture that nobody else has seen.
        pixels: (H, W) uint8.
    """
    height, width = pixels.shape
    target = plane_view(plane)
    target[:height, :width] = pixels
    target[:height, width:] = pixels[:, -1:]
    target[height:] = target[height - 1]
