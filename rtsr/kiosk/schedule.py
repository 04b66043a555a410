"""When the screen is on: spans of the week, in the machine's own time zone."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from rtsr.errors import UsageError, nearest

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORM = re.compile(r"(?:([a-z]{3})(?:-([a-z]{3}))?\s+)?(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})", re.IGNORECASE)
_MEND = 'write "mon-fri 07:30-19:00", "sat 09:00-13:00" or "22:00-02:00"'
_BORN = datetime(2026, 1, 1).astimezone()
"""A clock that is earlier has not been set: a board without a battery begins in 1970."""


@dataclass(frozen=True, slots=True)
class Span:
    """One line of a schedule."""

    days: frozenset[int]
    """On which it begins: 0 is Monday."""
    start_min: int
    """Minutes after midnight."""
    end_min: int
    """The same; up to a whole day after the start where it passes midnight."""

    def holds(self, day: int, minute: int) -> bool:
        """Whether the minute of that weekday lies in it: from the first one up to, without, the last."""
        today = day in self.days and self.start_min <= minute < self.end_min
        return today or ((day - 1) % 7 in self.days and minute + 24 * 60 < self.end_min)


def parse_span(words: str) -> Span:
    """One line. Days may be left out: every day. Raises UsageError."""
    told = _FORM.fullmatch(words.strip())
    if told is None:
        raise UsageError(f"{words!r} is no time of the week", mend=_MEND)
    start, end = (_minutes(words, told[hour], told[hour + 1]) for hour in (3, 5))
    days = frozenset(range(7)) if told[1] is None else _days(told[1].lower(), (told[2] or told[1]).lower())
    return Span(days, start, end if end > start else end + 24 * 60)


def is_lit(spans: tuple[Span, ...], now: datetime) -> bool:
    """Whether the screen is on: always where there is no schedule, or where the clock cannot be trusted."""
    if not spans or now.astimezone() < _BORN:
        return True
    return any(span.holds(now.weekday(), now.hour * 60 + now.minute) for span in spans)


def next_change(spans: tuple[Span, ...], now: datetime) -> datetime | None:
    """When the screen goes on or off next, to the minute; None: within a week it does not."""
    minute = now.replace(second=0, microsecond=0)
    lit = is_lit(spans, now)
    ahead = (minute + timedelta(minutes=step) for step in range(1, 7 * 24 * 60 + 1))
    return next((then for then in ahead if is_lit(spans, then) != lit), None)


def _minutes(words: str, hour: str, minute: str) -> int:
    total = int(hour) * 60 + int(minute)
    if int(minute) > 59 or total > 24 * 60:
        raise UsageError(
            f"{words!r} is no time of the week: {hour}:{minute}", mend="hours are 0 to 24, minutes 0 to 59"
        )
    return total


def _days(first: str, last: str) -> frozenset[int]:
    for name in (first, last):
        if name not in _DAYS:
            raise UsageError(f"{name!r} is no day", mend=nearest(name, _DAYS))
    start, count = _DAYS.index(first), (_DAYS.index(last) - _DAYS.index(first)) % 7 + 1
    return frozenset((start + step) % 7 for step in range(count))
