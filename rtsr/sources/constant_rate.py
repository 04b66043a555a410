"""A source at a constant rate, as `--fps` asks: each frame at the nearest tick, shown until the next one's.

Why not the frame nearest to each tick: after a long still it would come half of that too early.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from rtsr.frame import Frame, StreamInfo
from rtsr.sources.keyframes import PacketTimes
from rtsr.sources.part import Part
from rtsr.sources.reading import Accelerable
from rtsr.stages import Source

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticks:
    """Of a source at a constant rate: ticks from `begin` on and before `end`; None asks for nothing."""

    begin: int | None = None
    end: int | None = None
    goes_on: bool = False
    """Whether the source would have frames after those that it gives, so that its last one lasts until `end`."""


def part_for(part: Part, fps: Fraction, times: PacketTimes | None) -> tuple[Part, Ticks]:
    """What is to be asked of a source so that `part`, whose pts are ticks of 1 / fps seconds, can be made of it.

    Args:
        part: what is wanted.
        fps: of the result.
        times: of the source; None or irregular ones mean that it is read from its beginning.
    """
    if times is None or not times.regular:
        return replace(part, begin_pts=None, end_pts=None), Ticks(begin=part.begin_pts, end=part.end_pts)

    def first_at(tick: int) -> int:
        """The least pts of a frame of that tick."""
        return math.ceil((tick - Fraction(1, 2)) / fps / times.time_base)

    begin = None
    if part.begin_pts is not None and (shown := times.last_before(first_at(part.begin_pts + 1))) is not None:
        begin = first_at(tick_of(shown * times.time_base, fps))  # and all that share its tick
    end = None if part.end_pts is None else first_at(part.end_pts)
    goes_on = end is not None and times.before(end) is not None
    return replace(part, begin_pts=begin, end_pts=end), Ticks(begin=part.begin_pts, end=part.end_pts, goes_on=goes_on)


def tick_of(time_s: Fraction, fps: Fraction) -> int:
    """The nearest tick; of two, the later one."""
    return math.floor(time_s * fps + Fraction(1, 2))


class ConstantRate:
    """`inner` at `fps`; pts are ticks of 1 / fps seconds. See `Source`."""

    def __init__(self, inner: Source, fps: Fraction, ticks: Ticks) -> None:
        self._inner, self._fps, self._ticks = inner, fps, ticks
        old = inner.info
        count = None if old.duration_s is None else max(1, round(old.duration_s * fps))
        note = f"{fps} frames per second, constant, as asked for: each frame at the nearest tick, dropped or doubled"
        self._info = replace(
            old, time_base=1 / fps, rate_fps=fps, frame_count=count, start_s=tick_of(old.start_s, fps) / fps,
            notes=(*old.notes, note),
            lossy_steps=(*old.lossy_steps, f"frames are dropped or doubled to {fps} per second"),
        )  # fmt: skip
        self.dropped = self.doubled = 0

    @property
    def info(self) -> StreamInfo:
        """See `Source`."""
        return self._info

    @property
    def losses(self) -> tuple[str, ...]:
        """See `Source`: frames that were dropped were asked to be."""
        return self._inner.losses

    def seek(self, time_s: Fraction) -> None:
        """See `Source`."""
        self._inner.seek(time_s)

    def accelerate(self, ordinal: int) -> str | None:
        """See `rtsr.sources.reading.Accelerable`."""
        return self._inner.accelerate(ordinal) if isinstance(self._inner, Accelerable) else "only files are"

    def stay(self, _ordinal: int) -> str | None:
        """See `rtsr.sources.reading.Accelerable`: whether a picture is the one before is known by its memory."""
        return "frames are dropped or doubled"

    def close(self) -> None:
        """See `Source`."""
        self._inner.close()

    def frames(self) -> Iterator[Frame]:
        """See `Source`."""
        shown: Frame | None = None
        tick = 0
        for frame in self._inner.frames():
            its = tick_of(frame.time_s, self._fps)
            if shown is None or frame.epoch != shown.epoch:
                shown, tick = frame, its
            elif its <= tick:
                self.dropped += 1
                shown = min(shown, frame, key=lambda one: abs(one.time_s * self._fps - tick))
            else:
                yield from self._repeated(shown, tick, its)
                if self._ticks.end is not None and its >= self._ticks.end and not self._ticks.goes_on:
                    self._tell()
                    return
                shown, tick = frame, its
        if shown is not None:
            ends_s = shown.time_s + shown.duration * shown.time_base
            end = self._ticks.end if self._ticks.goes_on else None
            last = tick_of(ends_s, self._fps) if end is None else end
            if tick == self._info.start_s * self._fps:
                last = max(last, tick + 1)  # however short, a film has a frame
            self.dropped += last <= tick
            yield from self._repeated(shown, tick, last)
        self._tell()

    def _repeated(self, frame: Frame, tick: int, until: int) -> Iterator[Frame]:
        """`frame` at every asked tick from `tick` on and before `until`."""
        begin, end = self._ticks.begin, self._ticks.end
        ticks = range(tick if begin is None else max(tick, begin), until if end is None else min(until, end))
        self.doubled += max(0, len(ticks) - 1)
        for pts in ticks:
            yield replace(frame, pts=pts, time_base=self._info.time_base, duration=1)

    def _tell(self) -> None:
        log.info(
            "%s at %s frames per second: %d frames dropped, %d doubled",
            *(self._info.label, self._fps, self.dropped, self.doubled),
        )
