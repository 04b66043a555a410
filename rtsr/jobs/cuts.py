"""Where an encode is cut into segments: at keyframes of the input, so that each begins without decoding much."""

from collections.abc import Iterable
from fractions import Fraction

LEAST_S, MOST_S = 5, 15
"""A segment is at least this long, and at most, where keyframes are further apart. A kill loses one unfinished
segment; each begins with a keyframe and an empty rate control. Figures: docs/decisions/012-segments.md."""


def plan_edges(keyframes: Iterable[int], time_base: Fraction, first: int | None, last: int | None) -> list[int]:
    """The times at which a segment ends and the next begins.

    Args:
        keyframes: presentation times at which the input can be entered, rising, in units of `time_base`.
        time_base: seconds.
        first: nothing before this is wanted; None: everything from the beginning.
        last: nothing from this on is wanted; None: everything to the end.

    Returns:
        Rising, in units of `time_base`, between `first` and `last`; keyframes, but for gaps of more than `MOST_S`
        between two.
    """
    least, most = max(1, round(LEAST_S / time_base)), max(1, round(MOST_S / time_base))
    edges: list[int] = []
    before = first
    for key in keyframes:
        if before is None:
            before = key  # the first frame, or one soon after it
        if key <= before or (last is not None and key >= last):
            continue
        while key - before > most + least:
            before += most
            edges.append(before)
        if key - before >= least:
            before = key
            edges.append(key)
    return edges
