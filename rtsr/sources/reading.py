"""How a source is to be read, beside which part of it."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol, runtime_checkable

from rtsr.config import Encoding, HwDec
from rtsr.errors import UsageError
from rtsr.sources.live import AS_IT_COMES, Live

Deinterlace = Literal["auto", "yes", "no"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What the user may want otherwise than the file says. It changes no part's `begin_pts`, but for `fps`."""

    stream: int | None = None
    """Number of the stream in the file; None is the first video that is no cover."""
    deinterlace: Deinterlace = "auto"
    """Whether fields of different moments become frames of one: `auto` looks, `no` gives them as they are."""
    fps: Fraction | None = None
    """Frames per second, constant: whatever is nearest in time, dropped or doubled; pts and time base are then of that
    rate. None: every frame, at its own time."""
    live: Live = AS_IT_COMES
    """Of cameras, screens and streams."""
    hwdec: HwDec = "no"
    """Whether a GPU decodes: see `rtsr.sources.hwdec.accelerate`. The pictures are the same."""


@runtime_checkable
class Accelerable(Protocol):
    """A source whose decoder can be a GPU's."""

    def accelerate(self, ordinal: int) -> str | None:
        """Before the first frame: let the GPU of CUDA's number `ordinal` decode. Says why not; None where it does."""

    def stay(self, ordinal: int) -> str | None:
        """After that: leave the pictures in its memory, as `DevicePlane`s. Says why not; None where it does.

        Where the GPU gives up on the way, the frames that follow are those of the CPU again.
        """


AS_IT_IS = Reading()
_MOST_FPS = 1000


def reading_of(options: Encoding, stream: int | None = None) -> Reading:
    """What `options` ask for, of stream number `stream`.

    Raises:
        UsageError: `--fps` is no rate.
    """
    if options.fps is None:
        return Reading(stream=stream, deinterlace=options.deinterlace, hwdec=options.hwdec)
    try:
        fps = Fraction(options.fps) if len(options.fps) <= 16 else Fraction(0)
    except (ValueError, ZeroDivisionError):
        fps = Fraction(0)
    if not 0 < fps <= _MOST_FPS:
        raise UsageError(
            f"--fps {options.fps} is no rate up to {_MOST_FPS}", mend="write --fps 25, 23.976 or 30000/1001"
        )
    fps = _BROADCAST.get(fps, fps)
    return Reading(stream=stream, deinterlace=options.deinterlace, fps=fps, hwdec=options.hwdec)


_BROADCAST = {Fraction(f"{near:.{digits}f}"): Fraction(rate * 1000, 1001)
              for rate in (24, 30, 48, 60, 120) for digits in (2, 3) for near in (rate * 1000 / 1001,)}  # fmt: skip
"""What people write for rates that are no decimal fraction: 29.97, 23.976."""
