"""Sinks beside the main one: they miss frames when they are slow, and nobody waits for them."""

import threading
import time
from collections.abc import Callable

import pytest

from rtsr.errors import BackendError
from rtsr.frame import Frame, StreamInfo
from rtsr.pipeline import Pipeline
from rtsr.sinks.reopening import Link, ReopeningSink
from rtsr.upscalers.bicubic import BicubicUpscaler
from tests.conftest import ListSink, ListSource, make_frame, make_info


class Kept:
    """A real `Link` and `SideSink` that keeps what it is given, and can be slow or fail."""

    repeat_s, missed, status = 0.05, 0, "keeping"

    def __init__(self, each: Callable[[], None] = lambda: None) -> None:
        self.frames: list[Frame] = []
        self.threads: set[str] = set()
        self.closed = 0
        self._each = each

    def write(self, frame: Frame) -> None:
        self._each()
        self.frames.append(frame)
        self.threads.add(threading.current_thread().name)

    def close(self) -> None:
        self.closed += 1


class _Paced(ListSource):
    """A frame each 10 ms, and at the end some time without one."""

    rest_s = 0.0

    def frames(self):
        for frame in super().frames():
            time.sleep(0.01)
            yield frame
        time.sleep(self.rest_s)


def _pipeline(count: int, *beside: Kept, live: bool = True, rest_s: float = 0.0) -> tuple[Pipeline, ListSink]:
    source = _Paced([make_frame(16, 16, pts=i) for i in range(count)], live=live)
    source.rest_s = rest_s
    sink = ListSink()
    return Pipeline(source, BicubicUpscaler(make_info(16, 16), 2, 1), sink, beside), sink


def _dropped(words: str) -> int:
    return int(words.split(", ")[1].split()[0])


@pytest.mark.parametrize("live", [False, True])
def test_they_get_the_upscaled_frames_in_threads_of_their_own(live: bool) -> None:
    sides = Kept(), Kept()
    before = threading.active_count()
    pipeline, sink = _pipeline(20, *sides, live=live)
    pipeline.run()
    assert threading.active_count() == before
    for side, words in zip(sides, pipeline.beside, strict=True):
        times = [frame.pts for frame in side.frames]
        assert times == sorted(times)
        assert len(set(times)) + _dropped(words) == len(sink.frames)
        assert side.frames[0].width == 32
        assert side.threads == {"rtsr-beside"}
        assert side.closed >= 1
    assert len(sink.frames) + pipeline.dropped == 20


def test_a_blocked_one_holds_nobody_up_and_what_it_missed_is_counted() -> None:
    wait = threading.Event()
    blocked, free = Kept(lambda: wait.wait(20) and None), Kept()
    pipeline, sink = _pipeline(60, blocked, free)
    began_s = time.monotonic()
    threading.Timer(1.0, wait.set).start()
    pipeline.run()
    assert time.monotonic() - began_s < 8
    assert len(sink.frames) + pipeline.dropped == 60
    for side, words in ((blocked, pipeline.beside[0]), (free, pipeline.beside[1])):
        assert words.startswith("keeping, ")
        assert len({frame.pts for frame in side.frames}) + _dropped(words) == len(sink.frames)
    assert len(blocked.frames) < len(free.frames)


def test_the_last_picture_is_given_again_while_nothing_new_comes() -> None:
    side = Kept()
    pipeline, _ = _pipeline(3, side, rest_s=0.6)
    pipeline.run()
    assert side.frames[-1].pts == 2
    assert len([frame for frame in side.frames if frame.pts == 2]) >= 4


def test_the_error_of_one_ends_the_run() -> None:
    error = BackendError("it is gone", mend="m")

    def fail() -> None:
        raise error

    side = Kept(fail)
    pipeline, sink = _pipeline(10**4, side)
    with pytest.raises(BackendError) as raised:
        pipeline.run()
    assert raised.value is error
    assert side.closed >= 1
    assert sink.closed >= 1


def test_what_never_ran_is_closed_too() -> None:
    side = Kept()
    pipeline, _ = _pipeline(1, side)
    pipeline.close()
    assert side.closed >= 1


def test_frames_that_came_too_late_to_be_upscaled_are_not_given() -> None:
    side = Kept()
    pipeline, _ = _pipeline(10, side)
    pipeline.upscaler.begin = lambda frame: lambda: frame  # type: ignore[method-assign]  # as the viewer's late ones
    pipeline.run()
    assert side.frames == []


def _reopening(links: list[Link | BackendError], opened: list[StreamInfo], *, returns: str = "yes") -> ReopeningSink:
    def open_link(info: StreamInfo) -> Link:
        opened.append(info)
        link = links.pop(0)
        if isinstance(link, BackendError):
            raise link
        return link

    return ReopeningSink(("there", "feeding"), make_info(16, 16), open_link, repeat_s=1, returns=returns)


def test_a_lost_link_is_opened_again_later_and_later() -> None:
    def fail() -> None:
        raise BackendError("there is gone", mend="m")

    opened: list[StreamInfo] = []
    lost, away, back = Kept(fail), BackendError("there is away", mend="m"), Kept()
    sink = _reopening([lost, away, back], opened)
    began_s = time.monotonic()
    sink.write(make_frame(16, 16))
    assert "there is gone, called again in" in sink.status
    assert lost.closed == 1
    number = 0
    while not back.frames:
        assert time.monotonic() < began_s + 10
        time.sleep(0.01)
        number += 1
        sink.write(make_frame(16, 16, pts=number))
    assert time.monotonic() - began_s >= 0.4 + 0.8
    assert len(opened) == 3
    assert sink.missed == number
    assert sink.status == "feeding there, - fps"


def test_a_picture_that_is_given_again_is_not_missed_twice() -> None:
    sink = _reopening([BackendError("away", mend="m")], [])
    frame = make_frame(16, 16)
    for _ in range(5):
        sink.write(frame)
    assert sink.missed == 1


def test_another_size_opens_it_anew() -> None:
    opened: list[StreamInfo] = []
    first, second = Kept(), Kept()
    sink = _reopening([first, second], opened)
    sink.write(make_frame(16, 16))
    sink.write(make_frame(20, 10))
    assert first.closed == 1
    assert [(info.width, info.height) for info in opened] == [(16, 16), (20, 10)]
    assert second.frames[0].width == 20
    sink.close()
    assert second.closed == 1


def test_what_must_not_return_ends_the_run() -> None:
    sink = _reopening([BackendError("away", mend="m")], [], returns="no")
    with pytest.raises(BackendError, match="away"):
        sink.write(make_frame(16, 16))
