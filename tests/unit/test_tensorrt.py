"""The whole way of TensorRT: a plan by the real library, the ring, the result; GPU and what runs plans are doubles."""

import hashlib
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorrt_rtx

from rtsr import user_cache
from rtsr.errors import BackendError
from rtsr.frame import YUV420P, PixelLayout
from rtsr.models import find_model
from rtsr.upscalers import cuda, plans, tensorrt, trt_build, trt_library
from rtsr.upscalers.openvino import open_reference
from rtsr.upscalers.tensorrt import GpuOptions, open_engine
from rtsr.upscalers.trt_run import Executions, StalePlan
from rtsr.upscalers.typed_onnx import TypedGraph, typed_graph
from tests.doubles.driver import Driver
from tests.doubles.trt_runtime import ACTIVATION_BYTES, PLAIN, RTX, Api

CARD, SIZE = find_model("esr-tr-k5c2", 2), (70, 50)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(user_cache.VARIABLE, str(tmp_path))
    return tmp_path / "engines"


@pytest.fixture(params=[RTX, PLAIN])
def api(request: pytest.FixtureRequest, gpu_double: Driver, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    """Either library: the real builder of TensorRT-RTX, the double of what runs its plans."""
    made = Api(request.param, gpu_double)
    real = trt_build.build_plan

    def built(graph: TypedGraph, target: Any, report: Any = None, device: int = 0) -> bytes:
        """Plain TensorRT builds for "this" alone, which cannot be done here."""
        monkeypatch.setattr(trt_library, "find", lambda _capability="": rtx)
        plan = real(graph, "any" if target == "this" else target, report, device)
        monkeypatch.setattr(trt_library, "find", lambda _capability="": made.library)
        return made.built(graph, plan)

    rtx = trt_library.find()
    monkeypatch.setattr(trt_library, "find", lambda _capability="": made.library)
    monkeypatch.setattr(tensorrt, "build_plan", built)
    return made


def lumas(count: int, layout: PixelLayout = YUV420P) -> list[np.ndarray]:
    rng = np.random.default_rng(count)
    return [rng.integers(0, layout.peak + 1, SIZE[::-1], layout.dtype) for _ in range(count)]


def reference(luma: np.ndarray, name: str = CARD.name, layout: PixelLayout = YUV420P) -> np.ndarray:
    made = open_reference(find_model(name, 2))(luma.astype(np.float32) / np.float32(layout.peak))
    return np.clip(made, 0, 1) * layout.peak


def assert_alike(made: np.ndarray, wanted: np.ndarray) -> None:
    """As half floats of pure noise allow; another frame's picture is 80 code values off."""
    off = np.abs(made - wanted)
    assert off.mean() < 0.4  # rounding alone is 0.25
    assert off.max() <= 2.5


def facts(cache: Path) -> dict[str, Any]:
    (path,) = cache.glob("*.json")
    read: dict[str, Any] = json.loads(path.read_text())
    return read


@pytest.mark.parametrize("name", ["esr-tr-k5c2", "esr-max-k5c2", "ecbsr-m4c8", "imdn-light"])
def test_pictures_under_way_at_once_are_the_reference_s_in_their_order(api: Api, name: str) -> None:
    given_in = lumas(7)
    with closing(open_engine(find_model(name, 2), SIZE)) as engine:
        assert (engine.slots, engine.precision, engine.device) == (3, "fp16", "rtsr test double 0")
        takes: list[Callable[[], np.ndarray]] = []
        made: list[np.ndarray] = []
        for luma in given_in:
            if len(takes) == engine.slots:
                made.append(takes.pop(0)())
            takes.append(engine.begin(luma))
        made += [take() for take in takes]
    for luma, high in zip(given_in, made, strict=True):
        assert_alike(high, reference(luma, name))


@pytest.mark.parametrize("bits", [10, 16])
def test_deeper_samples_go_the_same_way(api: Api, bits: int) -> None:
    layout = PixelLayout(bits)
    with closing(open_engine(CARD, SIZE, layout, GpuOptions(precision="fp32"))) as engine:
        for luma in lumas(4, layout):
            high = engine.run(luma)
            assert high.dtype == np.uint16
            assert np.abs(high - reference(luma, layout=layout)).max() <= 0.51 + layout.peak / 65535


def test_plain_tensorrt_is_recorded_and_rtx_records_itself(api: Api) -> None:
    with closing(open_engine(CARD, SIZE)) as engine:
        before = api.executed
        for luma in lumas(5):
            engine.run(luma)
        assert api.executed - before == (5 if api.is_rtx else 0)


def test_activations_are_paid_for_once(api: Api, gpu_double: Driver) -> None:
    with closing(open_engine(CARD, SIZE)):
        buffers = 3 * (SIZE[0] * SIZE[1] * 5)
        assert gpu_double.peak_bytes() == buffers + ACTIVATION_BYTES


def test_the_next_start_builds_compiles_and_checks_nothing(
    api: Api, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_engine(CARD, SIZE).close()
    told = facts(cache)
    assert told["notes"]["self_check"]["mean"] < 1 / 255
    assert api.compiled_anew == (1 if api.is_rtx else 0)
    monkeypatch.setattr(tensorrt, "build_plan", None)
    monkeypatch.setattr(tensorrt.selfcheck, "check", None)
    with closing(open_engine(CARD, SIZE)) as engine:
        assert engine.run(lumas(1)[0]).shape == (100, 140)
    assert api.compiled_anew == (1 if api.is_rtx else 0)
    assert facts(cache) == told


def test_another_driver_is_checked_again(api: Api, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_engine(CARD, SIZE).close()
    monkeypatch.setattr(cuda, "driver_version", lambda: "14.0")
    open_engine(CARD, SIZE).close()
    told = [json.loads(path.read_text()) for path in cache.glob("*.json")]
    assert "14.0" in {one["notes"]["self_check"]["driver"] for one in told}


@pytest.mark.parametrize("api", [RTX], indirect=True)
def test_a_plan_for_this_card_alone_goes_before_one_for_any(
    api: Api, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = typed_graph(CARD, SIZE, YUV420P, "fp16")
    content = tensorrt.build_plan(graph, "8.9")
    plans.keep(plans.key_of(graph, (RTX, tensorrt_rtx.__version__), "8.9"), content)
    monkeypatch.setattr(tensorrt, "build_plan", None)
    open_engine(CARD, SIZE).close()
    assert facts(cache)["key"]["target"] == "8.9"


@pytest.mark.parametrize(("capability", "target"), [("7.5", "7.5"), ("8.6", "any"), ("12.1", "any")])
def test_what_is_built_fits_the_card(api: Api, gpu_double: Driver, cache: Path, capability: str, target: str) -> None:
    gpu_double.set_capability(capability)
    open_engine(CARD, SIZE).close()
    key = facts(cache)["key"]
    assert (key["target"], key["library"]) == ((target if api.is_rtx else "this"), api.library.name)
    assert key["compute_capability"] == ("" if api.is_rtx else capability)


@pytest.mark.parametrize("what", ["damaged", "json", "cut", "another card's", "shared"])
def test_a_plan_that_cannot_be_used_is_built_anew_and_it_is_said(
    api: Api, cache: Path, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    open_engine(CARD, SIZE).close()
    (path,), (told,) = cache.glob("*.plan"), cache.glob("*.json")
    content = path.read_bytes()
    if what == "damaged":
        path.write_bytes(content[:1000] + b"x" + content[1001:])
    elif what == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif what == "json":
        told.write_text("{")
    elif what == "shared":
        path.chmod(0o666)
    else:
        reason = "Error Code 6: API Usage Error (The engine plan file is generated on an incompatible device)"
        api.refuse[hashlib.sha256(content).hexdigest()] = reason
        with caplog.at_level(logging.WARNING), pytest.raises(BackendError, match="does not load its own engine"):
            open_engine(CARD, SIZE)
        assert "cannot be used (API Usage Error" in caplog.text
        return
    with caplog.at_level(logging.WARNING), closing(open_engine(CARD, SIZE)) as engine:
        assert_alike(engine.run(lumas(1)[0]), reference(lumas(1)[0]))
    assert "built anew" in caplog.text
    assert path.read_bytes() == content  # the same graph gives the same plan
    assert not path.stat().st_mode & 0o077


def test_half_floats_that_spoil_the_picture_are_replaced_and_remembered(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    api.spoil = lambda made, graph: made * 0 if graph.precision == "fp16" else made
    real = tensorrt.selfcheck.check
    monkeypatch.setattr(
        tensorrt.selfcheck, "check", lambda engine, *a: checked.append(engine.precision) or real(engine, *a)
    )
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING), closing(open_engine(CARD, SIZE)) as engine:
            assert engine.precision == "fp32"
            assert np.abs(engine.run(lumas(1)[0]) - reference(lumas(1)[0])).max() <= 1
        assert "makes a wrong picture of esr-tr-k5c2 x2 in fp16" in caplog.text
    assert checked == ["fp16", "fp32"]


def test_a_picture_that_is_wrong_in_any_precision_is_an_error(api: Api) -> None:
    api.spoil = lambda made, _: 255 - made
    with pytest.raises(BackendError, match="makes a wrong picture of esr-tr-k5c2 x2 on rtsr test double 0") as caught:
        open_engine(CARD, SIZE)
    assert caught.value.exit_code == 5


def test_a_named_precision_runs_or_fails(api: Api) -> None:
    api.spoil = lambda made, graph: made * 0 if graph.precision == "fp16" else made
    with pytest.raises(BackendError, match="wrong picture"):
        open_engine(CARD, SIZE, YUV420P, GpuOptions(precision="fp16"))


@pytest.mark.parametrize("full_bytes", [100, 3 * 70 * 50 * 5 + 100])
def test_a_gpu_without_room_is_an_error_of_its_own_kind(api: Api, gpu_double: Driver, full_bytes: int) -> None:
    """In the ring's own buffers, or in those of the network."""
    gpu_double.set_memory(full_bytes)
    with pytest.raises(cuda.DeviceMemoryError, match="the GPU's memory is full"):
        open_engine(CARD, SIZE)


def test_no_room_that_only_the_library_noticed_is_the_same_error(api: Api) -> None:
    api.full = True
    with pytest.raises(cuda.DeviceMemoryError, match=r"memory is full .*OutOfMemory") as caught:
        open_engine(CARD, SIZE)
    assert caught.value.exit_code == 6


def test_the_thread_that_opens_need_not_be_the_one_that_runs(api: Api) -> None:
    luma = lumas(1)[0]
    with ThreadPoolExecutor(1) as opener, ThreadPoolExecutor(1) as runner, ThreadPoolExecutor(1) as closer:
        engine = opener.submit(open_engine, CARD, SIZE).result()
        take = runner.submit(engine.begin, luma).result()
        made = runner.submit(take).result()
        closer.submit(engine.close).result()
    assert_alike(made, reference(luma))


def test_a_closed_engine_says_so(api: Api) -> None:
    engine = open_engine(CARD, SIZE)
    take = engine.begin(lumas(1)[0])
    engine.close()
    engine.close()
    for use in (take, lambda: engine.run(lumas(1)[0])):
        with pytest.raises(ValueError, match="closed"):
            use()


def test_a_cache_that_cannot_be_written_is_no_reason_not_to_run(
    api: Api, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.write_text("no folder")
    with caplog.at_level(logging.WARNING), closing(open_engine(CARD, SIZE)) as engine:
        engine.run(lumas(1)[0])
    assert "the engine is built again next time" in caplog.text


@pytest.mark.parametrize("api", [RTX], indirect=True)
def test_what_was_compiled_by_another_version_is_compiled_again(api: Api, cache: Path) -> None:
    open_engine(CARD, SIZE).close()
    (plan,) = plans.list_plans()
    plan.keep_compiled(b"of another GPU")
    open_engine(CARD, SIZE).close()
    assert api.compiled_anew == 2
    assert plans.list_plans()[0].read_compiled() == next(cache.glob("*.cache")).read_bytes() != b"of another GPU"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda plan: plan, "GPU"),
        (lambda plan: b"x" * len(plan), "malformed engine"),
        (lambda plan: b"", "malformed engine"),
        (lambda plan: plan[:24] + b"\x01\x04" + plan[26:], "."),
    ],
    ids=["no driver", "no plan", "empty", "another version"],
)
def test_the_real_library_refuses_a_plan_in_a_sentence(
    gpu_double: Driver, spoil: Callable[[bytes], bytes], why: str
) -> None:
    """Its own CUDA runtime finds no driver here: it says so, or refuses the file before it comes to that."""
    library = trt_library.find()
    plan = spoil(trt_build.build_plan(typed_graph(CARD, SIZE, YUV420P, "fp16"), "any"))
    with closing(cuda.Context()) as context, pytest.raises(StalePlan, match=why) as caught:
        Executions(library, plan, None, context)
    assert ".cpp" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_here_it_is_one_sentence() -> None:
    """In a process of its own: no double, no driver."""
    code = """
from rtsr.errors import RtsrError
from rtsr.models import find_model
from rtsr.upscalers.tensorrt import open_engine
try:
    open_engine(find_model("esr-tr-k5c2", 2), (64, 48)).close()
except RtsrError as error:
    print(error.exit_code, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    if not done.stdout:
        pytest.skip("this machine has a GPU that TensorRT can use")
    assert done.stdout.startswith("5 no NVIDIA GPU can be used: ")
    assert done.stdout.count("\n") == 1
    assert not done.stderr
