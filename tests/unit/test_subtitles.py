"""Lines that overlap in time become lines that follow each other, and no word is lost."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rtsr.sinks.subtitles import Event, Overlaps


def shown(events: list[Event]) -> dict[int, set[bytes]]:
    """The texts that are on the screen at each moment."""
    found: dict[int, set[bytes]] = {}
    for event in events:
        for moment in range(event.begin, event.end):
            found.setdefault(moment, set()).update(event.ass.split(b",", 8)[-1].split(b"\\N"))
    return found


LINES = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 20)), max_size=8)


@given(LINES)
def test_every_word_is_shown_when_it_was_and_nothing_overlaps(lines: list[tuple[int, int]]) -> None:
    events = [
        Event(begin, begin + length, b"%d,0,Default,,0,0,0,,text%d" % (number, number))
        for number, (begin, length) in enumerate(sorted(lines))
    ]
    overlaps = Overlaps()
    cut = [piece for event in events for piece in overlaps.add(event)]
    cut += list(overlaps.rest())
    assert shown(cut) == shown(events)
    assert all(one.end <= other.begin for one, other in pairwise(cut))
    assert all(one.begin < one.end for one in cut)
