"""A machine with an NVIDIA GPU, as `rtsr.upscalers.open_upscaler` sees it: driver and TensorRT's runtime are doubles.

TensorRT-RTX's builder is the real one. There is no torch for CUDA. The fixture is `gpu_machine`, in conftest.
"""

from pathlib import Path
from typing import Any

import pytest

from rtsr import user_cache
from rtsr.power.cards import Card
from rtsr.upscalers import devices, tensorrt, trt_build, trt_library
from rtsr.upscalers.typed_onnx import TypedGraph
from tests.doubles.driver import NAME, Driver
from tests.doubles.trt_runtime import RTX, Api

MIB = 1 << 20


class GpuMachine:
    """What a test may change, and look at."""

    def __init__(self, driver: Driver, api: Api, patch: pytest.MonkeyPatch) -> None:
        self.driver, self.api, self._patch = driver, api, patch
        self.set_cards(card(0))

    def set_cards(self, *cards: Card) -> None:
        """What NVML tells; CUDA shows as many, unless `set_shown` says otherwise."""
        self._patch.setattr(devices, "list_cards", lambda: cards)
        self.set_shown(len(cards))

    def set_shown(self, count: int) -> None:
        """How many CUDA shows."""
        self._patch.setenv("RTSR_CUDA_DOUBLE_GPUS", str(count))


def card(number: int, name: str = "", free_bytes: int | None = 1024 * MIB) -> Card:
    """NVML's words of the double's GPU `number`."""
    digit = str(number + 1)
    uuid = "GPU-" + "-".join(digit * length for length in (8, 4, 4, 4, 12))
    return Card(name or NAME.replace("0", str(number)), uuid, "8.9", 1024 * MIB, free_bytes, "580.65")


def gpu_machine_with(gpu_double: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GpuMachine:
    """One GPU of 1 GiB and compute capability 8.9, with TensorRT-RTX; an empty cache of engines."""
    monkeypatch.setenv(user_cache.VARIABLE, str(tmp_path / "cache"))
    monkeypatch.delenv(devices.VISIBLE, raising=False)
    monkeypatch.setattr(devices, "has_driver", lambda: True)
    api = Api(RTX, gpu_double)
    real, found = trt_build.build_plan, trt_library.find

    def built(graph: TypedGraph, target: Any, report: Any = None, device: int = 0) -> bytes:
        with monkeypatch.context() as patch:
            patch.setattr(trt_library, "find", found)
            return api.built(graph, real(graph, target, report, device))

    monkeypatch.setattr(trt_library, "find", lambda _capability="": api.library)
    monkeypatch.setattr(tensorrt, "build_plan", built)
    return GpuMachine(gpu_double, api, monkeypatch)
