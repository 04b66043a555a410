"""A picture in tiles is the picture at once, to the last bit, for any size, tile and network."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr.jobs.image import luma_network
from rtsr.models import MODELS, find_model
from rtsr.upscalers.ensemble import ensembled
from rtsr.upscalers.tiles import SMALLEST_PX, Luma, LumaFunction, tiled

SCALE = 2
NETWORKS = [name for name, scales in MODELS.items() if SCALE in scales]


@cache
def _network(name: str) -> LumaFunction:
    return luma_network(find_model(name, SCALE))


def _noise(height: int, width: int, seed: int) -> Luma:
    return np.random.default_rng(seed).random((height, width), np.float32)


def _blurred(luma: Luma) -> Luma:
    """Sees one pixel around, and more at the borders; three times as large."""
    padded = np.pad(luma, 1, mode="reflect" if min(luma.shape) > 1 else "edge")
    mixed = padded[:-2, 1:-1] * np.float32(0.3) + padded[1:-1, 2:] * np.float32(0.3) + luma * np.float32(0.4)
    return np.repeat(np.repeat(mixed, 3, axis=0), 3, axis=1)


sides = st.integers(1, 90)


@given(height=sides, width=sides, tile_px=st.integers(1, 100), reach_px=st.integers(1, 7))
@settings(deadline=None)
def test_any_local_function_on_any_tile(height: int, width: int, tile_px: int, reach_px: int) -> None:
    picture = _noise(height, width, tile_px)
    assert np.array_equal(tiled(_blurred, 3, tile_px, reach_px)(picture), _blurred(picture))


@pytest.mark.parametrize("name", NETWORKS)
@given(height=sides, width=sides, tile_px=st.integers(SMALLEST_PX, 60), seed=st.integers(0, 9))
@settings(deadline=None, max_examples=25)
def test_every_network_on_any_tile(name: str, height: int, width: int, tile_px: int, seed: int) -> None:
    picture, reach_px = _noise(height, width, seed), -(-find_model(name, SCALE).receptive_field_px // 2)
    run = _network(name)
    assert np.array_equal(tiled(run, SCALE, tile_px, reach_px)(picture), run(picture))


@given(height=sides, width=sides, tile_px=st.integers(SMALLEST_PX, 60))
@settings(deadline=None, max_examples=15)
def test_the_ensemble_too(height: int, width: int, tile_px: int) -> None:
    picture, run = _noise(height, width, 0), ensembled(_network("esr-tr-k5c2"))
    assert np.array_equal(tiled(run, SCALE, tile_px, 3)(picture), run(picture))


def test_windows_are_of_one_size_and_bounded() -> None:
    seen = set()

    def run(luma: Luma) -> Luma:
        seen.add(luma.shape)
        return luma

    tiled(run, 1, 32, 3)(_noise(100, 150, 0))
    assert seen == {(38, 38)}
