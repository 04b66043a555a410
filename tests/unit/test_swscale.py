"""The chroma path against an exact resampling in float64."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr.color import Range, Siting
from rtsr.frame import PixelLayout
from rtsr.swscale import LayoutConverter, Resampler, RgbScaler
from tests.conftest import make_frame
from tests.deep import LAYOUTS, noise


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


@pytest.mark.parametrize("siting", [Siting.LEFT, Siting.CENTER, Siting.TOP_LEFT])
@pytest.mark.parametrize(
    "layout", [*LAYOUTS, PixelLayout(8, 0, 1), PixelLayout(8, 2, 0), PixelLayout(10, 0, 1)], ids=str
)
@pytest.mark.parametrize("scale", [2, 3])
def test_every_layout_goes_where_its_siting_says(siting: Siting, layout: PixelLayout, scale: int) -> None:
    """Half a code value of rounding, and what swscale's coefficients of 12 bit leave: 1/1000 of the peak at x3."""
    frame = noise(96, 64, layout, siting)
    with closing(Resampler((96, 64), scale, siting, 1, layout)) as resampler:
        y, u, _ = resampler.scaled(frame)
    assert y.dtype == u.dtype == layout.dtype
    offsets = siting.offset_in(layout.block_wh)
    across, down = (offset / side for offset, side in zip(offsets, layout.block_wh, strict=True))
    rows, columns = frame.u.shape
    exact = _exact(rows, scale, down) @ frame.u.astype(float) @ _exact(columns, scale, across).T
    luma = _exact(64, scale, 0) @ frame.y.astype(float) @ _exact(96, scale, 0).T
    for made, wanted in ((u, exact), (y, luma)):
        off = np.abs(made - np.clip(wanted, 0, layout.peak))[4 * scale : -4 * scale, 4 * scale : -4 * scale]
        assert off.max() <= (0.51 + layout.peak / 9000 if scale == 2 else 0.51 + layout.peak / 1000)
        assert off.mean() <= 0.26 + layout.peak / 12000


def test_a_colour_edge_stays_where_it_is_in_4_2_2() -> None:
    """Half-way up an edge between the chroma samples 15 and 16 is a place in the picture, and stays it."""
    layout = PixelLayout(10, 1, 0)
    for siting, first, middle in ((Siting.LEFT, 0.0, 31.0), (Siting.CENTER, 0.5, 31.5)):
        frame = noise(64, 16, layout, siting)
        u = np.full((16, 32), 300, np.uint16)
        u[:, 16:] = 700
        with closing(Resampler((64, 16), 2, siting, 1, layout)) as resampler:
            made = resampler.scaled(replace(frame, u=u))[1][8].astype(float)
        at = int(np.argmax(made >= 500))
        place = at - 1 + (500 - made[at - 1]) / (made[at] - made[at - 1])  # in chroma samples of the result
        larger = 2 * place + first  # in its luma samples
        assert (larger + 0.5) / 2 - 0.5 == pytest.approx(middle, abs=0.06)


@given(width=st.integers(1, 21), height=st.integers(1, 21), layout=st.sampled_from(LAYOUTS))
@settings(max_examples=30, deadline=None)
def test_another_depth_keeps_levels_and_comes_back(width: int, height: int, layout: PixelLayout) -> None:
    frame = noise(width, height, layout)
    deeper = PixelLayout(layout.bits + 2, layout.log2_across, layout.log2_down)
    size = width, height
    planes = LayoutConverter(size, layout, deeper, frame.color).converted(frame)
    for made, given_ in zip(planes, (frame.y, frame.u, frame.v), strict=True):
        assert made.dtype == deeper.dtype
        np.testing.assert_array_equal(made, given_.astype(np.uint16) * 4)
    y, u, v = planes
    back = LayoutConverter(size, deeper, layout, frame.color).converted(replace(frame, y=y, u=u, v=v, layout=deeper))
    for made, given_ in zip(back, (frame.y, frame.u, frame.v), strict=True):
        np.testing.assert_array_equal(made, given_)


@pytest.mark.parametrize("range_", [Range.LIMITED, Range.FULL])
@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_flat_areas_keep_their_level_in_any_layout(layout: PixelLayout, range_: Range) -> None:
    unit = 1 << (layout.bits - 8)
    frame = noise(32, 16, layout)
    codes = 81, 90, 240
    flat = [np.full_like(plane, code * unit) for plane, code in zip((frame.y, frame.u, frame.v), codes, strict=True)]
    color = replace(frame.color, range=range_)
    still = replace(frame, y=flat[0], u=flat[1], v=flat[2], color=color)
    with closing(Resampler((32, 16), 2, Siting.LEFT, 1, layout)) as resampler:
        for made, wanted in zip(resampler.scaled(still), flat, strict=True):
            assert np.abs(made.astype(int) - int(wanted[0, 0])).max() == 0
    for target in LAYOUTS:
        planes = LayoutConverter((32, 16), layout, target, color).converted(still)
        step = 2.0 ** (target.bits - layout.bits)
        white = target.peak / layout.peak if range_ is Range.FULL else step  # full range: the largest code is white
        most = max(1.0, step) if range_ is Range.FULL else 1.0  # swscale takes the step for it where chroma changes too
        for made, code, wider in zip(planes, codes, (white, step, step), strict=True):
            assert np.abs(made - code * unit * wider).max() <= most


@pytest.mark.parametrize("layout", LAYOUTS[1:], ids=str)
def test_deeper_pictures_are_shown_as_the_8_bit_ones(layout: PixelLayout) -> None:
    frame = noise(64, 48, PixelLayout(8, layout.log2_across, layout.log2_down))
    unit = 1 << (layout.bits - 8)
    y, u, v = ((plane.astype(layout.dtype) * unit).astype(layout.dtype) for plane in (frame.y, frame.u, frame.v))
    deep = replace(frame, y=y, u=u, v=v, layout=layout)
    one = RgbScaler((64, 48), (80, 60), frame.color, frame.layout).bgra(frame)
    other = RgbScaler((64, 48), (80, 60), frame.color, layout).bgra(deep)
    assert np.abs(one.astype(int) - other).max() <= 2
