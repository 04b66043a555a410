"""`--fps`: a constant rate, and every frame within half a tick of its time."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr.config import Encode
from rtsr.errors import UsageError
from rtsr.frame import Frame
from rtsr.sources import open_source
from rtsr.sources.constant_rate import ConstantRate, Ticks, tick_of
from rtsr.sources.keyframes import keyframe_times
from rtsr.sources.reading import Reading, reading_of
from tests.conftest import ListSource, make_frame
from tests.films import film, shown, whole

rates = st.sampled_from([Fraction(25), Fraction(24000, 1001), Fraction(60), Fraction(10), Fraction(1, 2)])


@given(gaps=st.lists(st.integers(1, 9), min_size=1, max_size=30), fps=rates)
@settings(max_examples=60, deadline=None)
def test_ticks_follow_each_other_and_each_frame_is_at_its_nearest(gaps: list[int], fps: Fraction) -> None:
    frames: list[Frame] = []
    pts = 3
    for number, gap in enumerate(gaps):
        frames.append(make_frame(4, 4, seed=number, pts=pts))
        pts += gap
    source = ConstantRate(ListSource(frames), fps, Ticks())
    made = list(source.frames())
    assert [frame.pts for frame in made] == list(range(made[0].pts, made[0].pts + len(made)))
    assert made[0].pts == tick_of(frames[0].time_s, fps)
    assert all(frame.time_base == 1 / fps and frame.duration == 1 for frame in made)
    places = {id(frame.y): number for number, frame in enumerate(frames)}
    numbers = [places[id(frame.y)] for frame in made]
    assert numbers == sorted(numbers)
    for before, after in pairwise([None, *made]):
        if before is None or before.y is not after.y:  # where a frame comes first
            own = frames[places[id(after.y)]]
            assert abs(own.time_s - after.time_s) <= 1 / fps / 2
    assert source.dropped == len(frames) - len(set(numbers))
    assert source.doubled == len(made) - len(set(numbers))


@pytest.mark.parametrize("fps", [Fraction(10), Fraction(30), Fraction(24000, 1001)])
def test_parts_at_a_constant_rate_are_the_ticks_of_the_whole(tmp_path: Path, fps: Fraction) -> None:
    times = [0, 40, 50, 120, 121, 300, 700, 733, 766, 800, 1400, 1433, 1466, 1500]
    path = film(tmp_path / "o.mkv", options={"g": "4", "bf": "2"}, times=times, time_base=Fraction(1, 1000))
    reading = Reading(fps=fps)
    ticks = whole(path, reading=reading)
    assert [pts for pts, _, _ in ticks] == list(range(ticks[0][0], ticks[0][0] + len(ticks)))
    for begin in range(0, len(ticks), 3):
        part = shown(open_source(str(path), begin_pts=begin, end_pts=begin + 7, reading=reading))
        assert list(part) == [tick for tick in ticks if begin <= tick[0] < begin + 7]
    keys = keyframe_times(str(path), reading)
    edges = [None, *(int(key) for key in keys[1:]), None]
    joined = []
    for begin, end in pairwise(edges):
        joined += shown(open_source(str(path), begin_pts=begin, end_pts=end, reading=reading))
    assert joined == ticks


@pytest.mark.parametrize(
    ("told", "fps"),
    [("25", 25), ("12.5", Fraction(25, 2)), ("29.97", Fraction(30000, 1001)), ("23.976", Fraction(24000, 1001)),
     ("30000/1001", Fraction(30000, 1001)), ("59.94", Fraction(60000, 1001))],
)  # fmt: skip
def test_rates_are_exact(told: str, fps: Fraction) -> None:
    assert reading_of(Encode(source="a", output="b", fps=told)).fps == fps


@pytest.mark.parametrize("told", ["0", "-3", "many", "1/0", "5000", ""])
def test_what_is_no_rate_is_refused(told: str) -> None:
    with pytest.raises(UsageError, match="is no rate"):
        reading_of(Encode(source="a", output="b", fps=told))
