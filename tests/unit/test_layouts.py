"""Pictures of every depth and subsampling in and out of libav's buffers, unchanged."""

from dataclasses import replace

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr.frame import YUV420P, PixelLayout
from rtsr.planes import FORMS, fill_picture, layout_of, planes_of
from tests.deep import noise


@given(name=st.sampled_from(sorted(FORMS)), width=st.integers(1, 40), height=st.integers(1, 40))
@settings(max_examples=120, deadline=None)
def test_what_is_filled_in_is_what_is_seen(name: str, width: int, height: int) -> None:
    try:
        picture = av.VideoFrame(width, height, name)
    except ValueError:  # not every depth goes with every subsampling
        return
    frame = noise(width, height, FORMS[name].layout)
    fill_picture(picture, (frame.y, frame.u, frame.v))
    assert layout_of(picture) == frame.layout
    for seen, put in zip(planes_of(picture), (frame.y, frame.u, frame.v), strict=True):
        assert seen.dtype == frame.layout.dtype
        np.testing.assert_array_equal(seen, put)


@pytest.mark.parametrize(
    ("name", "planar"),
    [
        ("nv12", "yuv420p"),
        ("nv16", "yuv422p"),
        ("nv24", "yuv444p"),
        ("p010le", "yuv420p10le"),
        ("p210le", "yuv422p10le"),
    ],
)
def test_interleaved_formats_are_what_libav_takes_them_for(name: str, planar: str) -> None:
    frame = noise(64, 48, FORMS[name].layout)
    picture = av.VideoFrame(64, 48, name)
    fill_picture(picture, (frame.y, frame.u, frame.v))
    for seen, put in zip(planes_of(picture.reformat(format=planar)), (frame.y, frame.u, frame.v), strict=True):
        np.testing.assert_array_equal(seen, put)


def test_a_larger_picture_is_filled_by_repeating_the_border() -> None:
    for name in ("yuv420p", "nv12", "p010le"):
        frame = noise(5, 3, FORMS[name].layout)
        picture = av.VideoFrame(6, 4, name)
        fill_picture(picture, (frame.y, frame.u, frame.v))
        y, u, v = planes_of(picture)
        assert (y[:3, 5] == frame.y[:, 4]).all()
        assert (y[3] == y[2]).all()
        assert (u[:2, :3] == frame.u).all()
        assert (v[:2, :3] == frame.v).all()


def test_the_depth_says_which_samples_and_the_layout_which_shape() -> None:
    frame = noise(8, 6, YUV420P)
    with pytest.raises(ValueError, match="10-bit 4:2:0 asks for uint16"):
        replace(frame, layout=PixelLayout(10))
    with pytest.raises(ValueError, match="u and v must be"):
        replace(frame, layout=PixelLayout(8, 0, 0))


@pytest.mark.parametrize(
    ("layout", "name", "words", "shape"),
    [
        (PixelLayout(), "yuv420p", "8-bit 4:2:0", (3, 3)),
        (PixelLayout(10), "yuv420p10le", "10-bit 4:2:0", (3, 3)),
        (PixelLayout(12, 1, 0), "yuv422p12le", "12-bit 4:2:2", (5, 3)),
        (PixelLayout(8, 0, 0), "yuv444p", "8-bit 4:4:4", (5, 5)),
        (PixelLayout(8, 2, 0), "yuv411p", "8-bit 4:1:1", (5, 2)),
    ],
)
def test_a_layout_by_name(layout: PixelLayout, name: str, words: str, shape: tuple[int, int]) -> None:
    assert (layout.pix_fmt, str(layout), layout.chroma_shape(5, 5)) == (name, words, shape)
    assert FORMS[name].layout == layout
