"""When the screen is on."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsr.errors import UsageError
from rtsr.kiosk.schedule import is_lit, next_change, parse_span

FRIDAY = datetime(2026, 11, 20)


def at(time: str, day: datetime = FRIDAY) -> datetime:
    hour, minute = map(int, time.split(":"))
    return day + timedelta(hours=hour, minutes=minute)


def test_office_hours() -> None:
    spans = (parse_span("mon-fri 07:30-19:00"), parse_span("Sat 09:00 - 13:00"))
    assert not is_lit(spans, at("7:29"))
    assert is_lit(spans, at("7:30"))
    assert is_lit(spans, at("18:59"))
    assert not is_lit(spans, at("19:00"))
    assert is_lit(spans, at("9:00", FRIDAY + timedelta(days=1)))
    assert not is_lit(spans, at("9:00", FRIDAY + timedelta(days=2)))
    assert next_change(spans, at("8:00")) == at("19:00")
    assert next_change(spans, at("19:30")) == at("9:00", FRIDAY + timedelta(days=1))


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    spans = (parse_span("fri 22:00-02:00"),)
    assert is_lit(spans, at("23:59"))
    assert is_lit(spans, at("1:59", FRIDAY + timedelta(days=1)))
    assert not is_lit(spans, at("2:00", FRIDAY + timedelta(days=1)))
    assert not is_lit(spans, at("1:00"))


def test_days_go_round_the_end_of_the_week() -> None:
    span = parse_span("sat-mon 10:00-11:00")
    assert span.days == {5, 6, 0}


def test_without_a_schedule_or_a_clock_that_was_set_it_is_on() -> None:
    assert is_lit((), FRIDAY)
    assert is_lit((parse_span("mon 00:00-00:01"),), datetime(1970, 1, 1, 12))
    assert next_change((), FRIDAY) is None
    assert next_change((parse_span("00:00-24:00"),), FRIDAY) is None


@pytest.mark.parametrize(
    "words", ["", "mon", "25:00-26:00", "10:00-10:60", "mon-fir 1:00-2:00", "10:00", "10.00-11.00"]
)
def test_what_is_no_span_says_how_to_write_one(words: str) -> None:
    with pytest.raises(UsageError) as told:
        parse_span(words)
    assert told.value.mend


@given(st.integers(0, 6), st.integers(0, 1439), st.integers(1, 1440), st.integers(0, 7 * 1440 - 1))
def test_a_span_of_n_minutes_lights_exactly_the_n_minutes_after_its_start(
    day: int, start: int, length: int, minute: int
) -> None:
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    end = (start + length) % 1440
    span = parse_span(f"{names[day]} {start // 60}:{start % 60:02}-{end // 60}:{end % 60:02}")
    since = (minute - (day * 1440 + start)) % (7 * 1440)
    monday = datetime(2026, 11, 16)
    assert is_lit((span,), monday + timedelta(minutes=minute)) == (since < length)


@given(st.integers(0, 7 * 1440 - 1))
def test_the_next_change_is_the_first_minute_that_differs(minute: int) -> None:
    spans = (parse_span("mon-fri 07:30-19:00"), parse_span("sat 22:00-03:00"))
    now = datetime(2026, 11, 16) + timedelta(minutes=minute, seconds=30)
    then = next_change(spans, now)
    assert then is not None
    assert then > now
    assert is_lit(spans, then) != is_lit(spans, now)
    assert is_lit(spans, then - timedelta(minutes=1)) == is_lit(spans, now)
