"""The three stages of the one pipeline, and what each promises.

Implement them by shape. `open_*` functions work, constructors store, `close` closes: twice, from any state, after
any error, without raising.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeVar

from rtsr.frame import Frame, Plane, StreamInfo

T = TypeVar("T")


def at_once(made: T) -> Callable[[], T]:
    """What `begin` returns where the work is done already."""
    return lambda: made


class Source(Protocol):
    """Gives frames in presentation order, to one thread."""

    @property
    def info(self) -> StreamInfo:
        """What is known of the stream."""

    @property
    def losses(self) -> tuple[str, ...]:
        """What the input promised and could not give, in words; complete when `frames` has ended."""

    def frames(self) -> Iterator[Frame]:
        """Every frame once. May be called once."""

    def seek(self, time_s: Fraction) -> None:
        """From any thread: go on within a frame of `time_s`, with the next `epoch`. Live sources ignore it."""

    def close(self) -> None:
        """Let go of device and decoder. Live and piped sources may be closed while another thread reads: that ends."""


@dataclass(frozen=True, slots=True)
class Badge:
    """The truth about what makes the picture, as the viewer and the logs show it."""

    model: str
    scale: int
    backend: str
    device: str
    precision: str = ""
    resized: str = ""
    """What follows the network, where that does not enlarge to the asked size; empty otherwise."""
    tiles: str = ""
    """In how many parts the picture is made, where it does not fit into a GPU's memory at once; empty otherwise."""
    reason: str = ""
    """Why it is not super-resolution, or not what was asked, or why this model where it was chosen; empty otherwise."""
    gpu: int | None = None
    """CUDA's number of the NVIDIA GPU that makes the picture; None: something else does."""
    stays: bool = False
    """Whether pictures are decoded and encoded there, too, and stay in its memory all the way."""

    @property
    def is_sr(self) -> bool:
        """Whether a trained network makes the picture."""
        return self.model != "bicubic"

    def __str__(self) -> str:
        made = f"SR {self.model}" if self.is_sr else "not SR: bicubic"
        parts = [
            f"{made} x{self.scale}",
            self.resized,
            self.tiles,
            f"{self.backend} {self.precision}".strip(),
            f"{self.device}, decoder to encoder" if self.stays else self.device,
            self.reason,
        ]
        return " · ".join(part for part in parts if part)


class LumaEngine(Protocol):
    """One network at one input size on one backend. Used by one thread at a time."""

    @property
    def slots(self) -> int:
        """Pictures that may be under way at once, 1 or more: a GPU copies one while it works on another."""

    def begin(self, y: Plane) -> Callable[[], Plane]:
        """Take (H, W) luma; what is returned waits for the (S*H, S*W) luma, which is the caller's, to keep.

        Results are asked for in the order of their beginnings, each once; with `slots` of them not yet asked for,
        another beginning raises ValueError. On a CPU the work is done here.
        """

    def run(self, y: Plane) -> Plane:
        """Begin, and wait for the result."""

    def close(self) -> None:
        """Free the device."""


class Upscaler(Protocol):
    """Makes the frames of one stream larger, from one thread."""

    @property
    def scale(self) -> int:
        """Output side over input side of the network, or of what stands for it."""

    @property
    def size_wh(self) -> tuple[int, int]:
        """Luma samples of what comes out, across and down."""

    @property
    def badge(self) -> Badge:
        """What runs."""

    @property
    def slots(self) -> int:
        """Frames that may be under way at once; see `LumaEngine`."""

    def begin(self, frame: Frame) -> Callable[[], Frame]:
        """Take a frame; what is returned waits for what `upscale` gives of it. Order and slots as of `LumaEngine`."""

    def upscale(self, frame: Frame) -> Frame:
        """The larger frame, with the pts, time base, colour and duration of `frame`, and `frame` as its origin."""

    def close(self) -> None:
        """Free engine and memory."""


class Sink(Protocol):
    """Takes frames in presentation order, from one thread."""

    def write(self, frame: Frame) -> None:
        """Take the frame over; return once the next may come."""

    def finish(self) -> None:
        """No frame will follow: flush what is held back. Called once, and not after an error."""

    def close(self) -> None:
        """Let go of everything, even after an error."""


class SideSink(Protocol):
    """Takes upscaled frames beside the main sink, from a thread of its own; it misses frames while it is busy."""

    @property
    def repeat_s(self) -> float:
        """Seconds without a new frame after which it is given the last one again."""

    @property
    def missed(self) -> int:
        """Frames that it was given and could not pass on. From any thread."""

    @property
    def status(self) -> str:
        """What it does now, for the screen; no passwords. From any thread."""

    def write(self, frame: Frame) -> None:
        """Pass it on, or count it as missed; return once the next may come."""

    def close(self) -> None:
        """Let go of everything, even after an error. Safe to call twice."""
