"""Networks on NVIDIA GPUs through TensorRT: the plan from the cache or built, checked, and run in a ring.

A plan that is damaged, of another version or for another GPU is built again, and the log says so. Before its first
frame an engine makes one picture that the CPU makes, too; where half floats spoil it, float32 takes their place, and
where that fails as well there is no engine. What was found stands beside the plan, so it is asked once for each plan,
GPU and driver. Nothing of this file has run on a GPU yet: docs/gpu.md.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rtsr.errors import BackendError, RtsrError
from rtsr.frame import YUV420P, PixelLayout, Plane
from rtsr.upscalers import cuda, plans, selfcheck, trt_library
from rtsr.upscalers.ring import SLOTS, Geometry, OnDevice, Ring
from rtsr.upscalers.trt_build import TARGETS, build_plan
from rtsr.upscalers.trt_run import Executions, StalePlan

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtsr.background import Report
    from rtsr.config import Arithmetic
    from rtsr.models import ModelCard
    from rtsr.upscalers.trt_build import Target
    from rtsr.upscalers.trt_library import Library
    from rtsr.upscalers.typed_onnx import Precision, TypedGraph

log = logging.getLogger(__name__)
_CHECK = "self_check"
"""Name of the note beside a plan."""
_ELSE = "use --backend openvino, and report this with the output of `rtsr doctor`"


@dataclass(frozen=True, kw_only=True, slots=True)
class GpuOptions:
    """How an engine is opened."""

    device: int = 0
    """Which GPU, by CUDA's number."""
    precision: Arithmetic = "auto"
    """A named one runs or fails; auto takes fp16 where it holds the picture."""
    slots: int = SLOTS
    """Pictures under way at once."""
    report: Report | None = None
    """Told how far the building is; False stops it."""


def open_engine(
    card: ModelCard,
    size_wh: tuple[int, int],
    layout: PixelLayout = YUV420P,
    options: GpuOptions = GpuOptions(),
) -> TensorRtEngine:
    """Open the network of `card` for pictures of one size.

    Args:
        card: which network; its file is checked against its sha256.
        size_wh: of the pictures that will come.
        layout: of the pictures; its depth counts.
        options: which GPU, and how.

    Raises:
        BackendError: there is no GPU, no driver or no TensorRT, or no engine that makes the right picture.
        DeviceMemoryError: the GPU's memory is full.
        UsageError: the card is between two forms that are no forms of one network.
        BuildCancelled: `options.report` said so.
    """
    library = trt_library.find(cuda.find_gpu(options.device).capability)
    try:
        from rtsr.upscalers.typed_onnx import best_precision, typed_graph
    except ImportError as error:
        raise BackendError(f"onnx cannot be loaded ({error})", mend='pip install "rtsr[tensorrt]"') from error
    named = options.precision
    first = best_precision(card, layout) if named == "auto" else named
    tries: tuple[Precision, ...] = ("fp16", "fp32") if named == "auto" and first == "fp16" else (first,)
    context, found = cuda.Context(options.device), ""
    try:
        for precision in tries:
            opening = _Opening(library, context, typed_graph(card, size_wh, layout, precision), options)
            engine = opening.engine_for(card)
            if engine is not None:
                return engine
            found = opening.found
            log.warning("%s makes a wrong picture of %s in %s: %s", library, card, precision, found)
    except BaseException:
        context.close()
        raise
    context.close()
    raise BackendError(f"{library} makes a wrong picture of {card} on {context.gpu.name}: {found}", mend=_ELSE)


def open_graph(graph: TypedGraph, options: GpuOptions = GpuOptions()) -> TensorRtEngine:
    """Open a graph that is no network of a card; it is the caller's to check. Raises as `open_engine`."""
    library = trt_library.find(cuda.find_gpu(options.device).capability)
    context = cuda.Context(options.device)
    try:
        return _Opening(library, context, graph, options).engine()
    except BaseException:
        context.close()
        raise


