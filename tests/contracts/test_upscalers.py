"""Every backend keeps the promises of `Upscaler`."""

import threading
from contextlib import closing

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtsr.config import Upscale
from rtsr.errors import BackendError, ResourceError, UsageError
from rtsr.frame import chroma_shape
from rtsr.models import MODELS
from rtsr.stages import Upscaler
from rtsr.upscalers import BACKENDS, ON_GPU, devices, open_upscaler
from tests.conftest import make_frame, make_info
from tests.doubles.gpu_machine import MIB, GpuMachine, card

sides = st.integers(1, 40)
RUNNING = [name for name in BACKENDS if name != "torch"]
"""Torch has no double of a GPU: tests/unit/test_torch_cuda.py runs its engine on the CPU."""


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> str:
    """The name of a backend, on a machine that can run it."""
    if request.param in ON_GPU:
        request.getfixturevalue("gpu_machine")
    return str(request.param)


def _open(backend: str, width: int, height: int, *, scale: int = 2, model: str = "esr-tm-k5c2") -> Upscaler:
    return open_upscaler(Upscale(model=model, scale=scale, backend=backend), make_info(width, height))


@pytest.mark.parametrize("backend", RUNNING, indirect=True)
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


@pytest.mark.parametrize("backend", RUNNING, indirect=True)
@given(width=sides, height=sides, seed=st.integers(0, 9))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_small_size_works_and_stays_the_same_picture(backend: str, width: int, height: int, seed: int) -> None:
    frame = make_frame(width, height, seed=seed)
    with closing(_open(backend, width, height)) as upscaler:
        made = upscaler.upscale(frame)
    assert made.y.shape == (2 * height, 2 * width)
    assert abs(float(made.y.mean()) - float(frame.y.mean())) < 16
    for large, small in ((made.y, frame.y), (made.u, frame.u), (made.v, frame.v)):
        assert int(small.min()) - 96 <= large.min() <= large.max() <= int(small.max()) + 96  # sharpening overshoots


@pytest.mark.parametrize("backend", RUNNING, indirect=True)
@pytest.mark.parametrize("size", [(1, 1), (4097, 3), (3, 4097), (854, 480)])
def test_awkward_sizes_work(backend: str, size: tuple[int, int]) -> None:
    with closing(_open(backend, *size)) as upscaler:
        made = upscaler.upscale(make_frame(*size))
    assert (made.width, made.height) == (2 * size[0], 2 * size[1])


@pytest.mark.parametrize("backend", RUNNING, indirect=True)
def test_rows_further_apart_than_the_picture_is_wide_are_honoured(backend: str) -> None:
    from dataclasses import replace

    tight = make_frame(50, 20)
    wide = np.full((20, 64), 255, np.uint8)
    wide[:, :50] = tight.y
    with closing(_open(backend, 50, 20)) as upscaler:
        first = upscaler.upscale(tight)
        second = upscaler.upscale(replace(tight, y=wide[:, :50]))
    np.testing.assert_array_equal(first.y, second.y)


@pytest.mark.parametrize("backend", RUNNING, indirect=True)
def test_a_flat_picture_stays_what_it_is(backend: str) -> None:
    frame = make_frame(32, 24)
    for level in (0, 16, 128, 235, 255):
        frame.y[:], frame.u[:], frame.v[:] = level, level, level
        with closing(_open(backend, 32, 24)) as upscaler:
            made = upscaler.upscale(frame)
        for plane in (made.y, made.u, made.v):
            assert np.abs(plane.astype(int) - level).max() <= 1


@pytest.mark.parametrize("backend", RUNNING, indirect=True)
def test_a_result_is_not_overwritten_by_the_next(backend: str) -> None:
    with closing(_open(backend, 40, 30)) as upscaler:
        first = upscaler.upscale(make_frame(40, 30, seed=1))
        before = first.y.copy()
        upscaler.upscale(make_frame(40, 30, seed=2))
    np.testing.assert_array_equal(first.y, before)


@pytest.mark.parametrize("backend", RUNNING, indirect=True)
def test_input_planes_are_not_written_to(backend: str) -> None:
    frame = make_frame(40, 30)
    before = frame.y.copy(), frame.u.copy(), frame.v.copy()
    with closing(_open(backend, 40, 30)) as upscaler:
        upscaler.upscale(frame)
    for plane, was in zip((frame.y, frame.u, frame.v), before, strict=True):
        np.testing.assert_array_equal(plane, was)


@pytest.mark.parametrize("backend", RUNNING, indirect=True)
def test_close_closes_twice_and_leaves_no_thread_of_ours(backend: str) -> None:
    before = threading.active_count()
    upscaler = _open(backend, 16, 16)
    upscaler.close()
    upscaler.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("backend", RUNNING, indirect=True)
def test_the_badge_tells_what_runs(backend: str) -> None:
    with closing(_open(backend, 16, 16)) as upscaler:
        badge = upscaler.badge
    assert badge.scale == 2
    assert badge.is_sr == (badge.model != "bicubic") == (backend != "bicubic")
    assert (badge.gpu == 0) == (backend in ON_GPU)
    assert ("SR esr-tm-k5c2 x2" if badge.is_sr else "not SR") in str(badge)


