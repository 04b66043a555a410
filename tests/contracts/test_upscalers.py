"""Every backend keeps the promises of `Upscaler`."""

import threading
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr.config import Upscale
from rtsr.errors import BackendError, UsageError
from rtsr.frame import chroma_shape
from rtsr.models import MODELS
from rtsr.stages import Upscaler
from rtsr.upscalers import BACKENDS, open_upscaler
from tests.conftest import make_frame, make_info

sides = st.integers(1, 40)


def _open(backend: str, width: int, height: int, *, scale: int = 2, model: str = "esr-tm-k5c2") -> Upscaler:
    return open_upscaler(Upscale(model=model, scale=scale, backend=backend), make_info(width, height))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_time_colour_and_origin_are_kept_and_sides_are_scaled(backend: str, scale: int) -> None:
    frame = make_frame(61, 33, pts=7)
    with closing(_open(backend, 61, 33, scale=scale)) as upscaler:
        made = upscaler.upscale(frame)
    assert (made.pts, made.time_base, made.duration) == (frame.pts, frame.time_base, frame.duration)
    assert made.color == frame.color
    assert made.origin is frame
    assert made.y.shape == (33 * scale, 61 * scale)
    assert made.u.shape == made.v.shape == chroma_shape(61 * scale, 33 * scale)
    assert upscaler.scale == scale


@pytest.mark.parametrize("backend", BACKENDS)
@given(width=sides, height=sides, seed=st.integers(0, 9))
@settings(max_examples=25, deadline=None)
def test_any_small_size_works_and_stays_the_same_picture(backend: str, width: int, height: int, seed: int) -> None:
    frame = make_frame(width, height, seed=seed)
    with closing(_open(backend, width, height)) as upscaler:
        made = upscaler.upscale(frame)
    assert made.y.shape == (2 * height, 2 * width)
    assert abs(float(made.y.mean()) - float(frame.y.mean())) < 16
    for large, small in ((made.y, frame.y), (made.u, frame.u), (made.v, frame.v)):
        assert int(small.min()) - 96 <= large.min() <= large.max() <= int(small.max()) + 96  # sharpening overshoots


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [(1, 1), (4097, 3), (3, 4097), (854, 480)])
def test_awkward_sizes_work(backend: str, size: tuple[int, int]) -> None:
    with closing(_open(backend, *size)) as upscaler:
        made = upscaler.upscale(make_frame(*size))
    assert (made.width, made.height) == (2 * size[0], 2 * size[1])


@pytest.mark.parametrize("backend", BACKENDS)
def test_rows_further_apart_than_the_picture_is_wide_are_honoured(backend: str) -> None:
    from dataclasses import replace

    tight = make_frame(50, 20)
    wide = np.full((20, 64), 255, np.uint8)
    wide[:, :50] = tight.y
    with closing(_open(backend, 50, 20)) as upscaler:
        first = upscaler.upscale(tight)
        second = upscaler.upscale(replace(tight, y=wide[:, :50]))
    np.testing.assert_array_equal(first.y, second.y)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_flat_picture_stays_what_it_is(backend: str) -> None:
    frame = make_frame(32, 24)
    for level in (0, 16, 128, 235, 255):
        frame.y[:], frame.u[:], frame.v[:] = level, level, level
        with closing(_open(backend, 32, 24)) as upscaler:
            made = upscaler.upscale(frame)
        for plane in (made.y, made.u, made.v):
            assert np.abs(plane.astype(int) - level).max() <= 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_result_is_not_overwritten_by_the_next(backend: str) -> None:
    with closing(_open(backend, 40, 30)) as upscaler:
        first = upscaler.upscale(make_frame(40, 30, seed=1))
        before = first.y.copy()
        upscaler.upscale(make_frame(40, 30, seed=2))
    np.testing.assert_array_equal(first.y, before)


@pytest.mark.parametrize("backend", BACKENDS)
def test_input_planes_are_not_written_to(backend: str) -> None:
    frame = make_frame(40, 30)
    before = frame.y.copy(), frame.u.copy(), frame.v.copy()
    with closing(_open(backend, 40, 30)) as upscaler:
        upscaler.upscale(frame)
    for plane, was in zip((frame.y, frame.u, frame.v), before, strict=True):
        np.testing.assert_array_equal(plane, was)


@pytest.mark.parametrize("backend", BACKENDS)
def test_close_closes_twice_and_leaves_no_thread_of_ours(backend: str) -> None:
    before = threading.active_count()
    upscaler = _open(backend, 16, 16)
    upscaler.close()
    upscaler.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_badge_tells_what_runs(backend: str) -> None:
    with closing(_open(backend, 16, 16)) as upscaler:
        badge = upscaler.badge
    assert badge.scale == 2
    assert badge.is_sr == (badge.model != "bicubic") == (backend == "openvino")
    assert ("SR esr-tm-k5c2 x2" if badge.is_sr else "not SR") in str(badge)


def test_auto_takes_a_network_where_one_runs() -> None:
    with closing(_open("auto", 16, 16)) as upscaler:
        assert upscaler.badge.backend == "OpenVINO"


def test_auto_says_why_it_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(options: object, info: object) -> Upscaler:
        raise BackendError("OpenVINO cannot be loaded", mend="pip install openvino")

    monkeypatch.setitem(BACKENDS, "openvino", broken)
    with closing(_open("auto", 16, 16)) as upscaler:
        assert not upscaler.badge.is_sr
        assert "OpenVINO cannot be loaded" in str(upscaler.badge)
    with pytest.raises(BackendError):
        _open("openvino", 16, 16)


def test_an_unknown_model_gets_the_nearest_name() -> None:
    with pytest.raises(UsageError) as caught:
        _open("auto", 16, 16, model="esr-tm-k5c3")
    assert "esr-tm-k5c2" in caught.value.mend
    assert caught.value.exit_code == 2


def test_a_scale_without_a_model_is_refused() -> None:
    with pytest.raises(UsageError):
        _open("auto", 16, 16, scale=7)


@pytest.mark.parametrize("model", MODELS)
def test_every_model_runs_at_every_scale(model: str) -> None:
    for scale in MODELS[model]:
        with closing(_open("auto", 30, 20, scale=scale, model=model)) as upscaler:
            assert upscaler.upscale(make_frame(30, 20)).y.shape == (20 * scale, 30 * scale)
