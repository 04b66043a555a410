"""The three stages of the one pipeline, and what each promises.

Implement them by shape. `open_*` functions work, constructors store, `close` closes: twice, from any state, after
any error, without raising.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from rtsr.frame import Frame, Plane, StreamInfo


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
    reason: str = ""
    """Why it is not super-resolution, or not what was asked, or why this model where it was chosen; empty otherwise."""

    @property
    def is_sr(self) -> bool:
        """Whether a trained network makes the picture."""
        return self.model != "bicubic"

    def __str__(self) -> str:
        made = f"SR {self.model}" if self.is_sr else "not SR: bicubic"
        parts = [
            f"{made} x{self.scale}",
            self.resized,
            f"{self.backend} {self.precision}".strip(),
            self.device,
            self.reason,
        ]
        return " · ".join(part for part in parts if part)


class LumaEngine(Protocol):
    """One network at one input size on one backend."""

    def run(self, y: Plane) -> Plane:
        """(H, W) luma to (S*H, S*W) luma; the result is the caller's, to keep."""

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
