"""What a picture that runs unattended tells of itself: made by the window, read by whoever watches over it."""

from dataclasses import dataclass
from typing import Literal, Protocol

State = Literal["starting", "playing", "waiting", "dark"]
"""Waiting: the source is away. Dark: the screen is off by its schedule, and nothing is read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Vitals:
    """One look. Counts are of this process, and only rise; None is not known."""

    state: State
    trouble: str = ""
    """What is wrong with the picture, in words; empty while nothing is."""
    progress: tuple[tuple[int, int], ...] = ()
    """Of each source: frames that the window has painted, and openings that failed."""
    dropped: int = 0
    """Frames that were decoded and never seen."""
    outages: int = 0
    """How often the source was away."""
    age_s: float = 0.0
    """Of the picture on the screen."""
    source_fps: float | None = None
    """Rates: of several sources the lowest."""
    model_fps: float | None = None
    display_fps: float | None = None
    latency_ms: float | None = None
    """Capture to present, the median."""
    badge: str = ""
    """What makes the picture."""

    @property
    def presented(self) -> int:
        """Frames painted, of all sources."""
        return sum(frames for frames, _ in self.progress)

    @property
    def tries(self) -> int:
        """Openings that failed, of all sources."""
        return sum(tries for _, tries in self.progress)


class Keeper(Protocol):
    """Watches over a picture. Called from the window's thread alone, and must not take long."""

    def lit(self) -> bool:
        """Whether the screen is to show anything now."""

    def words(self) -> tuple[str, tuple[str, ...]]:
        """The clock as it is shown, and lines for the screen; both may be empty."""

    def look(self, vitals: Vitals) -> bool:
        """Take one look, about once a second; False: end, and be started anew."""

    def left(self) -> None:
        """Somebody pressed the keys that leave."""
