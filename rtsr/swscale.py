"""The one door to swscale: exact whole-picture bicubic scaling that respects chroma siting.

Why a filter graph: swscale itself takes chroma to lie in the middle, which moves every colour edge of ordinary
left-sited video by a quarter luma sample; libavfilter's `scale` takes the siting and is within half a level of the
exact resampling (tests/unit/test_swscale.py).
"""

from fractions import Fraction

import av
from av.filter import Graph

from rtsr.color import Siting
from rtsr.frame import Frame, Plane, chroma_shape
from rtsr.planes import fill_plane, plane_view

_FLAGS = "bicubic+accurate_rnd+full_chroma_int"


class Resampler:
    """Scales 4:2:0 frames of one size by a whole number; bicubic with swscale's default kernel (B = 0, C = 0.6).

    Args:
        width, height: of the frames that will come, in luma samples.
        scale: output side over input side.
        siting: where chroma lies, in the input and in the output.
        threads: of swscale.
    """

    def __init__(self, size_wh: tuple[int, int], scale: int, siting: Siting, threads: int) -> None:
        width, height = size_wh
        self._scale = scale
        half_height, half_width = chroma_shape(width, height)
        self._even_wh = (2 * half_width, 2 * half_height)  # odd sides: swscale would stretch chroma by their last half
        place = "left" if siting is Siting.UNSPECIFIED else siting.value
        graph = Graph()
        graph.threads = threads
        source = graph.add_buffer(
            width=self._even_wh[0],
            height=self._even_wh[1],
            format=av.VideoFormat("yuv420p"),
            time_base=Fraction(1, 1000),
        )
        scaler = graph.add(
            "scale",
            w=str(self._even_wh[0] * scale),
            h=str(self._even_wh[1] * scale),
            flags=_FLAGS,
            in_chroma_loc=place,
            out_chroma_loc=place,
        )
        graph.link_nodes(source, scaler, graph.add("buffersink"))
        graph.configure()
        self._graph: Graph | None = graph

    def scaled(self, frame: Frame) -> tuple[Plane, Plane, Plane]:
        """Y, U and V of `frame`, `scale` times as large; views of a new picture."""
        if self._graph is None:
            raise ValueError("this resampler is closed")
        self._graph.vpush(self._wrapped(frame))
        picture = self._graph.vpull()
        width, height = frame.width * self._scale, frame.height * self._scale
        half_height, half_width = chroma_shape(width, height)
        y, u, v = picture.planes
        half = half_width, half_height
        return plane_view(y, width, height), plane_view(u, *half), plane_view(v, *half)

    def close(self) -> None:
        """Free the graph."""
        self._graph = None

    def _wrapped(self, frame: Frame) -> av.VideoFrame:
        picture = av.VideoFrame(*self._even_wh, "yuv420p")
        for plane, pixels in zip(picture.planes, (frame.y, frame.u, frame.v), strict=True):
            fill_plane(plane, pixels)
        picture.pts = 0
        return picture
