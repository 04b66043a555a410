"""While a better upscaler is made the picture goes on, and the better one comes in between two frames."""

import threading
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from rtsr.background import Background, Report
from rtsr.config import Upscale
from rtsr.errors import BackendError
from rtsr.pipeline import Pipeline
from rtsr.stages import Upscaler
from rtsr.upscalers import BACKENDS, open_upscaler
from rtsr.upscalers.swap import SwappingUpscaler, open_at_once
from tests.conftest import ListSink, ListSource, make_frame, make_info

INFO = make_info(40, 30)


def _bicubic() -> Upscaler:
    return open_upscaler(Upscale(model="bicubic"), INFO)


def _network() -> Upscaler:
    return open_upscaler(Upscale(model="esr-tm-k5c2", backend="openvino"), INFO)


class _Gate:
    """Makes the network when it is opened."""

    def __init__(self, make: Callable[[], Upscaler] = _network) -> None:
        self.open, self.reached = threading.Event(), threading.Event()
        self._make = make
        self.told: list[bool] = []
        self.closed = threading.Event()

    def __call__(self, report: Report) -> Upscaler:
        self.told.append(report(0.25, "building"))
        self.reached.set()
        assert self.open.wait(30)
        self.told.append(report(0.75, "building"))
        made = self._make()
        before = made.close

        def close() -> None:
            before()
            self.closed.set()

        made.close = close  # type: ignore[method-assign]
        return made


def _wait_for(background: Background[Upscaler]) -> None:
    background._thread.join(30)


@pytest.mark.parametrize("after", [0, 1, 5])
def test_every_frame_is_shown_and_from_one_on_the_better_one_makes_them(after: int) -> None:
    gate = _Gate()
    background = Background(gate, "test")
    swapping = SwappingUpscaler(_bicubic(), background, "the network", "raise")
    frames = [make_frame(40, 30, seed=i, pts=i) for i in range(24)]

    class Opening(ListSink):
        def write(self, frame):
            super().write(frame)
            if len(self.frames) == after:
                gate.open.set()
                _wait_for(background)

    if not after:
        gate.open.set()
        _wait_for(background)
    sink = Opening()
    Pipeline(ListSource(frames), swapping, sink).run()
    plain, better = _bicubic(), _network()
    kinds = []
    for made, frame in zip(sink.frames, frames, strict=True):
        by = {"plain": plain.upscale(frame).y, "better": better.upscale(frame).y}
        kinds.append(next(name for name, y in by.items() if np.array_equal(y, made.y)))
    assert kinds == sorted(kinds, reverse=True)
    assert kinds[:after] == ["plain"] * after
    assert kinds[-1] == "better"


def test_the_badge_tells_what_runs_and_what_it_waits_for() -> None:
    gate = _Gate()
    background = Background(gate, "test")
    swapping = SwappingUpscaler(_bicubic(), background, "TensorRT", "raise")
    assert gate.reached.wait(30)
    swapping.upscale(make_frame(40, 30))
    assert str(swapping.badge).startswith("not SR: bicubic")
    assert "until TensorRT is ready, 25%" in str(swapping.badge)
    gate.open.set()
    _wait_for(background)
    swapping.upscale(make_frame(40, 30))
    assert str(swapping.badge) == str(_network().badge)
    swapping.close()


def test_frames_under_way_are_finished_by_the_one_that_began_them() -> None:
    gate = _Gate()
    background = Background(gate, "test")
    swapping = SwappingUpscaler(_bicubic(), background, "TensorRT", "raise")
    frame = make_frame(40, 30)
    first = swapping.begin(frame)
    gate.open.set()
    _wait_for(background)
    second = swapping.begin(frame)
    plain = first().y
    np.testing.assert_array_equal(plain, second().y)
    assert not np.array_equal(plain, swapping.upscale(frame).y)
    swapping.close()


def _refuse() -> Upscaler:
    raise BackendError("no GPU", mend="buy one")


def test_a_named_one_that_cannot_be_made_ends_the_run() -> None:
    gate = _Gate(_refuse)
    background = Background(gate, "test")
    pipeline = Pipeline(
        ListSource([make_frame(40, 30)] * 3), SwappingUpscaler(_bicubic(), background, "TensorRT", "raise"), ListSink()
    )
    gate.open.set()
    _wait_for(background)
    with pytest.raises(BackendError, match="no GPU"):
        pipeline.run()


def test_one_that_was_only_hoped_for_leaves_the_picture_as_it_is_and_says_why() -> None:
    gate = _Gate(_refuse)
    background = Background(gate, "test")
    swapping = SwappingUpscaler(_network(), background, "TensorRT", "go_on")
    gate.open.set()
    _wait_for(background)
    sink = ListSink()
    Pipeline(ListSource([make_frame(40, 30)] * 3), swapping, sink).run()
    assert len(sink.frames) == 3
    assert "TensorRT failed: no GPU" in str(swapping.badge)


def test_closing_stops_the_making_and_closes_what_comes_too_late() -> None:
    gate = _Gate()
    background = Background(gate, "test")
    swapping = SwappingUpscaler(_bicubic(), background, "TensorRT", "raise")
    assert gate.reached.wait(30)
    threading.Timer(0.2, gate.open.set).start()
    swapping.close()
    swapping.close()
    assert gate.closed.wait(30)
    assert gate.told == [True, False]


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> _Gate:
    """A GPU that is there, whose engine takes its time."""
    gate = _Gate()
    monkeypatch.setattr("rtsr.upscalers.swap.absence", lambda name, options: None)
    monkeypatch.setattr("rtsr.upscalers.absence", lambda name, options: None)
    monkeypatch.setitem(BACKENDS, "tensorrt", lambda options, info, report: gate(report or (lambda *_: True)))
    return gate


@pytest.mark.parametrize(
    ("model", "backend", "first"),
    [
        ("esr-tm-k5c2", "auto", "SR esr-tm-k5c2 x2 · OpenVINO"),
        ("esr-tm-k5c2", "tensorrt", "SR esr-tm-k5c2 x2 · OpenVINO"),
        ("imdn-light", "auto", "not SR: bicubic x2"),  # no CPU would hold 60 frames of it in a second
    ],
)
def test_what_is_watched_begins_at_once(gate: _Gate, model: str, backend: str, first: str) -> None:
    info = replace(make_info(640, 360), rate_fps=Fraction(60))
    opened = open_at_once(Upscale(model=model, backend=backend), info)
    assert str(opened.badge).startswith(first)
    assert "until TensorRT is ready" in str(opened.badge)
    opened.upscale(make_frame(640, 360))
    gate.open.set()
    opened.close()


def test_what_is_required_is_waited_for(gate: _Gate) -> None:
    gate.open.set()
    opened = open_at_once(Upscale(model="esr-tm-k5c2", require="tensorrt"), INFO)
    assert "until" not in str(opened.badge)
    opened.close()


def test_without_a_gpu_nothing_waits() -> None:
    opened = open_at_once(Upscale(model="esr-tm-k5c2", device="cpu"), INFO)
    assert not isinstance(opened, SwappingUpscaler)
    opened.close()
