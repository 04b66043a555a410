"""The values that flow: one picture, and what is known of the stream it belongs to."""

from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from rtsr.color import Color

Plane = NDArray[np.uint8]
"""(H, W) uint8; rows may be further apart than W bytes, as the decoder laid them out."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture and the moment it belongs to. Nobody writes to its planes."""

    y: Plane
    """(H, W) uint8, luma, as `color` says."""
    u: Plane
    """(ceil(H/2), ceil(W/2)) uint8, blue difference, 4:2:0."""
    v: Plane
    """(ceil(H/2), ceil(W/2)) uint8, red difference, 4:2:0."""
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

    def __post_init__(self) -> None:
        if self.y.ndim != 2:
            raise ValueError(f"y must be (H, W), got {self.y.shape}")
        half = chroma_shape(self.width, self.height)
        if self.u.shape != half or self.v.shape != half:
            raise ValueError(f"u and v must be {half} for y {self.y.shape}, got {self.u.shape} and {self.v.shape}")

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


def chroma_shape(width: int, height: int) -> tuple[int, int]:
    """(rows, columns) of a 4:2:0 chroma plane of a picture of `width` x `height`."""
    return -(-height // 2), -(-width // 2)


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
    sar: Fraction | None = None
    """Sample aspect ratio, width over height of one sample; None where the stream does not say."""
    display_matrix: tuple[int, ...] | None = None
    """9 integers, ISO 14496-12 tkhd matrix: how to rotate or flip for showing; None = as stored."""
    live: bool = False
    """Frames come by themselves and cannot wait: the newest wins."""
    lossy: bool = False
    """A codec that leaves detail out, or a camera's own processing, has been over the pictures."""

    @property
    def rotation_deg(self) -> int:
        """Clockwise turn in degrees (0, 90, 180, 270) that shows the picture upright."""
        if self.display_matrix is None:
            return 0
        a, b = self.display_matrix[0], self.display_matrix[1]
        if abs(a) >= abs(b):
            return 0 if a >= 0 else 180
        return 90 if b > 0 else 270
