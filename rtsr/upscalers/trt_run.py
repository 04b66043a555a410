"""A plan made ready to run: one execution context for each buffer set, their activations shared, launches recorded.

Why a context for each set: a recorded graph holds the addresses that were bound when it was recorded. TensorRT-RTX
records by itself and does so again whenever an address changes (pytorch/TensorRT, pull request 4187); plain TensorRT
leaves recording to us, once for each set of addresses. With a context for each set every address stays.

Why their activations are shared: those are nearly all of a context's memory, and all work is in one stream, one picture
after the other; so the contexts bring no memory of their own, and N sets cost what one costs.

The names that this file and trt_build call are in the bindings of TensorRT 10.3, 10.16 and 11.4 and of TensorRT-RTX
1.4, 1.5 and 1.7 (looked up, not run). Engine, contexts and graphs belong to the thread that launches.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rtsr.errors import BackendError, RtsrError
from rtsr.upscalers.cuda import Context, DeviceBuffer, DeviceMemoryError, Graph, Stream

if TYPE_CHECKING:
    from rtsr.upscalers.ring import Ring
    from rtsr.upscalers.trt_library import Library

_LEAST_BYTES = 256
_FULL = re.compile(r"out ?of ?memory|OUT_OF_MEMORY", re.IGNORECASE)
_MEND = "use --backend openvino, and report this with the output of `rtsr doctor`"


class StalePlan(Exception):  # noqa: N818 - no failure: the plan is built again
    """The library does not take this plan: it is of another version, for another GPU, or damaged. Holds the reason."""


class Executions:
    """A deserialised plan, ready to be bound to a ring; see `Launch`.

    Args:
        library: which TensorRT.
        plan: what `build_plan` gave.
        compiled: what `compiled` gave in an earlier run on this GPU; None where there is none.
        context: of the GPU, current.

    Raises:
        StalePlan: the plan is to be built again.
        DeviceMemoryError: the GPU's memory is full.
    """

    def __init__(self, library: Library, plan: bytes, compiled: bytes | None, context: Context) -> None:
        self._library, self._context = library, context
        self._contexts: list[Any] = []
        self._graphs: list[Graph] = []
        self._activations: DeviceBuffer | None = None
        self._cache: Any = None
        library.told.reason("")  # what an earlier one left
        self._runtime: Any = library.api.Runtime(library.logger)
        if library.is_rtx:
            refuse_foreign(library, self._runtime, plan)
        self._engine: Any = self._runtime.deserialize_cuda_engine(plan)
        if self._engine is None:
            raise self._failed("the plan cannot be read", stale=True)
        self._settings = self._runtime_settings(compiled)

    def bind(self, ring: Ring) -> None:
        """Make a context for each set of `ring`, run each twice, record it, and bind it to the ring.

        Raises BackendError where TensorRT fails, DeviceMemoryError where the GPU's memory is full.
        """
        strategy = self._library.api.ExecutionContextAllocationStrategy.USER_MANAGED
        # some of it always: a context that is lent none may not be run, whatever it needs
        self._activations = DeviceBuffer(max(_LEAST_BYTES, int(self._engine.device_memory_size_v2)))
        for slot in range(ring.slots):
            made = self._engine.create_execution_context(strategy if self._settings is None else self._settings)
            if made is None:
                raise self._failed("no execution context can be made")
            self._contexts.append(made)
            made.set_device_memory(self._activations.address, self._activations.size_bytes)
            for name, address in zip(("y", "sr"), ring.addresses(slot), strict=True):
                if not made.set_tensor_address(name, address):
                    raise self._failed(f"tensor {name} cannot be bound")
        for slot in (*range(ring.slots), *range(ring.slots)):
            # the first run prepares kernels, which no graph may record; in the second TensorRT-RTX may record its own
            self._execute(slot, ring.compute)
            ring.compute.wait()
        if self._settings is None:
            self._graphs = [self._recorded(slot, ring.compute) for slot in range(ring.slots)]
        ring.bind(self)

    def __call__(self, slot: int, stream: Stream) -> None:
        """See `Launch`."""
        if self._graphs:
            self._graphs[slot].launch(stream)
        else:
            self._execute(slot, stream)

    def compiled(self) -> bytes | None:
        """What TensorRT-RTX compiled for this GPU, for the next start; None for plain TensorRT, whose plan holds it."""
        if self._cache is None:
            return None
        made = self._cache.serialize()
        return None if made is None else bytes(memoryview(made))

    def close(self) -> None:
        """Free it; the ring that it is bound to is closed, or idle."""
        with suppress(RtsrError):
            self._context.use()
        while self._graphs:
            self._graphs.pop().close()
        self._contexts.clear()  # TensorRT frees a thing with its last reference: contexts before their engine
        self._settings = self._cache = None
        self._engine = None
        self._runtime = None
        if self._activations is not None:
            self._activations.close()
            self._activations = None

    def _runtime_settings(self, compiled: bytes | None) -> Any:  # noqa: ANN401 - TensorRT has no types
        """How TensorRT-RTX runs: it records by itself, and keeps what it compiles. None for plain TensorRT."""
        if not self._library.is_rtx:
            return None
        api, settings = self._library.api, self._engine.create_runtime_config()
        settings.set_execution_context_allocation_strategy(api.ExecutionContextAllocationStrategy.USER_MANAGED)
        settings.cuda_graph_strategy = api.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        self._cache = settings.create_runtime_cache()
        if compiled is not None and not self._cache.deserialize(compiled):
            self._library.told.reason("")  # of another GPU, version or driver: it is compiled again
            self._cache = settings.create_runtime_cache()
        settings.set_runtime_cache(self._cache)
        return settings

    def _execute(self, slot: int, stream: Stream) -> None:
        if not self._contexts[slot].execute_async_v3(stream.address):
            raise self._failed("the network cannot be run")

    def _recorded(self, slot: int, stream: Stream) -> Graph:
        return Graph(stream, lambda: self._execute(slot, stream))

    def _failed(self, what: str, *, stale: bool = False) -> Exception:
        told = self._library.told.reason("it does not say why")
        if _FULL.search(told):
            return DeviceMemoryError(
                f"the GPU's memory is full ({self._library}: {told})",
                mend="close what else uses the GPU, or choose a smaller model or picture",
            )
        return StalePlan(told) if stale else BackendError(f"{self._library}: {what}: {told}", mend=_MEND)


def refuse_foreign(library: Library, runtime: Any, plan: bytes) -> None:  # noqa: ANN401 - TensorRT has no types
    """Ask TensorRT-RTX by the plan's first bytes whether it would take it here, which says more than a failure.

    Raises StalePlan where it would not.
    """
    header = plan[: int(runtime.engine_header_size)]
    validity, why = runtime.get_engine_validity(header)
    if validity == library.api.EngineValidity.INVALID:
        flags = library.api.EngineInvalidityDiagnostics.__members__.items()
        named = [name.lower().replace("_", " ") for name, flag in flags if int(why) & int(flag)]
        told = library.told.reason("it does not say why")
        raise StalePlan(", ".join(named) or told)
