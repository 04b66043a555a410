"""When a frame is shown, with the pattern source, the bicubic backend and the real pipeline."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

import pytest

from rtsr.config import Upscale
from rtsr.frame import Frame
from rtsr.mailbox import Mailbox
from rtsr.pipeline import Pipeline
from rtsr.sources import open_source
from rtsr.stages import Badge, Upscaler, at_once
from rtsr.upscalers import open_upscaler
from rtsr.viewer.pace import Pacer
from rtsr.viewer.picture import Picture
from rtsr.viewer.sink import OnTimeUpscaler, ViewerSink
from rtsr.viewer.stats import Stats

LATE_S = 0.1
"""A busy machine may wake a thread this late."""


@dataclass
class Show:
    """A run whose shown frames a test takes one by one."""

    pipeline: Pipeline
    pacer: Pacer
    stats: Stats
    shown: Mailbox[Picture] = field(default_factory=lambda: Mailbox(1000))
    at_s: list[float] = field(default_factory=list)

    def show(self, picture: Picture) -> None:
        self.at_s.append(time.monotonic())
        self.shown.put(picture)

    def next(self) -> Frame:
        return next(iter(self.shown)).frame


class Thorough:
    """An upscaler that does its work as many times as it takes to be slow."""

    def __init__(self, upscaler: Upscaler, cost_s: float) -> None:
        self._upscaler, self._cost_s = upscaler, cost_s
        self.close = upscaler.close

    @property
    def scale(self) -> int:
        return self._upscaler.scale

    @property
    def badge(self) -> Badge:
        return self._upscaler.badge

    @property
    def slots(self) -> int:
        return 1

    def begin(self, frame: Frame) -> Callable[[], Frame]:
        return at_once(self.upscale(frame))

    def upscale(self, frame: Frame) -> Frame:
        until_s = time.perf_counter() + self._cost_s
        while time.perf_counter() < until_s:
            larger = self._upscaler.upscale(frame)
        return larger


def opened(uri: str, *, cost_s: float = 0.0, prepare_s: float = 0.0) -> Show:
    source = open_source(uri)
    upscaler: Upscaler = open_upscaler(Upscale(backend="bicubic"), source.info)
    if cost_s:
        upscaler = Thorough(upscaler, cost_s)
    pacer, stats = Pacer("at_once" if source.info.live else "pts"), Stats(None)
    late: list[Show] = []

    def prepare(frame: Frame) -> Picture:
        until_s = time.perf_counter() + prepare_s
        while time.perf_counter() < until_s:
            pass
        return Picture(frame)

    sink = ViewerSink(pacer, stats, prepare, lambda picture: late[0].show(picture))
    pipeline = Pipeline(source, OnTimeUpscaler(upscaler, pacer, stats), sink)
    stats.attach(pipeline)
    late.append(Show(pipeline, pacer, stats))
    return late[0]


@contextmanager
def running(show: Show) -> Iterator[Show]:
    """Run in a thread that must be gone soon after the end of the block, whatever state the block left."""
    thread = threading.Thread(target=show.pipeline.run)
    thread.start()
    try:
        yield show
    finally:
        show.pacer.close()
        show.pipeline.stop()
        thread.join(timeout=20)
        assert not thread.is_alive()


def test_a_file_plays_at_its_own_rate() -> None:
    show = opened("pattern:64x36?fps=50&seconds=1")
    show.pipeline.run()
    show.shown.close()
    frames = [picture.frame for picture in show.shown]
    assert len(frames) + show.stats.dropped == 50
    assert len(frames) > 25
    for frame, at_s in zip(frames, show.at_s, strict=True):
        due_s = show.at_s[0] + float(frame.time_s - frames[0].time_s)
        assert -0.02 < at_s - due_s < LATE_S


@pytest.mark.parametrize("slow", ["cost_s", "prepare_s"])
def test_what_is_slow_drops_and_never_lags(slow: str) -> None:
    """40 ms a frame in the model or before painting, of a file that has 100 frames a second."""
    show = opened("pattern:64x36?fps=100&seconds=2", **{slow: 0.04})
    show.pipeline.run()
    show.shown.close()
    frames = [picture.frame for picture in show.shown]
    assert show.stats.dropped > 50
    assert len(frames) > 25
    assert len(frames) + show.stats.dropped == 200
    for frame, at_s in zip(frames, show.at_s, strict=True):
        assert at_s - show.at_s[0] - float(frame.time_s - frames[0].time_s) < 2 * LATE_S
    assert all(before.pts < after.pts for before, after in pairwise(frames))


def test_live_frames_are_shown_at_once() -> None:
    show = opened("pattern:64x36?fps=100&seconds=1&live=yes")
    show.pipeline.run()
    show.shown.close()
    latencies = [at_s - picture.frame.captured_s for at_s, picture in zip(show.at_s, show.shown, strict=True)]
    assert latencies
    assert sorted(latencies)[len(latencies) // 2] < LATE_S


def test_close_ends_a_paused_run() -> None:
    with running(opened("pattern:64x36?fps=50&seconds=60")) as show:
        show.next()
        show.pacer.pause()


def test_stop_from_another_thread_ends_a_paused_live_run() -> None:
    with running(opened("pattern:64x36?fps=50&live=yes")) as show:
        show.next()
        show.pacer.pause()


def test_step_shows_exactly_the_next_frame_and_pauses() -> None:
    with running(opened("pattern:64x36?fps=1&seconds=60")) as show:
        assert show.next().pts == 0
        for number in (1, 2, 3):  # each a second away, were it not for the step
            show.pacer.step()
            assert show.next().pts == number
        assert show.pacer.paused
        assert show.pacer.position_s == 3


def test_a_jump_shows_the_frame_of_that_time_also_when_paused() -> None:
    with running(opened("pattern:64x36?fps=10&seconds=60")) as show:
        show.next()
        show.pacer.pause()
        for epoch, target in enumerate((Fraction(30), Fraction(5), Fraction(59)), 1):
            show.pacer.seek(float(target))
            show.pipeline.source.seek(target)
            while (frame := show.next()).epoch != epoch:
                assert frame.epoch == 0  # shown before the pause was given
            assert frame.time_s == target
        assert show.pacer.paused


def test_the_clock_stands_while_paused() -> None:
    with running(opened("pattern:64x36?fps=50&seconds=60")) as show:
        show.next()
        show.pacer.pause()
        position_s = show.pacer.position_s
        until_s = time.monotonic() + 0.3
        while time.monotonic() < until_s:
            pass
        show.pacer.resume()
        while (frame := show.next()).time_s <= position_s:
            pass
        assert frame.time_s - Fraction(position_s) < Fraction(1, 5)
        assert show.stats.dropped < 5


@pytest.mark.parametrize("order", ["close", "seek", "step", "resume"])
def test_orders_before_the_first_frame_do_no_harm(order: str) -> None:
    pacer = Pacer("pts")
    pacer.pause()
    orders = {
        "close": pacer.close, "seek": lambda: pacer.seek(1.0), "step": pacer.step, "resume": pacer.resume
    }  # fmt: skip
    orders[order]()
    frame = next(open_source("pattern:16x16").frames())
    assert pacer.admit(frame) == ("stale" if order in ("close", "seek") else "show")
