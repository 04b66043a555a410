"""What the user may want of a live source, beside what it gives by itself."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Live:
    """Wishes of one live source; one that cannot be met is told, with what comes instead."""

    size_wh: tuple[int, int] | None = None
    """Samples of the pictures, across and down; None: the source's own, or its largest that holds the rate."""
    rate_fps: Fraction | None = None
    """Frames per second; None: as the source is set."""
    format: str | None = None
    """Pixel format or codec, by FFmpeg's name: mjpeg, yuyv422, nv12, ...; None: whatever serves size and rate best."""
    controls: tuple[tuple[str, str], ...] = ()
    """Names and values of a camera's controls: exposure, focus, white balance."""
    returns: Literal["yes", "no"] = "no"
    """Whether a source that is lost is opened again."""
    silent_s: float = 5.0
    """How long a source may give nothing before it counts as lost, in seconds."""


AS_IT_COMES = Live()
