"""The chroma path against an exact resampling in float64."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr.color import Siting
from rtsr.swscale import Resampler
from tests.conftest import make_frame


def _keys(distance: np.ndarray, a: float = -0.6) -> np.ndarray:
    """Keys' cubic convolution kernel (1981); swscale's default has a = -0.6."""
    d = np.abs(distance)
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * (d**3 - 5 * d**2 + 8 * d - 4)
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _exact(size: int, scale: int, offset: float) -> np.ndarray:
    """(S*size, size) weights; `offset` = place of a chroma sample from the middle of its block, in chroma samples."""
    made = np.arange(size * scale)
    place = (made + 0.5 + offset) / scale - 0.5 - offset
    weights = np.zeros((size * scale, size))
    first = np.floor(place).astype(int) - 1
    for tap in range(4):
        np.add.at(weights, (made, np.clip(first + tap, 0, size - 1)), _keys(place - (first + tap)))
    return weights


@pytest.mark.parametrize("siting", [Siting.LEFT, Siting.CENTER, Siting.TOP_LEFT, Siting.UNSPECIFIED])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_chroma_goes_where_its_siting_says(siting: Siting, scale: int) -> None:
    frame = make_frame(96, 64, siting=siting)
    with closing(Resampler((96, 64), scale, siting, 1)) as resampler:
        y, u, _ = resampler.scaled(frame)
    across, down = (offset / 2 for offset in siting.offset_xy)
    exact = _exact(32, scale, down) @ frame.u.astype(float) @ _exact(48, scale, across).T
    luma = _exact(64, scale, 0) @ frame.y.astype(float) @ _exact(96, scale, 0).T
    for made, wanted in ((u, exact), (y, luma)):
        off = np.abs(made - np.clip(wanted, 0, 255))
        inner = slice(4 * scale, -4 * scale)  # within two taps of the border swscale drops taps instead of repeating
        assert off[inner, inner].max() <= 0.7
        assert off.max() <= 5


def test_the_wrong_siting_would_be_noticed() -> None:
    frame = make_frame(96, 64, siting=Siting.CENTER)
    with closing(Resampler((96, 64), 2, Siting.CENTER, 1)) as resampler:
        u = resampler.scaled(frame)[1]
    wrong = _exact(32, 2, 0) @ frame.u.astype(float) @ _exact(48, 2, -0.25).T
    assert np.abs(u - np.clip(wrong, 0, 255)).max() > 5


@given(width=st.integers(1, 33), height=st.integers(1, 33), scale=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_odd_sides_do_not_stretch_chroma(width: int, height: int, scale: int) -> None:
    odd = make_frame(width, height)
    even = make_frame(width + width % 2, height + height % 2)
    even = replace(even, u=odd.u, v=odd.v)
    with closing(Resampler((width, height), scale, Siting.LEFT, 1)) as one:
        u = one.scaled(odd)[1]
    with closing(Resampler((even.width, even.height), scale, Siting.LEFT, 1)) as other:
        whole = other.scaled(even)[1]
    np.testing.assert_array_equal(u, whole[: u.shape[0], : u.shape[1]])
