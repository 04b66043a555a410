"""An engine of one window size over a larger picture gives what an engine of that size gives."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr.frame import YUV420P, PixelLayout, Plane
from rtsr.models import MODELS, find_model
from rtsr.upscalers.openvino import OpenVinoEngine, open_engine
from rtsr.upscalers.tiled_engine import TiledEngine, Tiling

TEN_BIT = PixelLayout(1, 1, 10)
NETWORKS = [name for name, scales in MODELS.items() if 2 in scales and name != "bicubic"]
sides = st.integers(8, 90)


def _noise(size_wh: tuple[int, int], layout: PixelLayout, seed: int) -> Plane:
    return np.random.default_rng(seed).integers(0, layout.peak + 1, size_wh[::-1]).astype(layout.dtype)


def _tiled(name: str, size_wh: tuple[int, int], tile: int, layout: PixelLayout) -> TiledEngine:
    card = find_model(name, 2)
    reach = -(-card.receptive_field_px // 2)
    width, height = (min(side, tile + 2 * reach) for side in size_wh)
    return TiledEngine(open_engine(card, (width, height), 1, layout), Tiling(size_wh, (width, height), 2, reach))


@pytest.mark.parametrize("layout", [YUV420P, TEN_BIT], ids=["8 bit", "10 bit"])
@given(width=sides, height=sides, tile=st.integers(16, 80), seed=st.integers(0, 9))
@settings(deadline=None, max_examples=20)
def test_any_size_in_any_tiles_is_the_picture_at_once(
    layout: PixelLayout, width: int, height: int, tile: int, seed: int
) -> None:
    picture = _noise((width, height), layout, seed)
    with closing(open_engine(find_model("esr-tr-k5c2", 2), (width, height), 1, layout)) as whole:
        wanted = whole.run(picture)
    with closing(_tiled("esr-tr-k5c2", (width, height), tile, layout)) as tiles:
        made = tiles.run(picture)
    assert made.dtype == layout.dtype
    np.testing.assert_array_equal(made, wanted)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_in_tiles_is_within_one_code_value(name: str) -> None:
    size, picture = (181, 123), _noise((181, 123), YUV420P, 3)
    with closing(open_engine(find_model(name, 2), size, 1, YUV420P)) as whole:
        wanted = whole.run(picture).astype(int)
    with closing(_tiled(name, size, 48, YUV420P)) as tiles:
        apart = np.abs(tiles.run(picture) - wanted)
    assert apart.max() <= 1  # 0 where this was written; a CPU may add up in another order in windows of another width
    assert apart.mean() < 0.01


class Ring:
    """A real engine whose results wait until they are asked for, in a ring that takes no more than `slots`."""

    def __init__(self, engine: OpenVinoEngine, slots: int) -> None:
        self.engine, self.slots = engine, slots
        self.under_way: deque[object] = deque()
        self.most = 0

    def begin(self, y: Plane) -> Callable[[], Plane]:
        if len(self.under_way) >= self.slots:
            raise ValueError("the ring is full")
        mine, kept = object(), y.copy()
        self.under_way.append(mine)
        self.most = max(self.most, len(self.under_way))

        def take() -> Plane:
            assert self.under_way.popleft() is mine, "results are asked for in order"
            return self.engine.run(kept)

        return take

    def run(self, y: Plane) -> Plane:
        return self.begin(y)()

    def close(self) -> None:
        self.engine.close()


@pytest.fixture
def ring() -> Iterator[Ring]:
    with closing(open_engine(find_model("esr-tr-k5c2", 2), (38, 38), 1)) as engine:
        yield Ring(engine, 3)


def test_tiles_of_several_pictures_keep_the_ring_full(ring: Ring) -> None:
    tiles = TiledEngine(ring, Tiling((100, 70), (38, 38), 2, 3))
    pictures = [_noise((100, 70), YUV420P, seed) for seed in range(5)]
    with closing(open_engine(find_model("esr-tr-k5c2", 2), (100, 70), 1)) as whole:
        wanted = [whole.run(picture) for picture in pictures]
    assert tiles.slots == 3
    first, second = tiles.begin(pictures[0]), tiles.begin(pictures[1])
    assert ring.most == 3
    np.testing.assert_array_equal(first(), wanted[0])
    assert len(ring.under_way) == 3, "the second picture is at work already"
    third, fourth = tiles.begin(pictures[2]), tiles.begin(pictures[3])
    with pytest.raises(ValueError, match="no more than 3"):
        tiles.begin(pictures[4])
    for result, sharp in zip((second, third, fourth), wanted[1:4], strict=True):
        np.testing.assert_array_equal(result(), sharp)
    np.testing.assert_array_equal(tiles.run(pictures[4]), wanted[4])
    assert not ring.under_way


def test_a_picture_of_another_size_is_refused(ring: Ring) -> None:
    tiles = TiledEngine(ring, Tiling((100, 70), (38, 38), 2, 3))
    with pytest.raises(ValueError, match="made for 100x70, not for 38x38"):
        tiles.begin(_noise((38, 38), YUV420P, 0))


@pytest.mark.parametrize("window", [(6, 70), (100, 5), (101, 70), (0, 0)])
def test_windows_that_would_see_only_margins_are_refused(window: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no window"):
        Tiling((100, 70), window, 2, 3)


@given(size=st.tuples(st.integers(1, 150), st.integers(1, 150)), reach=st.integers(0, 40), data=st.data())
@settings(deadline=None, max_examples=60)
def test_windows_are_of_one_size_and_make_every_sample_once(
    size: tuple[int, int], reach: int, data: st.DataObject
) -> None:
    window = tuple(data.draw(st.integers(2 * reach + 8, side)) if side >= 2 * reach + 8 else side for side in size)
    cut = Tiling(size, (window[0], window[1]), 3, reach)
    made = np.zeros((size[1] * 3, size[0] * 3), int)
    for seen, part, place in cut.boxes():
        rows, columns = (box.stop - box.start for box in seen)
        assert (columns, rows) == window
        assert made[place].shape == np.empty((rows * 3, columns * 3))[part].shape
        made[place] += 1
    assert (made == 1).all()
    assert len(cut.boxes()) == cut.count
    assert replace(cut, window_wh=size).count == 1
