"""Plans built by the real TensorRT-RTX, which needs no GPU; and that it says in a sentence what it cannot do."""

import hashlib
import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import tensorrt_rtx
from hypothesis import given
from hypothesis import strategies as st

from rtsr import user_cache
from rtsr.errors import BackendError, UsageError
from rtsr.frame import PixelLayout
from rtsr.models import find_model
from rtsr.upscalers import trt_build, trt_library
from rtsr.upscalers.trt_build import TARGETS, BuildCancelled, Share, build_plan
from rtsr.upscalers.typed_onnx import TypedGraph, typed_graph
from tests.doubles.driver import Driver


def graph(precision: Any = "fp16", bits: int = 8) -> TypedGraph:
    return typed_graph(find_model("esr-tr-k5c2", 2), (64, 48), PixelLayout(bits), precision)


@pytest.mark.parametrize("target", [target for target in TARGETS if target != "this"])
@pytest.mark.parametrize("bits", [8, 10])
def test_a_plan_is_built_for_every_target(target: Any, bits: int) -> None:
    plan = build_plan(graph(bits=bits), target)
    assert plan[:4] == b"vtrt"
    assert plan[24:28] == bytes(int(part) for part in tensorrt_rtx.__version__.split("."))


def test_progress_rises_to_all_and_never_falls() -> None:
    told: list[float] = []
    build_plan(graph(), "any", lambda done, what: told.append(done) or bool(what))  # type: ignore[func-returns-value]
    assert told == sorted(told)
    assert len(told) > 20
    assert 0 < told[0] < 0.1
    assert told[-1] == 1


def test_a_build_can_be_stopped() -> None:
    told: list[float] = []
    with pytest.raises(BuildCancelled, match="is not built") as caught:
        build_plan(graph(), "any", lambda done, _: told.append(done) or len(told) < 5)  # type: ignore[func-returns-value]
    assert len(told) == 5
    assert caught.value.exit_code == 75


def test_what_the_listener_raises_is_raised() -> None:
    def interrupted(_done: float, _what: str) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_plan(graph(), "any", interrupted)


def test_a_plan_for_this_machine_needs_its_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RTSR_CUDA_DOUBLE_GPUS", raising=False)
    with pytest.raises(BackendError, match="no NVIDIA GPU can be used") as caught:
        build_plan(graph(), "this")
    assert caught.value.exit_code == 5


def test_what_is_no_network_is_a_sentence() -> None:
    content = b"nonsense"
    with pytest.raises(BackendError, match=r"cannot build .*: .*parse") as caught:
        build_plan(replace(graph(), onnx=content, sha256=hashlib.sha256(content).hexdigest()), "any")
    assert "Traceback" not in str(caught.value)
    assert ".cpp" not in str(caught.value)


def test_a_target_that_this_version_does_not_know_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """1.4 may not name what 1.7 does."""
    with pytest.raises(BackendError, match=r"does not build for compute capability 99\.9"):
        build_plan(graph(), "99.9")  # type: ignore[arg-type]


def test_plain_tensorrt_builds_for_its_own_gpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = replace(trt_library.find(), name=trt_library.PLAIN)
    monkeypatch.setattr(trt_library, "find", lambda _capability="": plain)
    with pytest.raises(UsageError, match="builds for the GPU of this machine, not for any"):
        build_plan(graph(), "any")


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6)), max_size=30), st.data())
def test_the_share_of_any_tree_of_phases_rises_within_0_and_1(phases: list[tuple[int, int]], data: Any) -> None:
    share, last = Share(), 0.0
    for number, (parent, steps) in enumerate(phases):
        share.start(f"{number}", f"{number - parent}" if parent else None, steps)
        for index in range(data.draw(st.integers(0, steps))):
            share.step(f"{number}", index)
            assert last <= share.done <= 1
            last = share.done
        if data.draw(st.booleans()):
            share.finish(f"{number}")


def test_a_phase_is_as_much_as_a_step_of_its_parent() -> None:
    share = Share()
    share.start("whole", None, 2)
    share.step("whole", 0)
    share.start("second half", "whole", 4)
    share.step("second half", 2)
    assert share.done == pytest.approx(0.5 + 0.75 / 2)