@dataclass(slots=True)
class _Opening:
    """The steps from a graph to an engine."""

    library: Library
    context: cuda.Context
    graph: TypedGraph
    options: GpuOptions
    found: str = ""
    """What the self-check found, in words."""
    _plan: plans.Plan | None = field(default=None, init=False)
    """Where the plan lies; None where it could not be kept."""

    def engine_for(self, card: ModelCard) -> TensorRtEngine | None:
        """The engine, checked; None where it makes a wrong picture."""
        content, known = self._kept(), self._known()
        if known is not None and not known.is_good:
            self.found = str(known)
            return None
        engine = self._opened(content)
        try:
            verdict = self._known()
            if verdict is None:
                verdict = selfcheck.check(engine, card, self.graph.size_wh, self.graph.layout)
                self._note(verdict)
        except BaseException:
            engine.close()
            raise
        if verdict.is_good:
            return engine
        self.found = str(verdict)
        engine.close(keep_context=True)
        return None

    def engine(self) -> TensorRtEngine:
        """The engine, from the cache or built, not checked."""
        return self._opened(self._kept())

    def _opened(self, content: bytes | None) -> TensorRtEngine:
        """An engine of the plan that was kept, or of a new one."""
        if content is not None:
            try:
                return self._bound(content)
            except StalePlan as stale:
                log.warning(
                    "the engine of %s that is kept cannot be used (%s), and is built anew", self.graph.model, stale
                )
        content = self._built()
        try:
            return self._bound(content)
        except StalePlan as stale:
            gpu = self.context.gpu.name
            raise BackendError(f"{self.library} does not load its own engine on {gpu}: {stale}", mend=_ELSE) from stale

    def _targets(self) -> tuple[Target, ...]:
        """What a plan may be for that runs here, the one that is built last."""
        capability = self.context.gpu.capability
        if not self.library.is_rtx:
            return ("this",)
        own = tuple(target for target in TARGETS if target == capability)
        return own if capability == "7.5" else (*own, "any")  # "any" begins with Ampere

    def _key(self, target: Target) -> plans.PlanKey:
        gpu = self.context.gpu
        about = (gpu.capability, gpu.name, cuda.driver_version()) if target == "this" else ("", "", "")
        return plans.key_of(self.graph, (self.library.name, self.library.version), target, about)

    def _kept(self) -> bytes | None:
        """A plan from the cache."""
        for target in self._targets():
            plan = plans.find(self._key(target))
            if plan is None:
                continue
            try:
                content = plan.read()
            except BackendError as error:
                log.warning("%s, so the engine is built anew. %s", error.problem, error.mend)
                continue
            self._plan = plan
            return content
        return None

    def _built(self) -> bytes:
        """A new plan, and keep it."""
        target, began_s = self._targets()[-1], time.monotonic()
        content = build_plan(self.graph, target, self.options.report, self.options.device)
        seconds = time.monotonic() - began_s
        log.info("%s built %s for %s in %.1f s", self.library, self.graph.model, target, seconds)
        self._plan = None
        try:
            self._plan = plans.keep(self._key(target), content, {"build_seconds": round(seconds, 3)})
        except RtsrError as error:
            log.warning("%s, so the engine is built again next time. %s", error.problem, error.mend)
        return content

    def _bound(self, content: bytes) -> TensorRtEngine:
        """An engine that has run once. Raises StalePlan where the library does not take the plan."""
        compiled = None if self._plan is None else self._plan.read_compiled()
        executions = Executions(self.library, content, compiled, self.context)
        geometry = Geometry(self.graph.size_wh, self.graph.scale, self.graph.layout.dtype)
        ring: Ring | None = None
        try:
            ring = Ring(self.context, geometry, self.options.slots)
            executions.bind(ring)
            newly = executions.compiled()
        except BaseException:
            if ring is not None:
                ring.close()
            executions.close()
            raise
        if self._plan is not None and newly is not None and newly != compiled:
            self._plan.keep_compiled(newly)
        return TensorRtEngine(executions, ring, self.context, self.graph.precision, str(self.library))

    def _where(self) -> dict[str, str]:
        """What a verdict holds for."""
        return {"gpu": self.context.gpu.name, "driver": cuda.driver_version(), "version": self.library.version}

    def _known(self) -> selfcheck.Verdict | None:
        """What an earlier check of the plan found on this GPU."""
        told: Any = None if self._plan is None else self._plan.notes.get(_CHECK)
        if not isinstance(told, dict) or {name: told.get(name) for name in self._where()} != self._where():
            return None
        mean, worst = told.get("mean"), told.get("worst")
        return selfcheck.Verdict(mean, worst) if isinstance(mean, float) and isinstance(worst, float) else None

    def _note(self, verdict: selfcheck.Verdict) -> None:
        if self._plan is None:
            return
        try:
            plans.note(self._plan, **{_CHECK: {**self._where(), "mean": verdict.mean, "worst": verdict.worst}})
        except RtsrError as error:
            log.warning("%s, so the engine is checked again next time. %s", error.problem, error.mend)


class TensorRtEngine:
    """One network on one GPU; see `LumaEngine`. The GPU's context is made current to whichever thread calls."""

    def __init__(
        self, executions: Executions, ring: Ring, context: cuda.Context, precision: Precision, library: str
    ) -> None:
        self.precision: str = precision
        self.library = library
        """Its name and version, for the badge."""
        self.device = context.gpu.name
        self._executions, self._ring, self._context = executions, ring, context
        self._slots, self._closed = ring.slots, False

    @property
    def slots(self) -> int:
        """See `LumaEngine`."""
        return self._slots

    def begin(self, y: Plane) -> Callable[[], Plane]:
        """See `LumaEngine`. Raises BackendError where the GPU fails."""
        self._use()
        take = self._ring.begin(y)

        def result() -> Plane:
            self._use()
            return take()

        return result

    def begin_on_device(self, address: int, pitch_bytes: int, after: cuda.Event) -> OnDevice:
        """See `Ring.begin_on_device`."""
        self._use()
        return self._ring.begin_on_device(address, pitch_bytes, after)

    def run(self, y: Plane) -> Plane:
        """See `LumaEngine`."""
        return self.begin(y)()

    def close(self, *, keep_context: bool = False) -> None:
        """See `LumaEngine`; with `keep_context` the GPU's context stays, for another engine."""
        if self._closed:
            return
        self._closed = True
        self._ring.close()
        self._executions.close()
        if not keep_context:
            self._context.close()

    def _use(self) -> None:
        if self._closed:
            raise ValueError("this engine is closed")
        self._context.use()
