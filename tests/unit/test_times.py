"""Times that are wrong are put right, and nothing else is touched."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from rtsr.sources.times import AHEAD, Timed, in_order

PERIOD, FAR = 3, 1000
anything = st.lists(st.one_of(st.none(), st.integers(-(2**40), 2**40), st.integers(-5, 30)), max_size=40)
rising = st.lists(st.integers(0, 5000), unique=True, max_size=60).map(sorted)


def right(times: list[int | None], *, first: int = 0, durations: int = 0) -> list[Timed[int]]:
    things = [(pts, durations, number) for number, pts in enumerate(times)]
    return list(in_order(things, period=PERIOD, far=FAR, first=first))


def pts_of(made: list[Timed[int]]) -> list[int]:
    return [one.pts for one in made]


@given(anything)
@example([None] * 20)
@example([5] * 20)
@example([*range(30), *range(30)])
def test_every_frame_comes_once_and_later_than_the_one_before(times: list[int | None]) -> None:
    made = right(times)
    assert [one.thing for one in made] == list(range(len(times)))
    assert all(one.pts < other.pts for one, other in pairwise(made))
    moved = 0
    for own, one in zip(times, made, strict=True):
        moved = one.pts - own if one.fault == "jump" and own is not None else moved
        assert one.fault or one.pts - moved == own
        assert (one.fault == "missing") == (own is None)
    assert pts_of(right(pts_of(made))) == pts_of(made)


@given(rising)
def test_times_that_increase_stay_whatever_their_gaps(times: list[int | None]) -> None:
    made = right(times)
    assert pts_of(made) == times
    assert not any(one.fault for one in made)


@given(st.integers(3, 40), st.data())
def test_one_wrong_time_changes_that_frame_only(frames: int, data: st.DataObject) -> None:
    good = [PERIOD * number for number in range(frames)]
    at = data.draw(st.integers(0, frames - 1))
    wrong = data.draw(st.one_of(st.none(), st.integers(-(10**6), 10**6)))
    given_times = [*good[:at], wrong, *good[at + 1 :]]
    made = right(given_times, first=good[0])
    assert sum(one.pts != own for one, own in zip(made, given_times, strict=True)) <= 1
    told_by_others = at != frames - 2 and (wrong is not None and not -PERIOD < wrong < good[-1] + PERIOD)
    if wrong is None or told_by_others:
        assert pts_of([one for one in made if one.thing != at]) == [*good[:at], *good[at + 1 :]]
        assert not made[at].fault or made[at].pts == good[at] or at == frames - 1  # one step after the last


@given(st.integers(3, 60), st.integers(0, 50))
def test_missing_times_of_a_constant_rate_come_back(frames: int, first: int) -> None:
    good = [first + PERIOD * number for number in range(frames)]
    assert pts_of(right([None] * frames, first=first)) == good
    some = [pts if number % 3 == 0 else None for number, pts in enumerate(good)]
    assert pts_of(right(some, first=first)) == good


@given(st.integers(AHEAD + 1, 40), st.integers(AHEAD + 1, 40))
def test_a_splice_goes_on_where_it_was(before: int, after: int) -> None:
    one, other = [10**6 + PERIOD * number for number in range(before)], [PERIOD * number for number in range(after)]
    made = right([*one, *other])
    assert pts_of(made) == [10**6 + PERIOD * number for number in range(before + after)]
    assert [number for number, timed in enumerate(made) if timed.fault] == [before]


def test_doubled_frames_without_a_place_between_catch_up_at_the_next_gap() -> None:
    made = right([0, 1, 1, 2, 3, 10, 11], durations=1)
    assert pts_of(made) == [0, 1, 2, 3, 4, 10, 11]
    assert [one.thing for one in made if one.fault] == [2, 3, 4]


@given(st.lists(st.sampled_from([0, 1, 3, 50]), min_size=30, max_size=60))
def test_little_is_read_ahead(steps: list[int]) -> None:
    taken = 0

    def things() -> st.SearchStrategy[None]:  # a generator, for hypothesis any
        nonlocal taken
        pts = 0
        for step in steps:
            taken += 1
            pts += step
            yield pts, 0, None

    for given_out, _ in enumerate(in_order(things(), period=PERIOD, far=FAR)):
        assert taken - given_out <= AHEAD + 1
