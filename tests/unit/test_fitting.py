"""Pictures that do not fit into a GPU's memory run in windows that do; whatever happens, no frame is lost."""

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr.errors import BackendError, ResourceError
from rtsr.frame import YUV420P, PixelLayout, Plane
from rtsr.models import MODELS, SEES_ALL, ModelCard, find_model
from rtsr.upscalers.fitting import SMALLEST_PX, FittedEngine, need_of, open_fitted, smaller_windows
from rtsr.upscalers.openvino import OpenVinoEngine, open_engine

SIZE = (300, 200)
CARD = find_model("esr-tr-k5c2", 2)


class Memory:
    """A GPU's memory, in input pixels, in which OpenVINO's engines live as engines of a GPU would."""

    def __init__(self, room_px: int, card: ModelCard = CARD) -> None:
        self.room_px, self.card = room_px, card
        self.opened: list[tuple[int, int]] = []
        self.full_at: set[int] = set()
        """Numbers of the beginnings, from 0, at which another program takes all."""
        self.full_when_taken: set[int] = set()
        """The same of results."""
        self.begun = self.taken = 0

    def open(self, size_wh: tuple[int, int]) -> "Limited":
        self.opened.append(size_wh)
        if size_wh[0] * size_wh[1] > self.room_px:
            raise ResourceError(f"the GPU's memory is full (asking for {size_wh})", mend="close what else uses it")
        return Limited(self, open_engine(self.card, size_wh, 1))


class Limited:
    """See `Memory`. Its results wait until they are asked for, two at most."""

    slots = 2
    precision = "fp16"

    def __init__(self, memory: Memory, engine: OpenVinoEngine) -> None:
        self.memory, self.engine, self.closed = memory, engine, False

    def begin(self, y: Plane) -> Callable[[], Plane]:
        assert not self.closed
        memory, number = self.memory, self.memory.begun
        memory.begun += 1
        if number in memory.full_at:
            raise ResourceError("the GPU's memory is full (another program came)", mend="close it")

        def take() -> Plane:
            assert not self.closed
            number, memory.taken = memory.taken, memory.taken + 1
            if number in memory.full_when_taken:
                raise ResourceError("the GPU's memory is full (while it worked)", mend="close it")
            return self.engine.run(y)

        return take

    def run(self, y: Plane) -> Plane:
        return self.begin(y)()

    def close(self) -> None:
        self.closed = True
        self.engine.close()


def _fitted(memory: Memory, free_bytes: int | None = None, size_wh: tuple[int, int] = SIZE) -> FittedEngine:
    return open_fitted(memory.open, memory.card, size_wh, need_of(memory.card, YUV420P, "fp16"), free_bytes)


def _noise(seed: int, size_wh: tuple[int, int] = SIZE) -> Plane:
    return np.random.default_rng(seed).integers(0, 256, size_wh[::-1]).astype(np.uint8)


def _wanted(picture: Plane) -> Plane:
    with closing(open_engine(CARD, picture.shape[::-1], 1)) as whole:
        return whole.run(picture)


def test_what_fits_is_made_at_once() -> None:
    memory = Memory(300 * 200)
    with closing(_fitted(memory)) as engine:
        assert engine.tiles == ""
        assert engine.precision == "fp16"
        np.testing.assert_array_equal(engine.run(_noise(1)), _wanted(_noise(1)))
    assert memory.opened == [SIZE]


def test_what_does_not_fit_is_made_in_tiles_and_said(caplog: pytest.LogCaptureFixture) -> None:
    memory = Memory(40_000)
    with caplog.at_level(logging.INFO), closing(_fitted(memory)) as engine:
        np.testing.assert_array_equal(engine.run(_noise(1)), _wanted(_noise(1)))
        assert engine.tiles == "in 2 tiles"
    assert memory.opened == [SIZE, (156, 200)]
    assert "memory is full" in caplog.text
    assert "in 2 tiles of 156x200" in caplog.text


def test_what_cannot_fit_is_not_even_tried(caplog: pytest.LogCaptureFixture) -> None:
    need = need_of(CARD, YUV420P, "fp16")
    memory = Memory(10**9)
    free = int(need.bytes_for((200, 200)) / 0.9)
    with caplog.at_level(logging.INFO), closing(_fitted(memory, free)) as engine:
        np.testing.assert_array_equal(engine.run(_noise(1)), _wanted(_noise(1)))
    assert memory.opened == [(156, 200)]
    assert "needs about" in caplog.text
    assert "is free" in caplog.text