@pytest.mark.parametrize(
    ("words", "readable"),
    [
        (
            "IBuilder::buildSerializedNetwork: Error Code 1: Cuda Runtime (In generateForCurrent at /_src/a.cpp:187)",
            "Cuda Runtime",
        ),
        ("Error Code 2: OutOfMemory (Requested size was 99 bytes.)", "OutOfMemory (Requested size was 99 bytes.)"),
        ("no code. In getCurrentCC at /_src/b.cpp:1 Ensure this.", "no code Ensure this"),
    ],
)
def test_a_library_s_line_is_told_without_its_code(words: str, readable: str) -> None:
    assert trt_library.readable(words) == readable


def test_no_tensorrt_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> Any:
        raise ModuleNotFoundError("No module named 'tensorrt'")

    monkeypatch.setattr(trt_library, "_module", missing)
    trt_library._loaded.cache_clear()
    with pytest.raises(BackendError, match=r'TensorRT is not installed\. pip install "rtsr\[tensorrt\]"'):
        trt_library.find()
    monkeypatch.setattr(trt_library, "_is_jetson", lambda: True)
    with pytest.raises(BackendError, match="--system-site-packages"):
        trt_library.find()
    monkeypatch.undo()
    assert trt_library.find().is_rtx


def test_the_registry_s_placeholder_of_plain_tensorrt_is_no_tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trt_library, "_module", lambda _name: SimpleNamespace(__version__="11.4", ILogger=object))
    trt_library._loaded.cache_clear()
    with pytest.raises(BackendError, match=r"installed and cannot be loaded.*reinstall"):
        trt_library.find()
    monkeypatch.undo()
    trt_library._loaded.cache_clear()


def test_jetson_and_data_centre_take_plain_tensorrt_first(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def nothing(name: str) -> Any:
        asked.append(name)
        raise ImportError

    monkeypatch.setattr(trt_library, "_loaded", nothing)
    for capability, first in (("", "tensorrt_rtx"), ("8.9", "tensorrt_rtx"), ("9.0", "tensorrt")):
        asked.clear()
        with pytest.raises(BackendError):
            trt_library.find(capability)
        assert asked[0] == first
    monkeypatch.setattr(trt_library, "_is_jetson", lambda: True)
    with pytest.raises(BackendError):
        trt_library.find("8.7")
    assert asked[-2:] == ["tensorrt", "tensorrt_rtx"]


def test_the_library_s_warnings_are_for_who_debugs(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(BackendError):
        build_plan(replace(graph(), onnx=b"nonsense"), "any")
    assert not caplog.records


class PlainConfig:
    """What `IBuilderConfig` has of plain TensorRT's timing cache, which needs a GPU."""

    def __init__(self, foreign: bytes = b"") -> None:
        self.known, self._foreign = b"", foreign

    def create_timing_cache(self, content: bytes) -> bytes:
        return content

    def set_timing_cache(self, content: bytes, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        if content and content == self._foreign:
            return False
        self.known = content
        return True

    def get_timing_cache(self) -> Any:
        return SimpleNamespace(serialize=lambda: self.known + b"measured ")


def test_what_plain_tensorrt_measured_is_there_for_the_next_build(
    gpu_double: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(user_cache.VARIABLE, str(tmp_path))
    plain = replace(trt_library.find(), name=trt_library.PLAIN)

    def built(config: PlainConfig) -> bytes:
        path = trt_build._with_timing_cache(plain, config, 0)
        trt_build._keep_timing_cache(path, config)
        return path.read_bytes()

    assert built(PlainConfig()) == b"measured "
    assert built(PlainConfig()) == b"measured measured "
    assert built(PlainConfig(foreign=b"measured measured ")) == b"measured "
    (path,) = (tmp_path / "engines").glob("*.timing")
    assert not path.stat().st_mode & 0o077
    path.chmod(0o666)
    assert built(PlainConfig()) == b"measured "
    assert "so kernels are measured anew" in caplog.text
