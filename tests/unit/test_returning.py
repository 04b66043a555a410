"""A live source that is lost comes back by itself: a real screen whose server is killed and started again."""

import gc
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsr.backoff import wait_s
from rtsr.errors import SourceError
from rtsr.sources.camera import open_device
from rtsr.sources.returning import ChangedSource, ReturningSource
from tests.conftest import ListSource, make_frame


class Screen:
    """An X server of our own, always of the same number."""

    def __init__(self) -> None:
        if shutil.which("Xvfb") is None:
            pytest.skip("needs Xvfb: apt-get install xvfb")
        self.name = ""
        self.start("320x200")

    def start(self, size: str) -> None:
        number = [self.name] if self.name else []
        command = ["Xvfb", *number, "-displayfd", "1", "-screen", "0", f"{size}x24", "-nolisten", "tcp"]
        self.server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.name = f":{self.server.stdout.readline().decode().strip()}"

    def stop(self) -> None:
        self.server.kill()
        self.server.wait()
        self.server.stdout.close()


@pytest.fixture
def screen() -> Iterator[Screen]:
    screen = Screen()
    yield screen
    with suppress(ValueError):
        screen.stop()


def _grab(screen: Screen) -> ReturningSource:
    def open_it():
        return open_device(screen.name, "x11grab")

    return ReturningSource(open_it, open_it(), draw=lambda: 0.5)


def test_a_screen_that_dies_and_comes_back_goes_on_and_leaves_nothing_behind(screen: Screen) -> None:
    with closing(_grab(screen)) as source:
        frames = source.frames()
        pts = [next(frames).pts for _ in range(5)]
        gc.collect()
        held = len(os.listdir("/proc/self/fd")), threading.active_count()
        for round_ in range(1, 4):
            screen.stop()
            threading.Timer(0.3, screen.start, ["320x200"]).start()
            pts += [next(frames).pts for _ in range(5)]
            assert source.returns == round_
            assert source.outage is None
        gc.collect()
        assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == held
    assert all(later > earlier for earlier, later in pairwise(pts))
    assert len(source.losses) == 3


def test_while_it_is_away_it_says_since_when_and_why(screen: Screen) -> None:
    with closing(_grab(screen)) as source:
        frames = source.frames()
        before_s = time.monotonic()
        next(frames)
        screen.stop()
        waiting = threading.Thread(target=lambda: next(frames, None))
        waiting.start()
        while source.outage is None or source.outage.tries < 2:
            assert waiting.is_alive()
            time.sleep(0.01)
        assert before_s < source.outage.since_s < time.monotonic()
        assert screen.name in source.outage.reason
        source.close()
        waiting.join(30)
        assert not waiting.is_alive()
    assert next(frames, None) is None


def test_one_that_comes_back_larger_is_told_apart(screen: Screen) -> None:
    with closing(_grab(screen)) as source:
        frames = source.frames()
        next(frames)
        screen.stop()
        screen.start("640x400")
        with pytest.raises(ChangedSource, match="width 320 -> 640, height 200 -> 400"):
            list(frames)


def test_pts_rise_by_the_time_away() -> None:
    opened = [ListSource([make_frame(16, 16, pts=i) for i in range(3)], live=True) for _ in range(3)]
    tries = iter([SourceError("not there", mend="wait"), opened[1], opened[2]])

    def open_it():
        one = next(tries)
        if isinstance(one, SourceError):
            raise one
        return one

    source = ReturningSource(open_it, opened[0], draw=lambda: 0.5)
    frames = source.frames()
    pts = [next(frames).pts for _ in range(9)]
    source.close()
    assert pts[:3] == [0, 1, 2]
    assert pts[3] - pts[2] >= 25 * 1.5  # 0.5 s and 1 s at 25 a second
    assert pts[4:6] == [pts[3] + 1, pts[3] + 2]
    assert [one.closed for one in opened] == [1, 1, 1]


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_waits_grow_to_a_cap_and_never_fall_together(tries: int, chance: float) -> None:
    assert 0.4 <= wait_s(tries, chance) <= 18
    assert wait_s(tries + 1, chance) >= wait_s(tries, chance)


def test_losses_of_months_stay_bounded_and_counted() -> None:
    class Lossy(ListSource):
        losses = ("it went away",)

        def __init__(self) -> None:
            super().__init__([make_frame(16, 16)], live=True)
            self.losses = ("it went away",)

    source = ReturningSource(Lossy, Lossy(), draw=lambda: 0.5)
    source._left.wait_closed = lambda timeout_s: False  # type: ignore[method-assign]  # no waiting
    frames = source.frames()
    for _ in range(1001):
        next(frames)
    assert source.returns == 1000
    assert len(source.losses) == 21
    assert source.losses[-1] == "and 981 more like these"
