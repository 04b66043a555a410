"""The half of TensorRT that runs plans, on the CPU: the network that a plan was built of, computed by OpenVINO.

It keeps to what the real one asks of its users and does not say when it is not kept: a context runs on the addresses
that were bound when it was enqueued, in the stream, whenever that comes to it; its activations are lent memory of the
GPU, overwritten by every run; the first run of a context prepares kernels, which no graph may record; and
TensorRT-RTX, told to record by itself, may not be recorded from outside. Building is left to the real library.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import openvino as ov
import tensorrt_rtx

from rtsr.upscalers.trt_library import PLAIN, RTX, Library, Told
from rtsr.upscalers.typed_onnx import TypedGraph
from tests.doubles.driver import Driver

ACTIVATION_BYTES = 4096
_CALLED = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Api:
    """The module: TensorRT-RTX's own but for `Runtime`."""

    def __init__(self, name: str, driver: Driver) -> None:
        self.is_rtx, self.driver = name == RTX, driver
        self.told = Told()
        self.graphs: dict[str, TypedGraph] = {}
        """By the SHA-256 of the plan that was built of them."""
        self.spoil: Callable[[np.ndarray, TypedGraph], np.ndarray] = lambda made, _: made
        """What happens to each result."""
        self.refuse: dict[str, str] = {}
        """SHA-256 of plans that this GPU does not take, and what is said."""
        self.full = False
        """Whether no context finds memory."""
        self.executed = 0
        """Calls of execute_async_v3."""
        self.compiled_anew = 0
        """Contexts that found nothing in the runtime cache."""
        self.library = Library(name, tensorrt_rtx.__version__, self, tensorrt_rtx.Logger(), self.told)

    def __getattr__(self, name: str) -> Any:
        return getattr(tensorrt_rtx, name)

    def Runtime(self, _logger: Any) -> Runtime:  # noqa: N802 - TensorRT's name
        return Runtime(self)

    def built(self, graph: TypedGraph, plan: bytes) -> bytes:
        """Remember what a plan is of."""
        self.graphs[hashlib.sha256(plan).hexdigest()] = graph
        return plan


class Runtime:
    engine_header_size = 64

    def __init__(self, api: Api) -> None:
        self._api = api

    def get_engine_validity(self, header: bytes) -> tuple[Any, int]:
        assert self._api.is_rtx, "plain TensorRT has no such method"
        known = header[:4] == b"vtrt" and header[24:28] == _version()
        diagnostics = tensorrt_rtx.EngineInvalidityDiagnostics.VERSION_MISMATCH
        validity = tensorrt_rtx.EngineValidity
        return (validity.VALID, 0) if known else (validity.INVALID, int(diagnostics))

    def deserialize_cuda_engine(self, plan: bytes) -> Engine | None:
        sha256 = hashlib.sha256(plan).hexdigest()
        if sha256 not in self._api.graphs or sha256 in self._api.refuse:
            words = self._api.refuse.get(sha256, "Error Code 1: Serialization (Serialization assertion failed.)")
            self._api.told.hear(f"IRuntime::deserializeCudaEngine: {words}", is_error=True)
            return None
        return Engine(self._api, self._api.graphs[sha256])


class Settings:
    """IRuntimeConfig."""

    def __init__(self) -> None:
        self.cuda_graph_strategy = tensorrt_rtx.CudaGraphStrategy.DISABLED
        self.strategy = tensorrt_rtx.ExecutionContextAllocationStrategy.STATIC
        self.cache: Cache | None = None

    def set_execution_context_allocation_strategy(self, strategy: Any) -> None:
        self.strategy = strategy

    def create_runtime_cache(self) -> Cache:
        return Cache()

    def set_runtime_cache(self, cache: Cache) -> bool:
        self.cache = cache
        return True


class Cache:
    """IRuntimeCache."""

    def __init__(self) -> None:
        self.content = b""

    def deserialize(self, content: bytes) -> bool:
        if not content.startswith(b"compiled "):
            return False
        self.content = content
        return True

    def serialize(self) -> bytes:
        return self.content


class Engine:
    device_memory_size_v2 = ACTIVATION_BYTES

    def __init__(self, api: Api, graph: TypedGraph) -> None:
        self.api, self.graph = api, graph

    def create_runtime_config(self) -> Settings:
        assert self.api.is_rtx
        return Settings()

    def create_execution_context(self, how: Any) -> Context | None:
        if self.api.full:
            self.api.told.hear("Error Code 2: OutOfMemory (Requested size was 99 bytes.)", is_error=True)
            return None
        settings = how if isinstance(how, Settings) else Settings()
        strategy = how.strategy if isinstance(how, Settings) else how
        assert strategy == tensorrt_rtx.ExecutionContextAllocationStrategy.USER_MANAGED
        if settings.cache is not None and not settings.cache.content:
            self.api.compiled_anew += 1
            settings.cache.content = b"compiled " + self.graph.sha256.encode()
        return Context(self, settings)


class Context:
    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine, self._api = engine, engine.api
        self._records = settings.cuda_graph_strategy != tensorrt_rtx.CudaGraphStrategy.DISABLED
        self._addresses: dict[str, int] = {}
        self._memory = 0
        self._has_run = False
        self._kept: list[Any] = []

    def set_device_memory(self, address: int, size: int) -> None:
        assert size >= ACTIVATION_BYTES
        self._memory = address

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return name in ("y", "sr") and bool(address)

    def execute_async_v3(self, stream: int) -> bool:
        if self._api.driver.is_recording(stream) and (self._records or not self._has_run):
            self._api.told.hear(
                "Error Code 1: Cuda Runtime (operation not permitted when stream is capturing)", is_error=True
            )
            return False
        self._has_run = True
        self._api.executed += 1
        at, memory = dict(self._addresses), self._memory
        work = _CALLED(lambda _: self._compute(at, memory))
        self._kept.append(work)  # C holds the address alone
        self._api.driver.enqueue(stream, work)
        return True

    def _compute(self, at: dict[str, int], memory: int) -> None:
        graph = self._engine.graph
        ctypes.memset(memory, self._api.executed % 256, ACTIVATION_BYTES)
        compiled = _network(graph.onnx)
        shapes = [tuple(port.shape) for port in (compiled.inputs[0], compiled.outputs[0])]
        luma, made = (
            np.ctypeslib.as_array((ctypes.c_uint8 * int(np.prod(shape))).from_address(address)).reshape(shape)
            for shape, address in zip(shapes, (at["y"], at["sr"]), strict=True)
        )
        made[...] = self._api.spoil(np.array(compiled(luma)[0]), graph)


def _version() -> bytes:
    return bytes(int(part) for part in tensorrt_rtx.__version__.split("."))


@cache
def _network(onnx: bytes) -> ov.CompiledModel:
    core = ov.Core()
    return core.compile_model(core.read_model(onnx), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})


__all__ = ["ACTIVATION_BYTES", "PLAIN", "RTX", "Api"]
