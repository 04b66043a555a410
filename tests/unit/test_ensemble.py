"""The self-ensemble asks about eight different views and puts each answer back where it belongs."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr.upscalers.ensemble import ensembled
from rtsr.upscalers.tiles import Luma


def _doubled(luma: Luma) -> Luma:
    return np.repeat(np.repeat(luma, 2, axis=0), 2, axis=1)


def _smeared(luma: Luma) -> Luma:
    """Lopsided: to the right and downwards."""
    large = _doubled(luma)
    return large * np.float32(0.5) + np.roll(large, (1, 2), (0, 1)) * np.float32(0.5)


def _picture(height: int, width: int) -> Luma:
    return np.random.default_rng(height * 100 + width).random((height, width), np.float32)


def test_it_asks_about_eight_views() -> None:
    asked: list[Luma] = []

    def run(luma: Luma) -> Luma:
        assert luma.flags.c_contiguous
        asked.append(luma)
        return _doubled(luma)

    ensembled(run)(_picture(3, 4))
    assert len({(view.shape, view.tobytes()) for view in asked}) == 8


@given(height=st.integers(1, 12), width=st.integers(1, 12))
@settings(deadline=None)
def test_a_network_without_a_preference_is_left_as_it_is(height: int, width: int) -> None:
    picture = _picture(height, width)
    np.testing.assert_allclose(ensembled(_doubled)(picture), _doubled(picture), rtol=0, atol=1e-6)


@given(height=st.integers(1, 12), width=st.integers(1, 12), quarters=st.integers(0, 3), mirrored=st.booleans())
@settings(deadline=None)
def test_a_turned_picture_gives_the_turned_result(height: int, width: int, quarters: int, mirrored: bool) -> None:
    def turned(luma: Luma) -> Luma:
        return np.rot90(luma[:, ::-1] if mirrored else luma, quarters)

    picture, run = _picture(height, width), ensembled(_smeared)
    np.testing.assert_allclose(run(turned(picture)), turned(run(picture)), rtol=0, atol=1e-6)