def test_an_estimate_alone_never_refuses() -> None:
    memory = Memory(10**9)
    with closing(_fitted(memory, free_bytes=1)) as engine:
        np.testing.assert_array_equal(engine.run(_noise(2)), _wanted(_noise(2)))


def test_no_room_at_all_is_one_sentence_and_code_6() -> None:
    with pytest.raises(ResourceError, match="no room there even for") as caught:
        _fitted(Memory(0))
    assert caught.value.exit_code == 6
    assert "--device cpu" in caught.value.mend


def test_another_failure_is_not_taken_for_lack_of_memory() -> None:
    def broken(size_wh: tuple[int, int]) -> Limited:
        raise BackendError("the driver has gone", mend="restart")

    with pytest.raises(BackendError, match="the driver has gone"):
        open_fitted(broken, CARD, SIZE, need_of(CARD, YUV420P, "fp16"), None)


@given(
    full_at=st.sets(st.integers(0, 30), max_size=3),
    full_when_taken=st.sets(st.integers(0, 30), max_size=2),
    ahead=st.integers(1, 2),
)
@settings(deadline=None, max_examples=20)
def test_a_memory_that_fills_up_at_any_moment_costs_no_frame(
    full_at: set[int], full_when_taken: set[int], ahead: int
) -> None:
    size = (700, 500)
    pictures = [_noise(seed, size) for seed in range(5)]
    memory = Memory(10**9)
    memory.full_at, memory.full_when_taken = full_at, full_when_taken
    made: list[Plane] = []
    with closing(_fitted(memory, size_wh=size)) as engine:
        results: list[Callable[[], Plane]] = []
        for picture in pictures:
            results.append(engine.begin(picture))
            if len(results) == ahead:
                made.append(results.pop(0)())
        made += [result() for result in results]
    for picture, sharp in zip(pictures, made, strict=True):
        np.testing.assert_array_equal(sharp, _wanted(picture))


def test_more_than_the_slots_are_refused_and_closed_is_closed() -> None:
    engine = _fitted(Memory(10**9))
    first, second = engine.begin(_noise(1)), engine.begin(_noise(2))
    with pytest.raises(ValueError, match="no more than 2"):
        engine.begin(_noise(3))
    np.testing.assert_array_equal(first(), _wanted(_noise(1)))
    np.testing.assert_array_equal(second(), _wanted(_noise(2)))
    engine.close()
    engine.close()
    with pytest.raises(ValueError, match="closed"):
        engine.begin(_noise(3))


def test_a_network_that_sees_all_says_that_tiles_differ() -> None:
    card = replace(CARD, note=f"{SEES_ALL}: use --tile 0")
    with closing(_fitted(Memory(40_000, card))) as engine:
        assert engine.tiles == "in 2 tiles, which see less than the whole picture"


@given(size=st.tuples(st.integers(1, 5000), st.integers(1, 5000)), reach=st.integers(0, 64))
@settings(deadline=None)
def test_windows_shrink_from_the_picture_to_the_smallest(size: tuple[int, int], reach: int) -> None:
    windows = list(smaller_windows(size, reach))
    areas = [width * height for width, height in windows]
    assert windows[0] == size
    assert areas == sorted(set(areas), reverse=True)
    assert all(side <= whole for window in windows for side, whole in zip(window, size, strict=True))
    last = windows[-1]
    assert all(side <= 2 * (SMALLEST_PX + reach) for side in last)


@pytest.mark.parametrize("name", [name for name, scales in MODELS.items() if 2 in scales and name != "bicubic"])
def test_the_need_grows_with_picture_and_network(name: str) -> None:
    card = find_model(name, 2)
    half, single = need_of(card, YUV420P, "fp16"), need_of(card, YUV420P, "fp32")
    assert half.channels >= 4
    assert half.bytes_for((960, 540)) < half.bytes_for((1920, 1080)) < single.bytes_for((1920, 1080))
    assert half.bytes_for((960, 540)) < need_of(card, PixelLayout(1, 1, 10), "fp16").bytes_for((960, 540))


def test_the_need_of_a_network_without_safetensors_is_not_known() -> None:
    assert need_of(replace(CARD, safetensors=None), YUV420P, "fp16").bytes_for((9999, 9999)) == 0
