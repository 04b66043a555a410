"""Where the picture lies in the window."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsr.frame import StreamInfo
from rtsr.viewer.geometry import LAYOUTS, Box, Turn, View, arranged, fit, panes, shown_wh, turn_of

INFO = StreamInfo("clip", 640, 360, Fraction(1, 90000))
SIDES = st.integers(1, 5000)


def matrix(a: int, b: int, c: int, d: int) -> tuple[int, ...]:
    return (a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)


@given(shape=st.tuples(SIDES, SIDES), room=st.tuples(SIDES, SIDES))
def test_picture_fits_and_touches_two_edges(shape: tuple[int, int], room: tuple[int, int]) -> None:
    box = fit(shape, Box(0, 0, *room))
    assert 1 <= box.width <= room[0]
    assert 1 <= box.height <= room[1]
    assert box.width == room[0] or box.height == room[1]
    assert 0 <= box.x <= room[0] - box.width
    assert 0 <= box.y <= room[1] - box.height


@given(
    shapes=st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=64),
    window=st.tuples(st.integers(160, 5000), st.integers(90, 5000)),
)
def test_any_number_of_pictures_has_room_in_any_window(shapes: list[tuple[int, int]], window: tuple[int, int]) -> None:
    boxes = arranged(shapes, window)
    assert len(boxes) == len(shapes)
    assert len({(box.width, box.height) for box in boxes}) == 1
    for box in boxes:
        assert box.width >= 2
        assert box.height >= 1
        assert 0 <= box.x <= window[0] - box.width
        assert 0 <= box.y <= window[1] - box.height
    for number, box in enumerate(boxes):
        for other in boxes[number + 1 :]:
            beside = box.x + box.width <= other.x or other.x + other.width <= box.x
            assert beside or box.y + box.height <= other.y or other.y + other.height <= box.y


@given(shape=st.tuples(SIDES, SIDES), window=st.tuples(SIDES, SIDES))
def test_one_picture_has_the_whole_window(shape: tuple[int, int], window: tuple[int, int]) -> None:
    assert arranged([shape], window) == (Box(0, 0, *window),)


@pytest.mark.parametrize(
    ("count", "shape", "columns"), [(2, (16, 9), 2), (3, (32, 9), 1), (4, (16, 9), 2), (5, (16, 9), 3), (9, (16, 9), 3)]
)
def test_as_many_columns_as_show_the_pictures_largest(count: int, shape: tuple[int, int], columns: int) -> None:
    boxes = arranged([shape] * count, (1600, 900))
    assert sum(box.y == boxes[0].y for box in boxes) == columns


@pytest.mark.parametrize("layout", LAYOUTS)
@given(window=st.tuples(SIDES, SIDES), wipe=st.floats(-1, 2))
def test_panes_stay_inside_and_do_not_overlap(layout: str, window: tuple[int, int], wipe: float) -> None:
    shown = panes(View(layout=layout, wipe=wipe), (16, 9), window)  # type: ignore[arg-type]
    columns = [x for pane in shown for x in range(pane.clip.x, pane.clip.x + pane.clip.width)]
    assert len(set(columns)) == len(columns)
    assert all(0 <= x < window[0] for x in columns)


def test_both_sides_of_a_wipe_are_one_picture() -> None:
    left, right = panes(View(wipe=0.25), (16, 9), (1600, 900))
    assert (left.side, right.side) == ("bicubic", "sr")
    assert left.picture == right.picture == Box(0, 0, 1600, 900)
    assert left.clip == Box(0, 0, 400, 900)
    assert right.clip == Box(400, 0, 1200, 900)


def test_the_held_key_shows_one_side_alone() -> None:
    (pane,) = panes(View(only="bicubic"), (16, 9), (160, 90))
    assert pane.side == "bicubic"
    assert pane.clip == pane.picture


@pytest.mark.parametrize(
    ("entries", "turn", "rotation"),
    [
        ((1, 0, 0, 1), Turn(), 0),
        ((0, 1, -1, 0), Turn(0, 1, -1, 0), 90),
        ((-1, 0, 0, -1), Turn(-1, 0, 0, -1), 180),
        ((0, -1, 1, 0), Turn(0, -1, 1, 0), 270),
    ],
)
def test_turn_agrees_with_the_stream(entries: tuple[int, int, int, int], turn: Turn, rotation: int) -> None:
    info = replace(INFO, display_matrix=matrix(*entries))
    assert turn_of(info) == turn
    assert info.rotation_deg == rotation


def test_a_mirrored_picture_is_not_a_turned_one() -> None:
    assert turn_of(replace(INFO, display_matrix=matrix(-1, 0, 0, 1))) == Turn(-1, 0, 0, 1)


def test_wide_samples_widen_and_a_turn_swaps() -> None:
    assert shown_wh(replace(INFO, sar=Fraction(4, 3)), 2) == (1707, 720)
    assert shown_wh(replace(INFO, display_matrix=matrix(0, 1, -1, 0)), 2) == (720, 1280)
    assert shown_wh(StreamInfo("dot", 1, 1, Fraction(1), sar=Fraction(1, 9)), 1) == (1, 1)
