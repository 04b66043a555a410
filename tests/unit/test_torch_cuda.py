"""The torch route: what it makes on torch's CPU device, and what it says where there is no GPU for it."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr import user_cache
from rtsr.errors import BackendError
from rtsr.frame import PixelLayout
from rtsr.models import MODELS, find_model
from rtsr.upscalers import openvino, selfcheck, torch_routes
from rtsr.upscalers.torch_cuda import TorchEngine, open_engine
from rtsr.upscalers.torch_device import runs_on, usable_device

CPU = torch.device("cpu")
NETWORKS = [name for name in MODELS if name != "bicubic"]


def small_engine(slots: int) -> TorchEngine:
    """For pictures of 7x5."""
    return open_engine(find_model("ecbsr-m4c8", 2), (7, 5), device=CPU, precision="fp32", slots=slots)


def picture(bits: int, height: int, width: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1 << bits, (height, width), np.uint8 if bits == 8 else np.uint16)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("bits", [8, 10])
def test_every_model_runs_and_passes_its_check(name: str, bits: int) -> None:
    card, y, peak = find_model(name, 2), picture(bits, 12, 17), (1 << bits) - 1
    with closing(open_engine(card, (17, 12), PixelLayout(bits), device=CPU)) as engine:
        made = engine.run(y)
    exact = np.clip(openvino.open_reference(card)(y.astype(np.float32) / np.float32(peak)), 0, 1) * peak
    assert made.dtype == y.dtype
    assert np.abs(made - exact).mean() / peak < (0.5 if engine.precision == "fp16" else 0.26) / 255


@given(order=st.lists(st.booleans(), min_size=1, max_size=30), slots=st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_any_interleaving_gives_every_picture_its_own_result(order: list[bool], slots: int) -> None:
    waiting, number = [], 0
    with closing(small_engine(slots)) as engine:
        for begin in order:
            if begin and len(waiting) < slots:
                waiting.append((number, engine.begin(np.full((5, 7), number, np.uint8))))
                number += 1
            elif waiting:
                expected, result = waiting.pop(0)
                np.testing.assert_array_equal(result(), np.full((10, 14), expected))


def test_more_than_the_slots_hold_is_refused_and_nothing_is_overwritten() -> None:
    with closing(small_engine(2)) as engine:
        first = engine.begin(np.full((5, 7), 50, np.uint8))
        second = engine.begin(np.full((5, 7), 100, np.uint8))
        with pytest.raises(ValueError, match="2 pictures are under way"):
            engine.begin(np.full((5, 7), 150, np.uint8))
        with pytest.raises(ValueError, match="comes next, and"):
            second()
        made = first()
        third = engine.begin(np.full((5, 7), 200, np.uint8))
        assert [int(one.mean()) for one in (made, second(), third())] == [50, 100, 200]
        with pytest.raises(ValueError, match="was asked for"):
            first()


def test_what_was_given_may_change_and_what_was_made_stays() -> None:
    y = np.full((5, 14), 90, np.uint8)[:, ::2]  # with gaps between samples
    with closing(small_engine(3)) as engine:
        result = engine.begin(y)
        y[:] = 0
        made = result()
        engine.run(y)
    assert (made == 90).all()
    assert made.base is None
    assert made.flags.writeable


def test_a_closed_engine_says_so() -> None:
    engine = small_engine(2)
    waiting = engine.begin(np.zeros((5, 7), np.uint8))
    engine.close()
    engine.close()
    for late in (waiting, lambda: engine.run(np.zeros((5, 7), np.uint8))):
        with pytest.raises(ValueError, match="closed"):
            late()


def test_a_picture_of_another_size_is_refused() -> None:
    with closing(small_engine(1)) as engine:
        for wrong in (np.zeros((5, 8), np.uint8), np.zeros((5, 7), np.uint16)):
            with pytest.raises(ValueError, match="takes"):
                engine.run(wrong)
        assert (engine.run(np.full((5, 7), 9, np.uint8)) == 9).all()


def test_where_half_floats_fail_the_check_float32_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    real = selfcheck.check
    bad = selfcheck.Verdict(float("nan"), float("nan"))
    monkeypatch.setattr(
        selfcheck, "check", lambda engine, *rest: bad if engine.precision == "fp16" else real(engine, *rest)
    )
    with closing(open_engine(find_model("ecbsr-m4c8", 2), (7, 5), device=CPU)) as engine:
        assert engine.precision == "fp32"
    with pytest.raises(BackendError, match="wrong picture of ecbsr-m4c8 x2 in fp16"):  # named: never another
        open_engine(find_model("ecbsr-m4c8", 2), (7, 5), device=CPU, precision="fp16")


@pytest.mark.slow
def test_torch_compile_runs_the_same_network() -> None:
    y = picture(8, 9, 16)
    opened = [open_engine(find_model("espcn-d16s32", 2), (16, 9), device=CPU, route=r) for r in ("graph", "compiled")]
    made = []
    for engine in opened:
        with closing(engine):
            made.append(engine.run(y).astype(int))
    assert [engine.route for engine in opened] == ["CUDA graph", "torch.compile"]
    assert np.abs(made[0] - made[1]).max() <= 1


def test_where_torch_compile_fails_its_reason_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_compiler(*_: object, **__: object) -> None:
        raise RuntimeError("Failed to find C compiler.\nPlease specify via CC")

    monkeypatch.setattr(torch, "compile", no_compiler)
    monkeypatch.setattr(torch_routes, "_without_triton", lambda _: "")
    card = find_model("ecbsr-m4c8", 2)
    with caplog.at_level("INFO"), closing(open_engine(card, (7, 5), device=CPU)) as engine:
        assert engine.route == "CUDA graph"
    assert "torch.compile cannot run ecbsr-m4c8 x2 in fp16 for 7x5: Failed to find C compiler" in caplog.text
    with pytest.raises(BackendError, match="Failed to find C compiler"):
        open_engine(card, (7, 5), device=CPU, route="compiled")


@pytest.fixture
def nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder of one test's own."""
    monkeypatch.setenv(user_cache.VARIABLE, str(tmp_path / "cache"))