def test_auto_takes_a_network_where_one_runs() -> None:
    with closing(_open("auto", 16, 16)) as upscaler:
        assert upscaler.badge.backend in ("OpenVINO", "TensorRT-RTX", "TensorRT", "torch")
        assert upscaler.badge.reason == ""


def test_auto_takes_the_gpu_where_there_is_one(gpu_machine: GpuMachine) -> None:
    with closing(_open("auto", 40, 30)) as upscaler:
        assert str(upscaler.badge) == "SR esr-tm-k5c2 x2 · TensorRT-RTX fp16 · rtsr test double 0"
        assert upscaler.slots == 3
        made = upscaler.upscale(make_frame(40, 30))
    with closing(_open("openvino", 40, 30)) as upscaler:
        wanted = upscaler.upscale(make_frame(40, 30))
    assert np.abs(made.y.astype(int) - wanted.y).max() <= 1
    np.testing.assert_array_equal(made.u, wanted.u)


def _broken(name: str, patch: pytest.MonkeyPatch, words: str) -> None:
    def broken(*_: object) -> Upscaler:
        raise BackendError(words, mend="mend it")

    patch.setitem(BACKENDS, name, broken)


def test_auto_says_why_it_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    _broken("openvino", monkeypatch, "OpenVINO cannot be loaded")
    with closing(open_upscaler(Upscale(model="esr-tm-k5c2", device="cpu"), make_info(16, 16))) as upscaler:
        assert not upscaler.badge.is_sr
        assert "OpenVINO cannot be loaded" in str(upscaler.badge)
    with pytest.raises(BackendError):
        _open("openvino", 16, 16)


def test_a_gpu_that_fails_gives_way_to_the_cpu_and_it_is_said(
    gpu_machine: GpuMachine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    _broken("tensorrt", monkeypatch, "no engine can be built")
    with closing(_open("auto", 16, 16)) as upscaler:
        assert upscaler.badge.backend == "OpenVINO"
        assert upscaler.badge.reason == "TensorRT failed: no engine can be built; OpenVINO instead"
    assert "TensorRT failed: no engine can be built. mend it" in caplog.text
    assert "torch" not in caplog.text, "it is not there, which is no news"


def test_what_is_not_there_is_passed_over_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    if devices.has_driver():
        pytest.skip("this machine has an NVIDIA driver")
    with closing(_open("auto", 16, 16)) as upscaler:
        assert upscaler.badge.reason == ""
    assert caplog.text == ""


@pytest.mark.parametrize("options", [{"backend": "tensorrt"}, {"device": "0"}, {"require": "gpu"}])
def test_a_named_gpu_runs_or_fails_and_nothing_else_steps_in(
    gpu_machine: GpuMachine,
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, str],
) -> None:
    with closing(open_upscaler(Upscale(**options), make_info(16, 16))) as upscaler:  # type: ignore[arg-type]
        assert upscaler.badge.backend == "TensorRT-RTX"
    _broken("tensorrt", monkeypatch, "no engine can be built")
    with pytest.raises(BackendError, match="no engine can be built") as caught:
        open_upscaler(Upscale(**options), make_info(16, 16))  # type: ignore[arg-type]
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("backend", sorted(ON_GPU))
def test_without_a_gpu_its_backends_are_refused_in_a_sentence(backend: str) -> None:
    if devices.has_driver():
        pytest.skip("this machine has an NVIDIA driver")
    with pytest.raises(BackendError, match="no NVIDIA GPU can be used") as caught:
        _open(backend, 16, 16)
    assert caught.value.exit_code == 5


def test_bicubic_is_no_network_for_whoever_requires_one() -> None:
    for require in ("gpu", "tensorrt", "openvino"):
        with pytest.raises(BackendError, match="is no network, and --require"):
            open_upscaler(Upscale(model="bicubic", require=require), make_info(16, 16))
    with pytest.raises(UsageError, match="is no network"):
        open_upscaler(Upscale(model="bicubic", device="0"), make_info(16, 16))


def test_a_picture_that_does_not_fit_into_the_gpu_is_made_in_tiles(gpu_machine: GpuMachine) -> None:
    frame = make_frame(400, 300)
    with closing(_open("openvino", 400, 300)) as upscaler:
        wanted = upscaler.upscale(frame)
    gpu_machine.driver.set_memory(MIB)
    with closing(_open("tensorrt", 400, 300)) as upscaler:
        assert "in 2 tiles" in str(upscaler.badge)
        made = [upscaler.begin(frame) for _ in range(upscaler.slots)]
        for result in made:
            assert np.abs(result().y.astype(int) - wanted.y).max() <= 1
    gpu_machine.driver.set_memory(1 << 10)
    with pytest.raises(ResourceError, match="no room") as caught:
        _open("tensorrt", 400, 300)
    assert caught.value.exit_code == 6


def test_what_the_gpu_says_is_free_is_asked_before_anything_is_built(
    gpu_machine: GpuMachine,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gpu_machine.set_cards(card(0, free_bytes=300 * MIB))
    with caplog.at_level("INFO"), closing(_open("tensorrt", 1920, 1080)) as upscaler:
        assert upscaler.badge.tiles
    assert "is free: it runs in" in caplog.text


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
