"""The contract of a run: whatever stage raises, at whatever frame, the run ends with that error and leaves nothing."""

import threading
from collections.abc import Callable, Iterator

import pytest

from rtsr.errors import SourceError
from rtsr.frame import Frame
from rtsr.mailbox import Mailbox
from rtsr.pipeline import Pipeline
from rtsr.upscalers.bicubic import BicubicUpscaler
from tests.conftest import ListSink, ListSource, make_frame, make_info


class _Boom:
    """Raises `error` when it is asked for the n-th time."""

    def __init__(self, error: BaseException, at: int) -> None:
        self.error, self.at, self.calls = error, at, 0

    def __call__(self) -> None:
        self.calls += 1
        if self.calls > self.at:
            raise self.error


class _BreakingSource(ListSource):
    boom: _Boom

    def frames(self) -> Iterator[Frame]:
        for frame in super().frames():
            self.boom()
            yield frame
        self.boom()


class _BreakingUpscaler(BicubicUpscaler):
    boom: _Boom

    def upscale(self, frame: Frame) -> Frame:
        self.boom()
        return super().upscale(frame)


class _BreakingSink(ListSink):
    boom: _Boom

    def write(self, frame: Frame) -> None:
        self.boom()
        super().write(frame)

    def finish(self) -> None:
        self.boom()
        super().finish()


FRAMES = 12


def _pipeline(*, live: bool = False) -> tuple[Pipeline, _BreakingSource, _BreakingUpscaler, _BreakingSink]:
    calm = _Boom(RuntimeError("never"), 10**9)
    source = _BreakingSource([make_frame(16, 16, pts=i) for i in range(FRAMES)], live=live)
    upscaler, sink = _BreakingUpscaler(make_info(16, 16), 2, 1), _BreakingSink()
    source.boom = upscaler.boom = sink.boom = calm
    return Pipeline(source, upscaler, sink), source, upscaler, sink


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("at", [0, 1, 5, FRAMES])
@pytest.mark.parametrize("error", [ValueError("v"), SystemExit(3), KeyboardInterrupt(), SourceError("s", mend="m")])
@pytest.mark.parametrize("stage", ["source", "upscaler", "sink"])
def test_a_stage_that_raises_ends_the_run_with_its_error(stage: str, error: BaseException, at: int, live: bool) -> None:
    pipeline, source, upscaler, sink = _pipeline(live=live)
    boom = _Boom(error, at)
    {"source": source, "upscaler": upscaler, "sink": sink}[stage].boom = boom
    before = threading.active_count()
    may_end_well = stage != "source" and (live or (stage == "upscaler" and at >= FRAMES))  # the n-th call never comes
    raised: BaseException | None = None
    try:
        pipeline.run()
    except BaseException as caught:  # noqa: BLE001 - SystemExit is one of them
        raised = caught
    assert raised is error or (may_end_well and raised is None)
    assert threading.active_count() == before
    assert source.closed >= 1
    assert sink.closed >= 1


def test_a_file_drops_nothing_and_keeps_order() -> None:
    pipeline, _, _, sink = _pipeline()
    pipeline.run()
    assert [frame.pts for frame in sink.frames] == list(range(FRAMES))
    assert pipeline.dropped == 0
    assert sink.finished == 1


def test_a_live_run_counts_what_it_drops() -> None:
    pipeline, _, _, sink = _pipeline(live=True)
    pipeline.run()
    times = [frame.pts for frame in sink.frames]
    assert times == sorted(times)
    assert len(times) + pipeline.dropped == FRAMES
    assert times[-1] == FRAMES - 1  # the newest always comes through


def test_every_upscaled_frame_carries_the_frame_it_came_from() -> None:
    pipeline, _, _, sink = _pipeline()
    pipeline.run()
    for made in sink.frames:
        assert made.origin is not None
        assert made.origin.pts == made.pts


class _Endless(ListSource):
    def frames(self) -> Iterator[Frame]:
        while True:
            yield make_frame(16, 16)


def test_stop_ends_an_endless_run_and_finishes_the_sink() -> None:
    class StoppingSink(ListSink):
        def write(self, frame: Frame) -> None:
            super().write(frame)
            if len(self.frames) == 5:
                pipeline.stop()

    sink = StoppingSink()
    pipeline = Pipeline(_Endless([]), BicubicUpscaler(make_info(16, 16), 2, 1), sink)
    pipeline.run()
    assert pipeline.stopped
    assert sink.finished == 1
    assert 5 <= len(sink.frames) < 30
    assert {thread.name for thread in threading.enumerate()}.isdisjoint({"rtsr-capture", "rtsr-model"})


def test_a_live_source_that_has_fallen_silent_is_closed_rather_than_waited_for() -> None:
    class Silent(ListSource):
        def __init__(self) -> None:
            super().__init__([], live=True)
            self.frame_box: Mailbox[Frame] = Mailbox(1)

        def frames(self) -> Iterator[Frame]:
            yield make_frame(16, 16)
            yield from self.frame_box

        def close(self) -> None:
            super().close()
            self.frame_box.close()

    class StoppingSink(ListSink):
        def write(self, frame: Frame) -> None:
            pipeline.stop()

    pipeline = Pipeline(Silent(), BicubicUpscaler(make_info(16, 16), 2, 1), StoppingSink())
    pipeline.run()  # a hang is ended by the test's time limit
    assert pipeline.stopped


class _Card:
    """An upscaler like a GPU: several frames under way, finished only when they are asked for."""

    def __init__(self, slots: int) -> None:
        self._inner = BicubicUpscaler(make_info(16, 16), 2, 1)
        self.scale, self.size_wh, self.badge, self.close = 2, (32, 32), self._inner.badge, self._inner.close
        self.slots = slots
        self.under_way = self.most = 0
        self.asked: list[int] = []

    def begin(self, frame: Frame) -> Callable[[], Frame]:
        assert self.under_way < self.slots
        self.under_way += 1
        self.most = max(self.most, self.under_way)

        def result() -> Frame:
            self.under_way -= 1
            self.asked.append(frame.pts)
            return self._inner.upscale(frame)

        return result

    def upscale(self, frame: Frame) -> Frame:
        return self.begin(frame)()


@pytest.mark.parametrize("slots", [1, 2, 3, 7])
def test_frames_that_wait_are_begun_before_the_first_is_asked_for(slots: int) -> None:
    three_wait = threading.Event()

    class Early(ListSource):
        def frames(self) -> Iterator[Frame]:
            for frame in super().frames():
                if frame.pts == 3:
                    three_wait.set()
                yield frame

    class Late(_Card):
        def begin(self, frame: Frame) -> Callable[[], Frame]:
            assert three_wait.wait(30)
            return super().begin(frame)

    card, sink = Late(slots), ListSink()
    Pipeline(Early([make_frame(16, 16, pts=i) for i in range(FRAMES)]), card, sink).run()
    assert card.asked == [frame.pts for frame in sink.frames] == list(range(FRAMES))
    assert card.under_way == 0
    assert min(slots, 3) <= card.most <= slots


def test_a_frame_of_a_slow_source_is_not_held_back_for_the_next() -> None:
    came = threading.Event()

    class Slow(ListSource):
        def frames(self) -> Iterator[Frame]:
            for frame in super().frames():
                yield frame
                assert came.wait(30)  # the sink must have it before the next one comes
                came.clear()

    class Waking(ListSink):
        def write(self, frame: Frame) -> None:
            super().write(frame)
            came.set()

    sink = Waking()
    Pipeline(Slow([make_frame(16, 16, pts=i) for i in range(3)]), _Card(3), sink).run()
    assert len(sink.frames) == 3