@pytest.mark.usefixtures("nothing_kept")
@pytest.mark.parametrize(("times_s", "route"), [((1.0, 2.0), "CUDA graph"), ((2.0, 1.0), "torch.compile")])
def test_the_faster_route_is_taken(monkeypatch: pytest.MonkeyPatch, times_s: tuple[float, ...], route: str) -> None:
    told = iter(times_s)
    monkeypatch.setattr(torch, "compile", lambda module, **_: module)
    monkeypatch.setattr(torch_routes, "_without_triton", lambda _: "")
    monkeypatch.setattr(torch_routes.Recorder, "measure_s", lambda *_: next(told))
    with closing(open_engine(find_model("ecbsr-m4c8", 2), (7, 5), device=CPU)) as engine:
        assert engine.route == route


@pytest.mark.usefixtures("nothing_kept")
def test_the_route_of_the_first_time_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_routes, "_without_triton", lambda _: "")
    monkeypatch.setattr(torch, "compile", lambda module, **_: module)
    for times_s in ((2.0, 1.0), (1.0, 2.0)):  # the other one would win the second time
        told = iter(times_s)
        monkeypatch.setattr(torch_routes.Recorder, "measure_s", lambda *_, told=told: next(told))
        with closing(open_engine(find_model("espcn-d16s32", 2), (16, 9), device=CPU)) as engine:
            assert engine.route == "torch.compile"
    kept = user_cache.folder() / "torch-routes.json"
    kept.write_text("{]")
    told = iter((1.0, 2.0))
    monkeypatch.setattr(torch_routes.Recorder, "measure_s", lambda *_: next(told))
    with closing(open_engine(find_model("espcn-d16s32", 2), (16, 9), device=CPU)) as engine:
        assert engine.route == "CUDA graph"


def test_the_kernel_of_edge_sr_needs_a_gpu() -> None:
    with pytest.raises(BackendError, match="Triton needs a GPU") as caught:
        open_engine(find_model("esr-tm-k5c2", 2), (7, 5), device=CPU, route="triton")
    assert caught.value.exit_code == 5
    with closing(open_engine(find_model("esr-tm-k5c2", 2), (7, 5), device=CPU)) as engine:
        assert (engine.route, engine.precision) == ("CUDA graph", "fp32")


