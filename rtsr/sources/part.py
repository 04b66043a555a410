"""Which part of a source is asked for."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A frame belongs to it when all four agree; None asks for nothing."""

    start_s: Fraction | None = None
    """After the beginning of the source, in seconds: skip frames before this."""
    length_s: Fraction | None = None
    """From `start_s` on, in seconds: frames of this much time."""
    begin_pts: int | None = None
    """Frames whose pts is this or later; the same frames, bit for bit, as a run from the beginning gives."""
    end_pts: int | None = None
    """Frames whose pts is before this."""


ALL = Part()
