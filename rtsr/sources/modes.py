"""What a camera can give, and which of it is taken: a value and a choice, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from rtsr.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rtsr.sources.live import Live

FORMATS = {
    "NV12": "nv12", "YU12": "yuv420p", "YUYV": "yuyv422", "UYVY": "uyvy422", "YVYU": "yvyu422", "422P": "yuv422p",
    "MJPG": "mjpeg", "JPEG": "mjpeg", "H264": "h264", "HEVC": "hevc",
    "RGB3": "rgb24", "BGR3": "bgr24", "BGR4": "bgr0", "XR24": "bgr0", "GREY": "gray",
}  # fmt: skip
"""FFmpeg's names of what V4L2 calls by four letters; what is not here cannot be read."""
_LIKED = ("nv12", "yuv420p", "yuyv422", "uyvy422", "yvyu422", "yuv422p", "bgr0", "bgr24", "rgb24", "mjpeg", "hevc",
          "h264", "gray")  # fmt: skip
"""The best first, where several reach the same size and rate. 4:2:0 is what networks and encoders take, and the least
to move; 4:2:2 must be made smaller; MJPEG must be decoded and has lost detail; H.264 comes later as well."""


@dataclass(frozen=True, slots=True)
class Mode:
    """One way in which a camera can be set."""

    format: str
    """By FFmpeg's name."""
    width: int
    height: int
    rates_fps: tuple[Fraction, ...]
    """Frames per second that it offers, the fastest first. Empty where it does not tell."""
    between: Literal["nothing", "anything"] = "nothing"
    """What it offers beside them, between the slowest and the fastest."""

    def rate_for(self, asked: Fraction | None) -> Fraction | None:
        """The slowest rate that reaches `asked`, else the fastest; the fastest where nothing is asked."""
        if asked is None or not self.rates_fps:
            return max(self.rates_fps, default=None)
        if self.between == "anything" and min(self.rates_fps) <= asked <= max(self.rates_fps):
            return asked
        return min((rate for rate in self.rates_fps if rate >= asked), default=max(self.rates_fps))

    def __str__(self) -> str:
        return f"{self.width}x{self.height} {self.format}"


@dataclass(frozen=True, slots=True)
class Choice:
    """A mode, one of its rates, and why."""

    mode: Mode
    rate_fps: Fraction | None
    why: str

    def __str__(self) -> str:
        rate = f" at {_told(self.rate_fps)} fps" if self.rate_fps is not None else ""
        return f"{self.mode}{rate}{self.why}"


def choose_mode(modes: Sequence[Mode], live: Live) -> Choice | None:
    """The mode that reaches the asked size, then the asked rate, then is the best of the formats that do.

    A size that is not offered gets the smallest that holds it, else the largest. Without a size, a rate decides it: the
    largest size that reaches the rate. None: nothing is asked, or nothing told: the camera stays as it is.

    Raises:
        UsageError: it does not offer the asked format.
    """
    if not modes or (live.size_wh, live.rate_fps, live.format) == (None, None, None):
        return None
    if live.format is not None:
        offered = {mode.format for mode in modes}
        if live.format not in offered:
            raise UsageError(f"the camera does not give {live.format}", mend=nearest(live.format, offered))
        modes = [mode for mode in modes if mode.format == live.format]
    sizes = sorted({(mode.width, mode.height) for mode in modes}, key=lambda size: (size[0] * size[1], size))
    reaching = [mode for mode in modes if _reaches(mode, live.rate_fps)]
    if live.size_wh is None:
        size = max(((mode.width, mode.height) for mode in reaching), key=lambda wh: wh[0] * wh[1], default=sizes[-1])
    else:
        width, height = live.size_wh
        size = next((wh for wh in sizes if wh[0] >= width and wh[1] >= height), sizes[-1])
    there = [mode for mode in modes if (mode.width, mode.height) == size]
    best = min(there, key=lambda mode: (-_reached(mode, live.rate_fps), _LIKED.index(mode.format)))
    return Choice(best, best.rate_for(live.rate_fps), _why(best, there, live))


def _reaches(mode: Mode, asked: Fraction | None) -> bool:
    return asked is None or not mode.rates_fps or max(mode.rates_fps) >= asked


def _reached(mode: Mode, asked: Fraction | None) -> Fraction:
    """How much of the asked rate it gives; of none asked, a rate that looks like motion, 24."""
    goal = asked or Fraction(24)
    return min(max(mode.rates_fps, default=goal), goal)


def _why(best: Mode, there: Sequence[Mode], live: Live) -> str:
    words = []
    if live.size_wh is not None and (best.width, best.height) != live.size_wh:
        words.append(f"{live.size_wh[0]}x{live.size_wh[1]} is not offered")
    fastest = max(best.rates_fps, default=None)
    if live.rate_fps is not None and fastest is not None and fastest < live.rate_fps:
        words.append(f"it gives no more than {_told(fastest)} fps there")
    liked = min(there, key=lambda mode: _LIKED.index(mode.format))
    slower = max(liked.rates_fps, default=None)
    if liked.format != best.format and slower is not None:
        words.append(f"{liked.format} reaches {_told(slower)} fps there")
    return f" ({'; '.join(words)})" if words else ""


def _told(rate: Fraction) -> str:
    return f"{float(rate):.4g}"
