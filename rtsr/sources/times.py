"""Presentation times put right: strictly increasing, with the fewest frames changed.

Why so, and not as FFmpeg's command line does, which drops frames or shifts what follows: a frame is never lost over a
wrong number, and one wrong number moves no other frame away from the sound.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

T = TypeVar("T")
AHEAD = 8
"""Frames that are looked at beyond a doubtful one. Why not more: they are held decoded."""
Fault = Literal["", "missing", "wrong", "jump"]


@dataclass(frozen=True, slots=True)
class Timed(Generic[T]):
    """Something, and when it is shown."""

    pts: int
    duration: int
    """0 where it is not known."""
    thing: T
    fault: Fault = ""
    """What was wrong with its own time: there was none; it was not between those around it; or from it on all times
    are far behind those before, and go on from there."""


def in_order(
    things: Iterable[tuple[int | None, int, T]], *, period: int, far: int, first: int = 0
) -> Iterator[Timed[T]]:
    """Give each thing a time after that of the one before it; times that increase already stay.

    A time that does not fit between those around it is replaced: one step after the last, or evenly between them where
    that is too far. Times that jump back for good (a spliced stream) are moved on as a whole, to go on where those
    before them ended.

    Args:
        things: time (None: missing), duration (0: not known) and the thing itself, in the order of showing.
        period: how long one is shown where nothing else is known; above 0.
        far: a step back of at least this is no mistake of some frames, but a jump.
        first: the time of the first one where the first times are missing.

    Yields:
        Every thing once; `things` is read no more than `AHEAD` + 1 further than what was given.
    """
    source = iter(things)
    held: deque[tuple[int | None, int, T]] = deque()
    last: int | None = None
    shift, step = 0, period
    while True:
        held.extend(itertools.islice(source, max(0, 2 - len(held))))
        if not held:
            return
        if not _is_plain([None if pts is None else pts + shift for pts, _, _ in held][:2], last, step):
            held.extend(itertools.islice(source, AHEAD + 1 - len(held)))
        times = [None if pts is None else pts + shift for pts, _, _ in held]
        pts, fault = _decided(times, last, step, far=far, first=first)
        own, duration, thing = held.popleft()
        if fault == "jump" and own is not None:
            shift = pts - own
        yield Timed(pts, duration, thing, fault)
        last, step = pts, duration or period


def _is_plain(times: Sequence[int | None], last: int | None, step: int) -> bool:
    """Whether the first time needs no further look: one step after the last, or the second one step after it."""
    before, after = (last, times[0]) if last is not None else (times[0], times[1] if len(times) > 1 else None)
    return before is not None and after is not None and before < after <= before + 2 * step


def _decided(times: Sequence[int | None], last: int | None, step: int, *, far: int, first: int) -> tuple[int, Fault]:
    """The time of the first of `times`, and what was wrong with its own."""
    own = times[0]
    kept = _kept(times, last)
    if kept and kept[0] == 0 and own is not None:
        return own, ""
    fault: Fault = "missing" if own is None else "wrong"
    if kept:
        at, pts = kept[0], times[kept[0]] or 0
        return (pts - at * step if last is None else last + min(step, (pts - last) // (at + 1))), fault
    if last is None:
        return first, fault
    if own is not None and last - max(pts for pts in times if pts is not None) >= far:
        return last + step, "jump"
    return last + (step if own is None else 1), fault


def _kept(times: Sequence[int | None], last: int | None) -> list[int]:
    """Which times may stay: the longest row of them that leaves a place for each one between.

    That is the longest non-decreasing subsequence of time minus place; of several, the one that begins first.
    """
    places = [(at, pts - at) for at, pts in enumerate(times) if pts is not None and (last is None or pts - at > last)]
    rows: list[list[int]] = []  # the longest that begins with each, the last one first
    for at, value in reversed(places):
        following = [row for row in rows if (times[row[0]] or 0) - row[0] >= value]
        rows.append([at, *max(reversed(following), key=len, default=[])])
    return max(reversed(rows), key=len, default=[])
