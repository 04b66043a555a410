"""The one door to swscale: bicubic scaling of 4:2:0 pictures, and their way to RGB, with chroma where its siting says.

Why filter graphs: swscale itself takes chroma to lie in the middle, which moves colour edges of ordinary left-sited
video by a quarter luma sample; libavfilter's `scale` takes the siting and is within half a level of the exact
resampling (tests/unit/test_swscale.py). `accurate_rnd` also keeps its shortcut for unscaled pictures away, which
ignores siting.
"""

from collections.abc import Sequence
from fractions import Fraction

import av
from av.filter import Graph

from rtsr.color import Color, Range, Siting
from rtsr.frame import Frame, Plane, chroma_shape
from rtsr.planes import fill_plane, plane_view

_FLAGS = {"flags": "bicubic+accurate_rnd+full_chroma_int"}
_MATRIX_NAMES = {1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc", 10: "bt2020nc"}


class _Chain:
    """Frames of one size through filters, one after the other."""

    def __init__(self, even_wh: tuple[int, int], filters: Sequence[tuple[str, dict[str, str]]], threads: int) -> None:
        self._even_wh = even_wh
        graph = Graph()
        graph.threads = threads
        node = graph.add_buffer(
            width=even_wh[0], height=even_wh[1], format=av.VideoFormat("yuv420p"), time_base=Fraction(1, 1000)
        )
        for name, options in [*filters, ("buffersink", {})]:
            following = graph.add(name, **options)
            graph.link_nodes(node, following)
            node = following
        graph.configure()
        self._graph: Graph | None = graph

    def run(self, frame: Frame) -> av.VideoFrame:
        """A new picture of what comes out."""
        if self._graph is None:
            raise ValueError("this scaler is closed")
        picture = av.VideoFrame(*self._even_wh, "yuv420p")
        for plane, pixels in zip(picture.planes, (frame.y, frame.u, frame.v), strict=True):
            fill_plane(plane, pixels)
        picture.pts = 0
        self._graph.vpush(picture)
        return self._graph.vpull()

    def close(self) -> None:
        self._graph = None


def _even(size_wh: tuple[int, int]) -> tuple[int, int]:
    """The size whose chroma planes are just as large: swscale would stretch chroma by the half sample beyond a side."""
    half_height, half_width = chroma_shape(*size_wh)
    return 2 * half_width, 2 * half_height


class Resampler:
    """Scales 4:2:0 frames of one size by a whole number; bicubic with swscale's default kernel (B = 0, C = 0.6).

    Args:
        size_wh: of the frames that will come, in luma samples.
        scale: output side over input side.
        siting: where chroma lies, in the input and in the output.
        threads: of swscale; 0 = all cores.
    """

    def __init__(self, size_wh: tuple[int, int], scale: int, siting: Siting, threads: int) -> None:
        self._scale = scale
        width, height = _even(size_wh)
        place = "left" if siting is Siting.UNSPECIFIED else siting.value
        size = {"w": str(width * scale), "h": str(height * scale)}
        self._chain = _Chain(
            (width, height), [("scale", size | _FLAGS | {"in_chroma_loc": place, "out_chroma_loc": place})], threads
        )

    def scaled(self, frame: Frame) -> tuple[Plane, Plane, Plane]:
        """Y, U and V of `frame`, `scale` times as large; views of a new picture."""
        width, height = frame.width * self._scale, frame.height * self._scale
        half_height, half_width = chroma_shape(width, height)
        y, u, v = self._chain.run(frame).planes
        half = half_width, half_height
        return plane_view(y, width, height), plane_view(u, *half), plane_view(v, *half)

    def close(self) -> None:
        """Free the graph."""
        self._chain.close()


class RgbScaler:
    """Frames of one size and colour to packed RGB pictures of another size; bicubic with the same kernel.

    Why by way of planar RGB: swscale writes packed RGB with full chroma by a slow scalar path (22 ms of CPU for two
    halves of a 1920x1080 window), planar RGB by a vector one, and planar to packed is cheap (8 ms together). The result
    is the same to the last bit.

    Args:
        source_wh: samples of the frames that will come.
        target_wh: pixels of the pictures.
        color: of the frames, with nothing unknown (`Color.for_display`).
    """

    def __init__(self, source_wh: tuple[int, int], target_wh: tuple[int, int], color: Color) -> None:
        tags = {
            "in_color_matrix": _MATRIX_NAMES[color.matrix],
            "in_range": "full" if color.range is Range.FULL else "limited",
        }
        place = {"in_chroma_loc": color.siting.value}
        filters: list[tuple[str, dict[str, str]]] = []
        if _even(source_wh) != source_wh:
            same = {"out_color_matrix": tags["in_color_matrix"], "out_range": tags["in_range"]}
            filters += [("scale", _FLAGS | place | tags | same), ("format", {"pix_fmts": "yuv444p"})]
            filters += [("crop", {"w": str(source_wh[0]), "h": str(source_wh[1]), "x": "0", "y": "0", "exact": "1"})]
            place = {}
        size = {"w": str(target_wh[0]), "h": str(target_wh[1])}
        filters += [("scale", size | _FLAGS | place | tags | {"out_range": "full"}), ("format", {"pix_fmts": "gbrp"})]
        filters += [("scale", {}), ("format", {"pix_fmts": "bgra"})]
        self._chain = _Chain(_even(source_wh), filters, threads=1)

    def bgra(self, frame: Frame) -> Plane:
        """(H, 4 W) uint8, B G R A, full range, rows perhaps further apart; a new picture each time."""
        picture = self._chain.run(frame)
        return plane_view(picture.planes[0], 4 * picture.width, picture.height)
