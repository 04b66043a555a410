"""YCbCr to window pixels by swscale, for the painter that has no shader.

Why three steps: swscale writes packed BGRA with full chroma by a slow scalar path (22 ms of CPU for both halves of a
1920x1080 window), but planar RGB by a vector one; planar to packed is then cheap (8 ms together), and the result is the
same to the last bit. `accurate_rnd` also keeps its shortcut for unscaled pictures away, which ignores chroma siting.
"""

from fractions import Fraction

import av
import numpy as np
from av.filter import Graph
from av.video.plane import VideoPlane

from rtsr.color import Color, Range
from rtsr.frame import Frame, Plane, chroma_shape

_FLAGS = "bicubic+accurate_rnd+full_chroma_int"
_MATRIX_NAMES = {1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc", 10: "bt2020nc"}


class RgbScaler:
    """Frames of one size and colour to BGRA pictures of another size; bicubic with swscale's kernel (C = 0.6).

    Args:
        source_wh: samples of the frames that will come.
        target_wh: pixels of the pictures.
        color: of the frames, with nothing unknown (`Color.for_display`).
    """

    def __init__(self, source_wh: tuple[int, int], target_wh: tuple[int, int], color: Color) -> None:
        width, height = source_wh
        half_height, half_width = chroma_shape(width, height)
        self._even_wh = (2 * half_width, 2 * half_height)
        tags = {
            "in_color_matrix": _MATRIX_NAMES[color.matrix],
            "in_range": "full" if color.range is Range.FULL else "limited",
        }
        siting = {"in_chroma_loc": color.siting.value}
        graph = Graph()
        graph.threads = 1
        steps: list[tuple[str, dict[str, str]]] = []
        if self._even_wh != source_wh:  # swscale would stretch chroma by the half sample beyond an odd side
            same = {"out_color_matrix": tags["in_color_matrix"], "out_range": tags["in_range"]}
            steps += [("scale", {"flags": _FLAGS} | siting | tags | same), ("format", {"pix_fmts": "yuv444p"})]
            steps += [("crop", {"w": str(width), "h": str(height), "x": "0", "y": "0", "exact": "1"})]
            siting = {}
        size = {"w": str(target_wh[0]), "h": str(target_wh[1]), "flags": _FLAGS}
        steps += [("scale", size | siting | tags | {"out_range": "full"}), ("format", {"pix_fmts": "gbrp"})]
        steps += [("scale", {}), ("format", {"pix_fmts": "bgra"})]
        node = graph.add_buffer(
            width=self._even_wh[0],
            height=self._even_wh[1],
            format=av.VideoFormat("yuv420p"),
            time_base=Fraction(1, 1000),
        )
        for name, options in [*steps, ("buffersink", {})]:
            after = graph.add(name, **options)
            graph.link_nodes(node, after)
            node = after
        graph.configure()
        self._graph = graph

    def bgra(self, frame: Frame) -> Plane:
        """(H, 4 W) uint8, B G R A, full range, rows perhaps further apart; a new picture each time."""
        self._graph.vpush(self._wrapped(frame))
        picture = self._graph.vpull()
        return _rows(picture.planes[0])[: picture.height, : 4 * picture.width]

    def _wrapped(self, frame: Frame) -> av.VideoFrame:
        picture = av.VideoFrame(*self._even_wh, "yuv420p")
        for plane, pixels in zip(picture.planes, (frame.y, frame.u, frame.v), strict=True):
            height, width = pixels.shape
            rows = _rows(plane)
            rows[:height, :width] = pixels
            rows[:height, width : plane.width] = pixels[:, -1:]
            rows[height : plane.height] = rows[height - 1]
        picture.pts = 0
        return picture


def _rows(plane: VideoPlane) -> Plane:
    """(H, line size) uint8, a view that keeps the picture alive."""
    return np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
