"""The pattern is the product's own clip: the same everywhere, at any size, finished or live."""

import time
from contextlib import closing
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr.color import BT709, Range, Siting
from rtsr.errors import UsageError
from rtsr.frame import chroma_shape
from rtsr.sources import open_source
from rtsr.sources.pattern import open_pattern


@settings(max_examples=30, deadline=None)
@given(width=st.integers(1, 130), height=st.integers(1, 130))
def test_any_size(width, height):
    with closing(open_pattern(f"pattern:{width}x{height}")) as source:
        frame = next(source.frames())
    assert frame.y.shape == (height, width)
    assert frame.u.shape == frame.v.shape == chroma_shape(width, height)
    assert 16 <= frame.y.min() <= frame.y.max() <= 235


@pytest.mark.parametrize("size", ["1x4097", "4097x1", "2x2", "97x400"])
def test_odd_shapes(size):
    with closing(open_pattern(f"pattern:{size}")) as source:
        frame = next(source.frames())
    assert f"{frame.width}x{frame.height}" == size


def test_default_is_six_seconds_of_360p():
    with closing(open_pattern("pattern:")) as source:
        info = source.info
        assert (info.width, info.height, info.rate_fps, info.frame_count) == (640, 360, 30, 180)
        assert info.duration_s == 6
        assert not info.live
        assert (info.color.matrix, info.color.range, info.color.siting) == (BT709, Range.LIMITED, Siting.LEFT)


def test_every_frame_once_and_exact_in_time():
    with closing(open_pattern("pattern:40x30?fps=30000/1001&seconds=1")) as source:
        frames = list(source.frames())
    assert len(frames) == source.info.frame_count == 30
    assert [frame.time_s for frame in frames] == [Fraction(1001, 30000) * number for number in range(30)]
    assert all(frame.duration == 1 for frame in frames)
    assert source.losses == ()


def test_same_picture_every_time_and_always_moving():
    with closing(open_pattern("pattern:320x180?seconds=1")) as one, closing(open_pattern("pattern:320x180")) as two:
        for first, second in zip(one.frames(), two.frames(), strict=False):
            assert np.array_equal(first.y, second.y)
            assert np.array_equal(first.u, second.u)
        assert not np.array_equal(first.y, next(open_pattern("pattern:320x180").frames()).y)


def test_frames_are_the_callers_to_keep():
    with closing(open_pattern("pattern:64x48")) as source:
        frames = source.frames()
        first = next(frames)
        kept = first.y.copy()
        next(frames)
    assert np.array_equal(first.y, kept)


def test_it_has_colour_and_contrast():
    with closing(open_pattern("pattern:")) as source:
        frame = next(source.frames())
    assert frame.y.std() > 40
    assert frame.u.std() > 5
    assert frame.v.std() > 5


def test_zone_plate_and_star_stay_below_nyquist():
    """The highest frequency that is drawn, 0.42 cycles per sample, leaves little next to the limit."""
    with closing(open_pattern("pattern:1280x720")) as source:
        frame = next(source.frames())
    card = frame.y[32:320, 944:1232].astype(float)
    spectrum = np.abs(np.fft.fft2((card - card.mean()) * np.outer(np.hanning(288), np.hanning(288)))) ** 2
    radius = np.hypot(np.fft.fftfreq(288)[:, None], np.fft.fftfreq(288)[None, :])
    assert spectrum[radius > 0.46].sum() < 1e-3 * spectrum.sum()


def test_start_and_length_cut_frames_out():
    with closing(open_source("pattern:32x32?seconds=2", start_s=Fraction(1, 2), length_s=Fraction(1))) as source:
        numbers = [frame.pts for frame in source.frames()]
    assert numbers == list(range(15, 45))
    assert source.info.start_s == Fraction(1, 2)
    assert source.info.duration_s == 1


def test_seek_goes_on_there_with_the_next_epoch():
    with closing(open_pattern("pattern:32x32")) as source:
        frames = source.frames()
        assert next(frames).epoch == 0
        source.seek(Fraction(2))
        there = next(frames)
        assert (there.pts, there.epoch) == (60, 1)
        source.seek(Fraction(-1))
        source.seek(Fraction(100))
        last = next(frames)
        assert (last.pts, last.epoch) == (179, 3)
        assert list(frames) == []


def test_close_ends_the_frames():
    source = open_pattern("pattern:32x32")
    frames = source.frames()
    next(frames)
    source.close()
    source.close()
    assert list(frames) == []


def test_live_comes_at_its_own_pace():
    with closing(open_pattern("pattern:32x32?fps=50&seconds=0.2&live=yes")) as source:
        assert source.info.live
        began_s = time.monotonic()
        frames = list(source.frames())
        assert time.monotonic() - began_s >= 0.18
    assert 1 <= len(frames) <= 10
    assert all(frame.captured_s >= began_s + float(frame.time_s) - 1e-3 for frame in frames)


def test_live_leaves_out_what_nobody_took():
    with closing(open_pattern("pattern:32x32?fps=1000&live=yes")) as source:
        frames = source.frames()
        first = next(frames)
        while time.monotonic() < first.captured_s + 0.05:
            pass
        assert next(frames).pts >= 49


def test_live_has_no_end_of_its_own():
    with closing(open_pattern("pattern:32x32?live=yes")) as source:
        assert source.info.frame_count is None


@pytest.mark.parametrize(
    "uri",
    [
        "pattern:big",
        "pattern:0x9",
        "pattern:9x99999",
        "pattern:9x9x9",
        "pattern:?fps=0",
        "pattern:?fps=-1",
        "pattern:?fps=1e999999999",
        "pattern:?fps=1/0",
        "pattern:?fps=5000",
        "pattern:?seconds=nan",
        "pattern:?live=1",
        "pattern:?frames=5",
    ],
)
def test_nonsense_is_refused(uri):
    with pytest.raises(UsageError) as caught:
        open_pattern(uri)
    assert uri in caught.value.problem
    assert caught.value.mend


def test_unknown_part_offers_the_nearest():
    with pytest.raises(UsageError, match="did you mean fps"):
        open_pattern("pattern:?fp=3")


def test_start_after_the_end_is_refused():
    with pytest.raises(UsageError, match="nothing is left"):
        open_source("pattern:?seconds=2", start_s=Fraction(2))
