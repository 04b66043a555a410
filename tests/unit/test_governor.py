"""The governor at work: steps between two frames, without a frame lost, on a clock of the test's own."""

import logging
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import numpy as np
import pytest

from rtsr.background import Report
from rtsr.config import Upscale
from rtsr.errors import BackendError
from rtsr.frame import Frame
from rtsr.pipeline import Pipeline
from rtsr.stages import Badge, Upscaler
from rtsr.upscalers import open_upscaler
from rtsr.upscalers.governor import GovernedUpscaler, Ladder, Rung
from rtsr.upscalers.steps import Budget
from tests.conftest import ListSink, ListSource, make_frame, make_info

INFO = make_info(40, 30)
FRAME = make_frame(40, 30)
MODELS = ("esr-tr-k5c2", "esr-tm-k5c2", "bicubic")


class Show:
    """A screen that shows as many frames per second as it is told to."""

    def __init__(self) -> None:
        self.fps: float | None = 25.0
        self.forgotten = 0

    def source_fps(self) -> float | None:
        return 25.0

    def shown_fps(self) -> float | None:
        return self.fps

    def latency_ms(self) -> float | None:
        return None

    def forget(self) -> None:
        self.forgotten += 1


class Machine:
    """One without sensors."""

    closed = False

    def budget(self) -> Budget:
        return Budget()

    def watts(self) -> float | None:
        return None

    def temp_c(self) -> float | None:
        return None

    def words(self) -> str:
        return ""

    def close(self) -> None:
        self.closed = True


def opener(model: str) -> Callable[[Report | None], Upscaler]:
    backend = "auto" if model == "bicubic" else "openvino"
    return lambda _report: open_upscaler(Upscale(model=model, backend=backend), INFO)


class Ruled:
    """A governed upscaler, its screen, and a clock that goes a tenth of a second with each look at it."""

    def __init__(self, *openers: Callable[[Report | None], Upscaler]) -> None:
        openers = openers or tuple(map(opener, MODELS))
        rungs = tuple(
            Rung(model, 1e-6 * (3 - at), make) for at, (model, make) in enumerate(zip(MODELS, openers, strict=True))
        )
        ticks = count()
        self.show, self.machine = Show(), Machine()
        self.upscaler = GovernedUpscaler(
            rungs[0].open(None), Ladder(rungs, 0), self.show, self.machine, lambda: next(ticks) / 10
        )

    def watch(self, fps: float, until: str, most: int = 2000) -> list[str]:
        """Upscale frames while `fps` are shown; the models that made them, one after the other, to `until`."""
        self.show.fps = fps
        seen: list[str] = []
        for _ in range(most):
            made = self.upscaler.upscale(FRAME)
            assert made.y.shape == (60, 80)
            model = self.upscaler.badge.model
            seen += [model] if not seen or seen[-1] != model else []
            if model == until:
                return seen
            if self.upscaler._opening is not None:
                self.upscaler._opening._thread.join(30)
        pytest.fail(f"{until} was not reached: {seen}")


def test_it_steps_down_while_too_few_frames_are_shown_and_up_again_after(caplog: pytest.LogCaptureFixture) -> None:
    ruled = Ruled()
    with caplog.at_level(logging.INFO, "rtsr"):
        assert ruled.watch(10.0, "bicubic")[0] == "esr-tr-k5c2"
        assert "not SR: bicubic" in str(ruled.upscaler.badge)
        assert "10.0 of 25.0 fps are shown" in str(ruled.upscaler.badge)
        # what a tiny picture costs here is no matter: by these numbers it is nothing
        ruled.upscaler._costs_ms = [3e-9, 2e-9, 1e-9]
        ruled.upscaler._cost_ms.clear()
        assert ruled.watch(25.0, "esr-tr-k5c2") == ["bicubic", "esr-tm-k5c2", "esr-tr-k5c2"]
    told = [one.getMessage() for one in caplog.records if one.getMessage().startswith("governor: ")]
    assert all(": " in one.removeprefix("governor: ") for one in told)
    assert any("down from esr-tr-k5c2" in one and "10.0 of 25.0 fps are shown" in one for one in told)
    assert any("up from bicubic to esr-tm-k5c2: all budgets have had room for" in one for one in told)
    assert ruled.show.forgotten == ruled.upscaler.steps
    ruled.upscaler.close()
    assert ruled.machine.closed


def test_every_frame_is_made_by_one_rung_or_the_next() -> None:
    ruled = Ruled()
    by = {model: opener(model)(None).upscale(FRAME).y for model in MODELS}
    ruled.show.fps = 10.0
    kinds = []
    for _ in range(400):
        made = ruled.upscaler.upscale(FRAME)
        kinds.append(next(at for at, model in enumerate(MODELS) if np.array_equal(by[model], made.y)))
        if ruled.upscaler._opening is not None:
            ruled.upscaler._opening._thread.join(30)
    assert kinds == sorted(kinds)
    assert kinds[0] == 0
    assert kinds[-1] == 2
    ruled.upscaler.close()


