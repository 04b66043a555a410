"""The values that flow: one picture, and what is known of the stream it belongs to."""

from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from rtsr.color import Color
from rtsr.hdr import Hdr

Plane = NDArray[np.uint8] | NDArray[np.uint16]
"""(H, W) uint8 or, above 8 bit, uint16; rows may be further apart than W samples, as the decoder laid them out."""

SampleType = np.dtype[np.uint8] | np.dtype[np.uint16]


@dataclass(frozen=True, slots=True)
class PixelLayout:
    """Bits of a sample and how chroma is subsampled: what FFmpeg calls a pixel format, without the range."""

    bits: int = 8
    """8 to 16; code values are 0 to 2**bits - 1, in the low bits of the sample."""
    log2_across: int = 1
    """A chroma sample is 2**log2_across luma samples wide."""
    log2_down: int = 1
    """And 2**log2_down high: 1, 1 is 4:2:0; 1, 0 is 4:2:2; 0, 0 is 4:4:4."""

    @property
    def pix_fmt(self) -> str:
        """By FFmpeg's name, little endian above 8 bit."""
        sampling = _SAMPLINGS[self.log2_across, self.log2_down].replace(":", "")
        return f"yuv{sampling}p" if self.bits == 8 else f"yuv{sampling}p{self.bits}le"

    @property
    def block_wh(self) -> tuple[int, int]:
        """Luma samples that a chroma sample stands for, across and down."""
        return 1 << self.log2_across, 1 << self.log2_down

    @property
    def dtype(self) -> SampleType:
        """Of the planes."""
        return np.dtype(np.uint8) if self.bits == 8 else np.dtype(np.uint16)

    @property
    def peak(self) -> int:
        """The largest code value."""
        return (1 << self.bits) - 1

    def chroma_shape(self, width: int, height: int) -> tuple[int, int]:
        """(rows, columns) of a chroma plane of a picture of `width` x `height`."""
        return -(-height >> self.log2_down), -(-width >> self.log2_across)

    def __str__(self) -> str:
        return f"{self.bits}-bit {_SAMPLINGS[self.log2_across, self.log2_down]}"


_SAMPLINGS = {(0, 0): "4:4:4", (1, 0): "4:2:2", (1, 1): "4:2:0", (0, 1): "4:4:0", (2, 0): "4:1:1", (2, 2): "4:1:0"}
YUV420P = PixelLayout()


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture and the moment it belongs to. Nobody writes to its planes."""

    y: Plane
    """(H, W), luma, as `color` and `layout` say."""
    u: Plane
    """`layout.chroma_shape(W, H)`, as y, blue difference; sides round up."""
    v: Plane
    """As u, red difference."""
    pts: int
    """Presentation time in units of `time_base`."""
    time_base: Fraction
    """Seconds."""
    color: Color = field(default_factory=Color)
    duration: int = 0
    """In units of `time_base`; 0 where it is not known."""
    captured_s: float = 0.0
    """`time.monotonic()` at which the picture left the camera or the decoder."""
    epoch: int = 0
    """How many seeks its source had done: a frame of an older epoch is stale."""
    origin: "Frame | None" = None
    """The decoded frame that this one was upscaled from."""
    layout: PixelLayout = YUV420P

    def __post_init__(self) -> None:
        if self.y.ndim != 2:
            raise ValueError(f"y must be (H, W), got {self.y.shape}")
        chroma = self.layout.chroma_shape(self.width, self.height)
        if self.u.shape != chroma or self.v.shape != chroma:
            raise ValueError(f"u and v must be {chroma} for y {self.y.shape}, got {self.u.shape} and {self.v.shape}")
        if not self.y.dtype == self.u.dtype == self.v.dtype == self.layout.dtype:
            raise ValueError(f"{self.layout} asks for {self.layout.dtype}, got {self.y.dtype} luma")

    @property
    def width(self) -> int:
        """Luma samples in a row."""
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        """Luma rows."""
        return int(self.y.shape[0])

    @property
    def time_s(self) -> Fraction:
        """Presentation time in seconds, exact."""
        return self.pts * self.time_base


@dataclass(frozen=True, slots=True)
class Moment:
    """When a frame is shown, without its pictures: what is left of it where another process has them."""

    pts: int
    """Presentation time in units of `time_base`."""
    time_base: Fraction
    """Seconds."""
    duration: int = 0
    """In units of `time_base`; 0 where it is not known."""

    @property
    def time_s(self) -> Fraction:
        """Presentation time in seconds, exact."""
        return self.pts * self.time_base


Timed = Frame | Moment


def chroma_shape(width: int, height: int) -> tuple[int, int]:
    """(rows, columns) of a 4:2:0 chroma plane of a picture of `width` x `height`."""
    return YUV420P.chroma_shape(width, height)


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What a source knows of its video before the first frame."""

    label: str
    """What the user calls it: a path, a device, a pattern."""
    width: int
    height: int
    time_base: Fraction
    rate_fps: Fraction | None = None
    """Average frames per second; None where it is not known."""
    frame_count: int | None = None
    """Frames that will come; an estimate where the container does not say."""
    duration_s: Fraction | None = None
    start_s: Fraction = Fraction(0)
    """Presentation time at which the stream begins."""
    color: Color = field(default_factory=Color)
    layout: PixelLayout = YUV420P
    hdr: Hdr = field(default_factory=Hdr)
    sar: Fraction | None = None
    """Sample aspect ratio, width over height of one sample; None where the stream does not say."""
    display_matrix: tuple[int, ...] | None = None
    """9 integers, ISO 14496-12 tkhd matrix: how to rotate or flip for showing; None = as stored."""
    live: bool = False
    """Frames come by themselves and cannot wait: the newest wins."""
    piped: bool = False
    """They come once, through a pipe: no seek, no second look, and the next may be waited for without an end."""
    lossy: bool = False
    """A codec that leaves detail out, or a camera's own processing, has been over the pictures."""
    notes: tuple[str, ...] = ()
    """What its source does to the pictures or their times, or found in them, in words, for the plan."""
    lossy_steps: tuple[str, ...] = ()
    """Of that, what leaves something of the input out, in fewer words."""

    def resized(self, width: int, height: int) -> "StreamInfo":
        """The same stream at another size, in luma samples: shown in the same shape, turned the same way.

        A sample aspect that is within rounding to whole samples of the old one, or of square, is that.
        """
        across, down = Fraction(width, self.width), Fraction(height, self.height)
        sar = (self.sar or 1) * down / across
        for usual in (self.sar or Fraction(1), Fraction(1)):
            if abs(sar / usual - 1) * width < 2 or abs(usual / sar - 1) * height < 2:
                sar = usual
                break
        matrix = self.display_matrix
        if matrix is not None:  # the translation is in pixels (16.16), the rest is not
            matrix = (*matrix[:6], round(matrix[6] * across), round(matrix[7] * down), matrix[8])
        kept = self.sar if sar == (self.sar or 1) else sar
        return replace(self, width=width, height=height, sar=kept, display_matrix=matrix)

    @property
    def rotation_deg(self) -> int:
        """Clockwise turn in degrees (0, 90, 180, 270) that shows the picture upright."""
        if self.display_matrix is None:
            return 0
        a, b = self.display_matrix[0], self.display_matrix[1]
        if abs(a) >= abs(b):
            return 0 if a >= 0 else 180
        return 90 if b > 0 else 270
