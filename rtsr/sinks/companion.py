"""What is muxed beside the upscaled video: the copied streams of a file, or a pattern's tone."""

from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream


class Companion(Protocol):
    """Adds streams to an output and fills them as the video goes on. Used from one thread."""

    @property
    def shift_s(self) -> Fraction:
        """What is taken from every time, in the video too."""

    def add_to(self, output: "OutputContainer", video: "VideoStream") -> None:
        """Before the header is written: add the streams that go beside `video`, and what describes it and the file."""

    def mux_until(self, output: "OutputContainer", time_s: Fraction | None) -> None:
        """Mux everything that is shown or heard before `time_s`; all of it where `time_s` is None."""

    @property
    def packets(self) -> tuple[int, ...]:
        """How many were muxed, for each added stream."""

    def close(self) -> None:
        """Let go of the input."""
