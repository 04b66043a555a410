"""A part of the picture by the network, the rest bicubic: exact where each is alone, and no seam between them."""

from contextlib import closing
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr.config import Upscale
from rtsr.errors import UsageError
from rtsr.frame import YUV420P, Frame, PixelLayout
from rtsr.stages import Upscaler
from rtsr.upscalers import open_upscaler
from rtsr.upscalers.region import FEATHER, Box, RegionUpscaler, info_of, middle_of, parse_region
from tests.conftest import make_frame, make_info

SIZE = (128, 96)
BOX = Box(32, 24, 64, 48)


def bicubic(size: tuple[int, int] = SIZE, scale: int = 2) -> Upscaler:
    return open_upscaler(Upscale(model="bicubic", scale=scale), make_info(*size))


def region(box: Box, model: str = "esr-tm-k5c2", size: tuple[int, int] = SIZE) -> RegionUpscaler:
    info = make_info(*size)
    part = open_upscaler(Upscale(model=model, backend="auto" if model == "bicubic" else "openvino"), info_of(info, box))
    return RegionUpscaler(bicubic(size), part, box, info)


def made(upscaler: Upscaler, frame: Frame) -> Frame:
    with closing(upscaler):
        return upscaler.upscale(frame)


def test_the_network_makes_the_middle_and_bicubic_the_rest() -> None:
    frame = make_frame(*SIZE, seed=3)
    joined, plain = made(region(BOX), frame), made(bicubic(), frame)
    network = made(open_upscaler(Upscale(model="esr-tm-k5c2", backend="openvino"), make_info(*SIZE)), frame)
    outside = np.ones(joined.y.shape, bool)
    outside[2 * BOX.y : 2 * (BOX.y + BOX.height), 2 * BOX.x : 2 * (BOX.x + BOX.width)] = False
    np.testing.assert_array_equal(joined.y[outside], plain.y[outside])
    core = np.s_[
        2 * (BOX.y + FEATHER) : 2 * (BOX.y + BOX.height - FEATHER),
        2 * (BOX.x + FEATHER) : 2 * (BOX.x + BOX.width - FEATHER),
    ]
    np.testing.assert_array_equal(joined.y[core], network.y[core])
    assert (joined.y[core] != plain.y[core]).any()
    np.testing.assert_array_equal(joined.u, plain.u)
    np.testing.assert_array_equal(joined.v, plain.v)
    assert joined.origin is frame
    assert joined.pts == frame.pts


def test_between_them_every_sample_lies_between_both() -> None:
    frame = make_frame(*SIZE, seed=5)
    part = info_of(make_info(*SIZE), BOX)
    cut = make_frame(*SIZE, seed=5)
    cut = Frame(
        *(plane.copy() for plane in (
            cut.y[BOX.y : BOX.y + BOX.height, BOX.x : BOX.x + BOX.width],
            cut.u[BOX.y // 2 : (BOX.y + BOX.height) // 2, BOX.x // 2 : (BOX.x + BOX.width) // 2],
            cut.v[BOX.y // 2 : (BOX.y + BOX.height) // 2, BOX.x // 2 : (BOX.x + BOX.width) // 2],
        )),
        pts=0, time_base=frame.time_base,
    )  # fmt: skip
    network = made(open_upscaler(Upscale(model="esr-tm-k5c2", backend="openvino"), part), cut).y.astype(int)
    joined, plain = made(region(BOX), frame).y.astype(int), made(bicubic(), frame).y.astype(int)
    place = np.s_[2 * BOX.y : 2 * (BOX.y + BOX.height), 2 * BOX.x : 2 * (BOX.x + BOX.width)]
    low, high = np.minimum(network, plain[place]), np.maximum(network, plain[place])
    assert (joined[place] >= low - 1).all()
    assert (joined[place] <= high + 1).all()
    edge = np.abs(joined[place] - plain[place])[0]
    assert edge.max() <= np.abs(network - plain[place])[0].max() / (4 * FEATHER) + 1, "it begins with bicubic"


@settings(max_examples=25, deadline=None)
@given(
    size=st.tuples(st.integers(70, 150), st.integers(70, 150)),
    at=st.tuples(st.integers(0, 38), st.integers(0, 38)),
    sides=st.tuples(st.integers(32, 150), st.integers(32, 150)),
)
def test_a_flat_picture_stays_flat_wherever_the_region_lies(
    size: tuple[int, int], at: tuple[int, int], sides: tuple[int, int]
) -> None:
    width, height = min(sides[0], size[0] - at[0]), min(sides[1], size[1] - at[1])
    box = parse_region(f"{width}x{height}+{at[0]}+{at[1]}", size, YUV420P)
    assert box.x <= at[0] <= at[0] + width <= box.x + box.width <= size[0]
    assert box.y <= at[1] <= at[1] + height <= box.y + box.height <= size[1]
    grey = make_frame(*size)
    flat = Frame(*(np.full_like(plane, 90) for plane in (grey.y, grey.u, grey.v)), pts=0, time_base=grey.time_base)
    larger = made(region(box, "bicubic", size), flat)
    assert larger.y.shape == (2 * size[1], 2 * size[0])
    assert (larger.y == 90).all()


@given(size=st.tuples(st.integers(1, 5000), st.integers(1, 5000)))
def test_the_middle_is_within_the_picture_and_about_a_quarter_of_a_large_one(size: tuple[int, int]) -> None:
    box = middle_of(size)
    for start, length, side in ((box.x, box.width, size[0]), (box.y, box.height, size[1])):
        assert 0 <= start <= start + length <= side
        assert start % 8 == 0
        if side >= 160:
            assert 0.4 < length / side <= 0.5
            assert abs(start + length / 2 - side / 2) <= 8


@pytest.mark.parametrize(
    "words", ["640x360", "64x48+80+0", "10x10+0+0", "-1x5+0+0", "64x48+0+60", "axb+c+d", "64x48+0+0+0"]
)
def test_a_region_that_is_none_is_refused_with_the_form(words: str) -> None:
    with pytest.raises(UsageError, match="--region") as refused:
        parse_region(words, SIZE, YUV420P)
    assert "WxH+X+Y" in refused.value.mend


def test_the_badge_tells_the_part() -> None:
    with closing(region(BOX)) as upscaler:
        assert "only 64x48+32+24, 25% of the picture, the rest bicubic" in str(upscaler.badge)
        assert upscaler.badge.is_sr


@pytest.mark.parametrize("layout", [PixelLayout(10, 1, 1), PixelLayout(8, 0, 0), PixelLayout(8, 1, 0)])
def test_every_layout_is_cut_by_its_own_chroma(layout: PixelLayout) -> None:
    info = replace(make_info(*SIZE), layout=layout)
    noise = np.random.default_rng(1).integers(0, layout.peak, (SIZE[1], SIZE[0])).astype(layout.dtype)
    rows, columns = layout.chroma_shape(*SIZE)
    chroma = noise[:rows, :columns]
    frame = Frame(noise, chroma, chroma, 0, Fraction(1, 25), info.color, layout=layout)
    whole = open_upscaler(Upscale(model="bicubic"), info)
    part = open_upscaler(Upscale(model="esr-tm-k5c2", backend="openvino"), info_of(info, BOX))
    larger = made(RegionUpscaler(whole, part, BOX, info), frame)
    assert larger.y.dtype == layout.dtype
    assert larger.y.max() <= layout.peak
