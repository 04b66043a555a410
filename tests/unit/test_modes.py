"""Which of a camera's modes is taken, on the tables of real cameras."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsr.errors import UsageError
from rtsr.sources.live import Live
from rtsr.sources.modes import Mode, choose_mode


def mode(form: str, width: int, height: int, *rates: int) -> Mode:
    return Mode(form, width, height, tuple(Fraction(rate) for rate in sorted(rates, reverse=True)))


C920 = [
    mode("yuyv422", 640, 480, 30, 15), mode("yuyv422", 1280, 720, 10, 5), mode("yuyv422", 1920, 1080, 5),
    mode("mjpeg", 640, 480, 30), mode("mjpeg", 1280, 720, 60, 30), mode("mjpeg", 1920, 1080, 30),
    mode("h264", 1920, 1080, 30),
]  # fmt: skip
"""As a Logitech C920 and its like: USB 2 cannot carry large pictures uncompressed."""


@pytest.mark.parametrize(
    ("live", "taken"),
    [
        (Live(size_wh=(640, 480)), "640x480 yuyv422 at 30 fps"),
        (Live(size_wh=(640, 480), rate_fps=Fraction(15)), "640x480 yuyv422 at 15 fps"),
        (Live(size_wh=(1280, 720)), "1280x720 mjpeg at 60 fps (yuyv422 reaches 10 fps there)"),
        (Live(size_wh=(1280, 720), rate_fps=Fraction(10)), "1280x720 yuyv422 at 10 fps"),
        (Live(size_wh=(1280, 720), rate_fps=Fraction(25)), "1280x720 mjpeg at 30 fps (yuyv422 reaches 10 fps there)"),
        (Live(rate_fps=Fraction(50)), "1280x720 mjpeg at 60 fps (yuyv422 reaches 10 fps there)"),
        (Live(size_wh=(1920, 1080)), "1920x1080 mjpeg at 30 fps (yuyv422 reaches 5 fps there)"),
        (Live(size_wh=(1920, 1080), format="h264"), "1920x1080 h264 at 30 fps"),
        (Live(size_wh=(800, 600)), "1280x720 mjpeg at 60 fps (800x600 is not offered; yuyv422 reaches 10 fps there)"),
        (Live(size_wh=(3840, 2160), rate_fps=Fraction(60)),
         "1920x1080 mjpeg at 30 fps (3840x2160 is not offered; it gives no more than 30 fps there; "
         "yuyv422 reaches 5 fps there)"),
        (Live(format="yuyv422"), "1920x1080 yuyv422 at 5 fps"),
    ],
)  # fmt: skip
def test_the_mode_that_reaches_what_is_asked(live: Live, taken: str) -> None:
    assert str(choose_mode(C920, live)) == taken


def test_nothing_asked_leaves_the_camera_as_it_is() -> None:
    assert choose_mode(C920, Live()) is None
    assert choose_mode([], Live(size_wh=(640, 480))) is None


def test_a_format_that_is_not_there() -> None:
    with pytest.raises(UsageError, match="does not give nv21") as caught:
        choose_mode(C920, Live(format="nv21"))
    assert "yuyv422" in caught.value.mend


modes = st.builds(
    Mode,
    st.sampled_from(["nv12", "yuyv422", "mjpeg", "h264"]),
    st.integers(1, 4000),
    st.integers(1, 4000),
    st.lists(st.fractions(1, 240), max_size=4).map(lambda rates: tuple(sorted(set(rates), reverse=True))),
)


@given(
    st.lists(modes, min_size=1, max_size=12),
    st.none() | st.tuples(st.integers(1, 4000), st.integers(1, 4000)),
    st.none() | st.fractions(1, 240),
)
def test_whatever_is_asked_one_that_is_offered_is_taken(
    offered: list[Mode], size: tuple[int, int] | None, rate: Fraction | None
) -> None:
    choice = choose_mode(offered, Live(size_wh=size, rate_fps=rate))
    if size is None and rate is None:
        assert choice is None
        return
    assert choice is not None
    assert choice.mode in offered
    if size in {(one.width, one.height) for one in offered}:
        assert (choice.mode.width, choice.mode.height) == size


def test_of_a_range_any_rate_can_be_had() -> None:
    ranged = Mode("nv12", 640, 480, (Fraction(60), Fraction(1)), "anything")
    assert ranged.rate_for(Fraction(23)) == 23
    assert ranged.rate_for(Fraction(90)) == 60
    assert mode("nv12", 640, 480, 60, 1).rate_for(Fraction(23)) == 60
