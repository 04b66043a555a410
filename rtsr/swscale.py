"""The one door to swscale: bicubic scaling of pictures of any layout, their way to RGB, and from one layout to another.

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
from rtsr.frame import YUV420P, Frame, PixelLayout, Plane
from rtsr.planes import fill_plane, plane_view

_Filter = tuple[str, dict[str, str]]
"""Name and options."""
_FLAGS = {"flags": "bicubic+accurate_rnd+full_chroma_int"}
_MATRIX_NAMES = {1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc", 10: "bt2020nc"}


class _Chain:
    """Frames of one size and layout through filters, one after the other."""

    def __init__(
        self,
        whole_wh: tuple[int, int],
        layout: PixelLayout,
        filters: Sequence[tuple[str, dict[str, str]]],
        threads: int,
    ) -> None:
        self._form = *whole_wh, layout.pix_fmt
        graph = Graph()
        graph.threads = threads
        node = graph.add_buffer(
            width=whole_wh[0],
            height=whole_wh[1],
            format=av.VideoFormat(layout.pix_fmt),
            time_base=Fraction(1, 1000),
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
        picture = av.VideoFrame(*self._form)
        for plane, pixels in zip(picture.planes, (frame.y, frame.u, frame.v), strict=True):
            fill_plane(plane, pixels)
        picture.pts = 0
        self._graph.vpush(picture)
        return self._graph.vpull()

    def close(self) -> None:
        self._graph = None


def _whole(size_wh: tuple[int, int], layout: PixelLayout) -> tuple[int, int]:
    """The size whose chroma planes are just as large: swscale would stretch chroma by what lies beyond a side."""
    rows, columns = layout.chroma_shape(*size_wh)
    return columns << layout.log2_across, rows << layout.log2_down


def _place(siting: Siting) -> str:
    return "left" if siting is Siting.UNSPECIFIED else siting.value


def _views(picture: av.VideoFrame, size_wh: tuple[int, int], layout: PixelLayout) -> tuple[Plane, Plane, Plane]:
    """What counts of a picture that may be larger."""
    y, u, v = picture.planes
    rows, columns = layout.chroma_shape(*size_wh)
    dtype = layout.dtype
    return (
        plane_view(y, *size_wh, dtype),
        plane_view(u, columns, rows, dtype),
        plane_view(v, columns, rows, dtype),
    )


class Resampler:
    """Scales frames of one size by a whole number; bicubic with swscale's default kernel (B = 0, C = 0.6).

    Args:
        size_wh: of the frames that will come, in luma samples.
        scale: output side over input side.
        siting: where chroma lies, in the input and in the output; where it is not subsampled, that does not matter.
        threads: of swscale; 0 = all cores.
        layout: of the frames, before and after.
    """

    def __init__(
        self, size_wh: tuple[int, int], scale: int, siting: Siting, threads: int, layout: PixelLayout = YUV420P
    ) -> None:
        self._layout = layout
        self.size_wh = size_wh[0] * scale, size_wh[1] * scale
        """Luma samples of the result."""
        width, height = _whole(size_wh, layout)
        place = _place(siting)
        size = {"w": str(width * scale), "h": str(height * scale)}
        filters = [("scale", size | _FLAGS | {"in_chroma_loc": place, "out_chroma_loc": place})]
        self._chain = _Chain((width, height), layout, filters, threads)

    def scaled(self, frame: Frame) -> tuple[Plane, Plane, Plane]:
        """Y, U and V of `frame`, `scale` times as large; views of a new picture."""
        return _views(self._chain.run(frame), self.size_wh, self._layout)

    def close(self) -> None:
        """Free the graph."""
        self._chain.close()


class Resizer:
    """Brings frames of one size to any other; Lanczos with 3 lobes, as wide as the shrinking asks for.

    Chroma goes where the siting says; where it is subsampled and the frames have odd sides, it is stretched by half of
    one of its samples over the whole picture.

    Args:
        size_wh: of the frames that will come, in luma samples.
        target_wh: of the result; a multiple of `layout.block_wh`.
        siting: where chroma lies, in the input and in the output.
        threads: of swscale; 0 = all cores.
        layout: of the frames, before and after.
    """

    def __init__(
        self,
        size_wh: tuple[int, int],
        target_wh: tuple[int, int],
        siting: Siting,
        threads: int,
        layout: PixelLayout = YUV420P,
    ) -> None:
        self._layout, self.size_wh = layout, target_wh
        place = _place(siting)
        size = {"w": str(target_wh[0]), "h": str(target_wh[1])}
        flags = {"flags": "lanczos+accurate_rnd+full_chroma_int"}
        filters = [("scale", size | flags | {"in_chroma_loc": place, "out_chroma_loc": place})]
        self._chain = _Chain(size_wh, layout, filters, threads)

    def resized(self, frame: Frame) -> tuple[Plane, Plane, Plane]:
        """Y, U and V of `frame` at the other size; views of a new picture."""
        return _views(self._chain.run(frame), self.size_wh, self._layout)

    def close(self) -> None:
        """Free the graph."""
        self._chain.close()


class LayoutConverter:
    """Frames of one size from one layout to another; siting stays, matrix and range unless others are named.

    Fewer bits are reached by ordered dither, other chroma by bicubic.

    Args:
        size_wh: of the frames, in luma samples.
        source: their layout.
        target: the layout of the result.
        color: of the frames: siting and range count.
        into: of the result; it and `color` with nothing unknown (`Color.for_display`). None: as `color`.
    """

    def __init__(
        self,
        size_wh: tuple[int, int],
        source: PixelLayout,
        target: PixelLayout,
        color: Color,
        into: Color | None = None,
    ) -> None:
        self._size_wh, self._target = size_wh, target
        whole_wh = _whole(size_wh, PixelLayout(8, *map(max, _steps(source), _steps(target))))
        place = _place(color.siting)
        ranges = ["full" if one.range is Range.FULL else "limited" for one in (color, into or color)]
        same = {"in_chroma_loc": place, "out_chroma_loc": place, "in_range": ranges[0], "out_range": ranges[1]}
        names = ["bt709"] * 2 if into is None else [_MATRIX_NAMES[one.matrix] for one in (color, into)]
        matrix = {"in_color_matrix": names[0], "out_color_matrix": names[1]}  # one and the same: no colour changes
        filters = [("scale", _FLAGS | same | matrix), ("format", {"pix_fmts": target.pix_fmt})]
        self._chain = _Chain(whole_wh, source, filters, threads=1)

    def converted(self, frame: Frame) -> tuple[Plane, Plane, Plane]:
        """Y, U and V of `frame` in the other layout; views of a new picture."""
        return _views(self._chain.run(frame), self._size_wh, self._target)


def _steps(layout: PixelLayout) -> tuple[int, int]:
    return layout.log2_across, layout.log2_down


class RgbScaler:
    """Frames of one size, colour and layout to packed RGB pictures of another size; bicubic with the same kernel.

    Why by way of planar RGB: swscale writes packed RGB with full chroma by a slow scalar path (22 ms of CPU for two
    halves of a 1920x1080 window), planar RGB by a vector one, and planar to packed is cheap (8 ms together). The result
    is the same to the last bit.

    Args:
        source_wh: samples of the frames that will come.
        target_wh: pixels of the pictures.
        color: of the frames, with nothing unknown (`Color.for_display`).
        layout: of the frames.
    """

    def __init__(
        self, source_wh: tuple[int, int], target_wh: tuple[int, int], color: Color, layout: PixelLayout = YUV420P
    ) -> None:
        tags = {
            "in_color_matrix": _MATRIX_NAMES[color.matrix],
            "in_range": "full" if color.range is Range.FULL else "limited",
        }
        place = {"in_chroma_loc": color.siting.value}
        filters: list[_Filter] = []
        whole_wh = _whole(source_wh, layout)
        if whole_wh != source_wh:
            same = {"out_color_matrix": tags["in_color_matrix"], "out_range": tags["in_range"]}
            flat = PixelLayout(layout.bits, 0, 0).pix_fmt
            filters += [("scale", _FLAGS | place | tags | same), ("format", {"pix_fmts": flat})]
            filters += [("crop", {"w": str(source_wh[0]), "h": str(source_wh[1]), "x": "0", "y": "0", "exact": "1"})]
            place = {}
        size = {"w": str(target_wh[0]), "h": str(target_wh[1])}
        filters += [("scale", size | _FLAGS | place | tags | {"out_range": "full"}), ("format", {"pix_fmts": "gbrp"})]
        filters += [("scale", {}), ("format", {"pix_fmts": "bgra"})]
        self._chain = _Chain(whole_wh, layout, filters, threads=1)

    def bgra(self, frame: Frame) -> Plane:
        """(H, 4 W) uint8, B G R A, full range, rows perhaps further apart; a new picture each time."""
        picture = self._chain.run(frame)
        return plane_view(picture.planes[0], 4 * picture.width, picture.height)
