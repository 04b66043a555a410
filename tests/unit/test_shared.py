"""Several streams share one upscaler, and each gets what it would get alone."""

import threading
from contextlib import ExitStack, closing
from dataclasses import replace

import numpy as np
import pytest

from rtsr.config import Upscale, View
from rtsr.errors import BackendError
from rtsr.frame import PixelLayout, StreamInfo
from rtsr.pipeline import Pipeline
from rtsr.stages import Upscaler
from rtsr.upscalers import open_upscaler
from rtsr.upscalers.shared import SharedUpscalers
from tests.conftest import ListSink, ListSource, make_frame, make_info

INFO = make_info(64, 48)


class _Counting:
    """Opens real upscalers, and knows how many are open."""

    def __init__(self) -> None:
        self.opened: list[Upscaler] = []
        self.closed = 0

    def __call__(self, options: Upscale, info: StreamInfo) -> Upscaler:
        upscaler = open_upscaler(options, info)
        before = upscaler.close

        def close() -> None:
            self.closed += 1
            before()

        upscaler.close = close  # type: ignore[method-assign]
        self.opened.append(upscaler)
        return upscaler


def _threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "rtsr-shared-model"]


def _alone(options: Upscale, seeds: range) -> list[np.ndarray]:
    with closing(open_upscaler(options, INFO)) as upscaler:
        return [upscaler.upscale(make_frame(64, 48, seed=seed)).y for seed in seeds]


@pytest.mark.parametrize(
    ("backend", "model"),
    [
        ("openvino", "esr-max-k7c3"),
        ("openvino", "ecbsr-m4c16"),
        ("bicubic", "esr-tm-k5c2"),
        ("tensorrt", "esr-tm-k5c2"),
    ],
)
def test_four_pipelines_at_once_get_what_each_would_get_alone(
    backend: str, model: str, request: pytest.FixtureRequest
) -> None:
    if backend == "tensorrt":  # three frames under way in its ring, of whichever source
        request.getfixturevalue("gpu_machine")
    options = Upscale(model=model, backend=backend)
    opening = _Counting()
    shared = SharedUpscalers(opening)
    seeds = [range(100 * number, 100 * number + 12) for number in range(4)]
    sinks = [ListSink() for _ in seeds]
    pipelines = [
        Pipeline(
            ListSource([make_frame(64, 48, seed=seed, pts=seed) for seed in mine]), shared.open(options, INFO), sink
        )
        for mine, sink in zip(seeds, sinks, strict=True)
    ]
    assert len(_threads()) == 1
    runs = [threading.Thread(target=pipeline.run) for pipeline in pipelines]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    assert len(opening.opened) == opening.closed == 1, "one network, closed when the last stream ended"
    assert not _threads()
    for mine, sink in zip(seeds, sinks, strict=True):
        assert [frame.pts for frame in sink.frames] == list(mine)
        for made, wanted in zip(sink.frames, _alone(options, mine), strict=True):
            assert np.array_equal(made.y, wanted)


def test_what_differs_in_size_layout_siting_or_network_is_not_shared() -> None:
    opening = _Counting()
    shared = SharedUpscalers(opening)
    plain = Upscale(model="esr-tm-k5c2", backend="openvino")
    others = [
        (plain, make_info(66, 48)),
        (plain, replace(INFO, layout=PixelLayout(10))),
        (plain, replace(INFO, color=replace(INFO.color, siting=type(INFO.color.siting).CENTER))),
        (replace(plain, scale=3), INFO),
        (replace(plain, model="esr-max-k7c3"), INFO),
    ]
    with ExitStack() as stack:
        for options, info in [(plain, INFO), (plain, replace(INFO, label="another", live=True)), *others]:
            stack.enter_context(closing(shared.open(options, info)))
        assert len(opening.opened) == 1 + len(others)
    assert opening.closed == len(opening.opened)


def test_what_the_viewer_wants_beside_the_network_does_not_part_sources() -> None:
    opening = _Counting()
    shared = SharedUpscalers(opening)
    asked = {"model": "esr-tm-k5c2", "backend": "openvino"}
    with closing(shared.open(View(source="a", **asked), INFO)), closing(shared.open(View(source="b", **asked), INFO)):  # type: ignore[arg-type]
        assert len(opening.opened) == 1


def test_a_frame_that_fails_fails_its_own_stream_alone() -> None:
    shared = SharedUpscalers(open_upscaler)
    options = Upscale(model="esr-tm-k5c2", backend="openvino")
    with closing(shared.open(options, INFO)) as good, closing(shared.open(options, INFO)) as bad:
        with pytest.raises(ValueError):  # noqa: PT011 - numpy's words
            bad.upscale(make_frame(32, 32))
        assert good.upscale(make_frame(64, 48)).y.shape == (96, 128)
        assert bad.upscale(make_frame(64, 48)).y.shape == (96, 128)


def test_one_that_cannot_be_opened_is_tried_by_the_next() -> None:
    tries: list[str] = []

    def opening(options: Upscale, info: StreamInfo) -> Upscaler:
        tries.append(info.label)
        if len(tries) == 1:
            raise BackendError("no", mend="try again")
        return open_upscaler(options, info)

    shared = SharedUpscalers(opening)
    with pytest.raises(BackendError):
        shared.open(Upscale(model="bicubic"), INFO)
    with closing(shared.open(Upscale(model="bicubic"), INFO)) as upscaler:
        upscaler.upscale(make_frame(64, 48))
    assert len(tries) == 2


def test_closing_twice_takes_no_other_streams_engine_away() -> None:
    shared = SharedUpscalers(open_upscaler)
    options = Upscale(model="bicubic")
    first, second = shared.open(options, INFO), shared.open(options, INFO)
    first.close()
    first.close()
    with pytest.raises(ValueError, match="closed"):
        first.begin(make_frame(64, 48))
    assert second.upscale(make_frame(64, 48)).width == 128
    second.close()
    with closing(shared.open(options, INFO)) as third:
        assert third.upscale(make_frame(64, 48)).width == 128
    assert not _threads()