def test_turned_off_it_goes_back_to_where_it_began_and_stays() -> None:
    ruled = Ruled()
    ruled.watch(10.0, "bicubic")
    ruled.upscaler.turn(to_on=False)
    ruled.watch(10.0, "esr-tr-k5c2")
    assert "turned off" in str(ruled.upscaler.badge)
    assert ruled.upscaler.words == "governor off, esr-tr-k5c2"
    for _ in range(300):
        ruled.upscaler.upscale(FRAME)
    assert ruled.upscaler.badge.model == "esr-tr-k5c2"
    ruled.upscaler.turn(to_on=True)
    ruled.watch(10.0, "bicubic")
    assert ruled.upscaler.words.startswith("governor: rung 3 of 3, bicubic · 10.0 of 25.0 fps")
    ruled.upscaler.close()


def test_a_rung_that_cannot_be_opened_is_said_and_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    def refuse(_report: Report | None) -> Upscaler:
        raise BackendError("no room on the GPU", mend="close something")

    ruled = Ruled(opener(MODELS[0]), refuse, opener(MODELS[2]))
    ruled.upscaler._costs_ms = [4.0, 1e-9, 1e-10]  # the forecast says that the middle one is enough
    with caplog.at_level(logging.WARNING, "rtsr"):
        assert ruled.watch(10.0, "bicubic") == ["esr-tr-k5c2", "bicubic"]
    assert "governor: esr-tm-k5c2 cannot be had: no room on the GPU. close something" in caplog.text
    ruled.upscaler.close()


class TwoAtOnce:
    """Bicubic that may have two frames under way, as a GPU may."""

    def __init__(self, scale: int, name: str) -> None:
        self.inner = open_upscaler(Upscale(model="bicubic", scale=scale), INFO)
        self.scale, self.size_wh, self.slots = self.inner.scale, self.inner.size_wh, 2
        self.badge = Badge(name, scale, "swscale", "CPU")
        self.under_way, self.closed, self.most = 0, False, 0

    def begin(self, frame: Frame) -> Callable[[], Frame]:
        assert not self.closed
        self.under_way += 1
        self.most = max(self.most, self.under_way)

        def result() -> Frame:
            assert not self.closed, "a result of what was closed"
            self.under_way -= 1
            return replace(self.inner.upscale(frame), origin=frame)

        return result

    def upscale(self, frame: Frame) -> Frame:
        return self.begin(frame)()

    def close(self) -> None:
        assert not self.under_way
        self.closed = True
        self.inner.close()


def test_a_gpu_that_always_has_a_frame_under_way_is_drained_for_the_step() -> None:
    made = [TwoAtOnce(2, name) for name in MODELS]
    ruled = Ruled(*((lambda _report, one=one: one) for one in made))
    ruled.show.fps = 10.0
    sink = ListSink()
    frames = [make_frame(40, 30, seed=pts % 3, pts=pts) for pts in range(600)]
    Pipeline(ListSource(frames), ruled.upscaler, sink).run()
    assert [frame.pts for frame in sink.frames] == list(range(600))
    assert made[0].most == 2
    assert ruled.upscaler.steps >= 1
    assert made[0].closed


def test_closed_while_a_rung_is_opened_it_leaves_nothing_open() -> None:
    late = TwoAtOnce(2, "late")
    ruled = Ruled(opener(MODELS[0]), lambda _report: late, lambda _report: late)
    ruled.show.fps = 10.0
    while ruled.upscaler._opening is None:
        ruled.upscaler.upscale(FRAME)
    opening = ruled.upscaler._opening
    ruled.upscaler.close()
    ruled.upscaler.close()
    opening._thread.join(30)
    assert late.closed


def test_a_budget_that_nothing_holds_is_said_as_long_as_it_is_broken(caplog: pytest.LogCaptureFixture) -> None:
    ruled = Ruled()
    ruled.watch(10.0, "bicubic")
    for fps in (10.0, 25.0, 10.0):
        ruled.show.fps = fps
        ruled.upscaler._costs_ms = [1.0, 1.0, 1e-9]  # nothing better is in sight
        for _ in range(200):
            ruled.upscaler.upscale(FRAME)
        assert ("the budget is not held" in str(ruled.upscaler.badge)) == (fps == 10.0)
        assert ruled.upscaler.badge.model == "bicubic"
    said = [one for one in caplog.messages if "there is nothing cheaper" in one]
    assert len(said) == 1, "trouble that comes back within a minute is not said again"
    ruled.upscaler.close()