@pytest.mark.usefixtures("nothing_kept")
def test_a_kernel_that_does_not_compile_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fused(*_: object) -> object:
        def broken(*_: object) -> None:
            raise ValueError("PTXAS error: no space left on device")

        return broken

    monkeypatch.setattr(torch_routes, "_fused", fused)
    with (
        caplog.at_level("INFO"),
        closing(open_engine(find_model("esr-tm-k5c2", 2), (7, 5), device=CPU)) as engine,
    ):
        assert engine.route == "CUDA graph"
    assert "Triton kernel cannot run esr-tm-k5c2 x2 in fp32 for 7x5: PTXAS error" in caplog.text


def test_a_gpu_that_fails_ends_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = small_engine(1)
    result = engine.begin(np.zeros((5, 7), np.uint8))

    def fails(_: object) -> None:
        raise RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be ...")

    monkeypatch.setattr(torch.cpu.Event, "synchronize", fails)
    with (
        closing(engine),
        pytest.raises(BackendError, match=r"the GPU failed with ecbsr-m4c8 .* unspecified launch") as caught,
    ):
        result()
    assert "openvino" in caught.value.mend


def test_a_card_without_safetensors_says_how_to_get_them() -> None:
    with pytest.raises(BackendError) as caught:
        open_engine(replace(find_model("ecbsr-m4c8", 2), safetensors=None), (7, 5), device=CPU)
    assert "import it from a file of that kind" in caught.value.mend


def test_a_torch_for_the_cpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    with pytest.raises(BackendError, match="is built for the CPU only") as caught:
        open_engine(find_model("ecbsr-m4c8", 2), (7, 5))
    assert caught.value.exit_code == 5
    assert "pytorch.org" in caught.value.mend


def test_a_missing_driver_is_told_in_torchs_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_driver() -> None:
        raise RuntimeError("Found no NVIDIA driver on your system. Please check\nthat you have an NVIDIA GPU")

    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "init", no_driver)
    with pytest.raises(BackendError) as caught:
        usable_device(0)
    assert "no NVIDIA GPU can be used: Found no NVIDIA driver on your system" in caught.value.problem
    assert "install the NVIDIA driver" in caught.value.mend


def test_a_gpu_that_is_not_there_or_not_built_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    orin = SimpleNamespace(name="Orin", major=8, minor=7, is_integrated=1)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "init", lambda: None)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: orin)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_80", "sm_90", "sm_100", "sm_110", "sm_120"])
    with pytest.raises(BackendError, match="torch sees 1 GPU, none with number 3"):
        usable_device(3)
    with pytest.raises(BackendError, match=r"no code for Orin, compute capability 8\.7"):
        usable_device(0)
    orin.is_integrated = 0
    assert usable_device(0) == torch.device("cuda", 0)


@pytest.mark.parametrize(
    ("capability", "built_for", "integrated", "runs"),
    [
        ((8, 6), ["sm_80", "sm_90"], False, True),
        ((8, 9), ["sm_86"], False, True),
        ((8, 0), ["sm_86"], False, False),
        ((7, 5), ["sm_80", "sm_90"], False, False),
        ((8, 7), ["sm_80", "sm_90"], True, False),
        ((8, 7), ["sm_80", "sm_87"], True, True),
        ((11, 0), ["sm_110"], True, True),
        ((9, 0), ["sm_90a"], False, True),
        ((12, 1), ["sm_120a"], False, False),
        ((12, 1), ["sm_120f"], False, True),
        ((12, 1), ["sm_90", "compute_90"], False, True),
        ((8, 6), ["compute_90"], False, False),
        ((8, 6), ["gfx90a", "sm_", ""], False, False),
        ((8, 6), [], False, False),
    ],
)
def test_which_gpu_runs_which_code(
    capability: tuple[int, int], built_for: list[str], integrated: bool, runs: bool
) -> None:
    assert runs_on(capability, built_for, integrated=integrated) == runs
