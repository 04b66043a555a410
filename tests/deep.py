"""What the tests of depth and subsampling share: frames and small films of any layout."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from rtsr.color import BT709, Color, Range, Siting
from rtsr.frame import Frame, PixelLayout, StreamInfo
from rtsr.planes import FORMS, fill_picture

LAYOUTS = [PixelLayout(bits, across, down) for bits in (8, 10, 12) for across, down in ((1, 1), (1, 0), (0, 0))]


def noise(width: int, height: int, layout: PixelLayout, siting: Siting = Siting.LEFT, seed: int = 0) -> Frame:
    """A frame of soft noise."""
    rng = np.random.default_rng(seed)

    def plane(rows: int, columns: int) -> np.ndarray:
        unit = 1 << (layout.bits - 8)
        rough = rng.integers(40 * unit, 216 * unit, (rows + 2, columns + 2)).astype(np.uint32)
        return ((rough[:-2, :-2] + rough[1:-1, 1:-1] * 2 + rough[2:, 2:]) // 4).astype(layout.dtype)

    chroma = layout.chroma_shape(width, height)
    color = Color(BT709, BT709, BT709, Range.LIMITED, siting)
    return Frame(plane(height, width), plane(*chroma), plane(*chroma), 0, Fraction(1, 25), color, 1, layout=layout)


def info_of(frame: Frame, **more: object) -> StreamInfo:
    """What a source of such frames would say."""
    told = StreamInfo("test", frame.width, frame.height, Fraction(1, 25), Fraction(25), 5, color=frame.color)
    return replace(told, layout=frame.layout, **more)


BARS = ((180, 128, 128), (131, 44, 156), (112, 72, 58), (84, 184, 198), (65, 100, 212), (35, 212, 114), (16, 128, 128))
"""Y, Cb, Cr of 75 % white, cyan, green, magenta, red, blue and black, limited range, about BT.709."""


def film(path: Path, form: str, *, color: Color, frames: int = 3, **how: object) -> Path:
    """Vertical bars, lossless (FFV1), of the pixel format `form`; codes times 2**(bits - 8)."""
    layout = FORMS[form].layout
    width, height = 16 * len(BARS), 48
    unit = 1 << (layout.bits - 8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25, options=how.get("options") or {})
        stream.width, stream.height, stream.pix_fmt = width, height, layout.pix_fmt
        context = stream.codec_context
        context.colorspace, context.color_trc = color.matrix, color.transfer
        context.color_primaries, context.color_range = color.primaries, int(color.range)
        columns = np.repeat(np.array(BARS, np.int64) * unit, 16, axis=0)
        y = np.tile(columns[:, 0], (height, 1)).astype(layout.dtype)
        rows, _ = layout.chroma_shape(width, height)
        u, v = (np.tile(columns[:: 1 << layout.log2_across, n], (rows, 1)).astype(layout.dtype) for n in (1, 2))
        for number in range(frames):
            picture = av.VideoFrame(width, height, layout.pix_fmt)
            fill_picture(picture, (y, u, v))
            picture.pts, picture.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path
