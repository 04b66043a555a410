"""A typed graph made into a plan by TensorRT: one call, with progress and a way to stop it.

TensorRT-RTX only arranges the graph here, in about a second and without a GPU; it compiles on the user's GPU when the
plan is loaded. Plain TensorRT tries kernels on the GPU that it is built for, which takes seconds to minutes; what it
measured goes to a timing cache in the engines folder, so that the next network of a kind takes less. Why the timing
cache is plain TensorRT's alone: on RTX it does nothing, and asks for a GPU.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from rtsr import user_cache
from rtsr.errors import BackendError, InterruptedRun, RtsrError, UsageError
from rtsr.upscalers import cuda, plans, trt_library

if TYPE_CHECKING:
    from pathlib import Path

    from rtsr.background import Report
    from rtsr.upscalers.trt_library import Library
    from rtsr.upscalers.typed_onnx import TypedGraph

log = logging.getLogger(__name__)
Target = Literal["any", "7.5", "8.6", "8.9", "12.0", "this"]
TARGETS: tuple[Target, ...] = get_args(Target)
"""What a plan can be for: any RTX card from Ampere on, the cards of one compute capability, or this machine's GPU."""


class BuildCancelled(InterruptedRun):
    """The build was stopped, as `report` asked."""


def build_plan(graph: TypedGraph, target: Target, report: Report | None = None, device: int = 0) -> bytes:
    """Build a plan.

    Args:
        graph: the network at one size; its layers run in exactly the types that it names.
        target: see `TARGETS`. Plain TensorRT builds for "this" alone, with the GPU whose context is current.
        report: told the share that is done, 0..1 and never less than before, perhaps from a thread of the library's.
        device: which GPU "this" is, by CUDA's number.

    Returns:
        What `Runtime.deserialize_cuda_engine` of the same library takes.

    Raises:
        BackendError: there is no TensorRT, or it cannot build this; "this" is asked for, and there is no GPU.
        UsageError: plain TensorRT is asked for another target.
        BuildCancelled: `report` said so. What `report` raises is raised.
    """
    width, height = graph.size_wh
    draft = begin(f"{graph.model} x{graph.scale} for {width}x{height}", target, device)
    parser = draft.library.api.OnnxParser(draft.network, draft.library.logger)
    if not parser.parse(graph.onnx):
        raise draft.failure()
    return finish(draft, report)


@dataclass(frozen=True, slots=True)
class Draft:
    """A network that is being written, in TensorRT's own terms."""

    library: Library
    builder: Any
    network: Any
    """An `INetworkDefinition`, strongly typed."""
    what: str
    """Of which network and size, for people."""
    target: Target
    device: int = 0
    """CUDA's number of the GPU that "this" means."""
    held: list[Any] = field(default_factory=list)
    """What owns memory that the network points into, until it is built."""

    def failure(self) -> BackendError:
        """That it cannot be built, by what the library said."""
        reason = self.library.told.reason("it does not say why")
        return BackendError(
            f"{self.library} cannot build {self.what}, target {self.target}: {reason}",
            mend="use --backend openvino, and report this with the output of `rtsr doctor`",
        )


def begin(what: str, target: Target, device: int = 0) -> Draft:
    """An empty network of the library that builds for `target`. Raises BackendError and UsageError as `build_plan`."""
    library = trt_library.find(cuda.find_gpu(device).capability if target == "this" else "")
    if target != "this" and not library.is_rtx:
        raise UsageError(f"{library} builds for the GPU of this machine, not for {target}", mend="use --target this")
    library.told.reason("")  # what an earlier build left
    builder = library.api.Builder(library.logger)
    return Draft(library, builder, builder.create_network(_strongly_typed(library.api)), what, target, device)


def finish(draft: Draft, report: Report | None = None) -> bytes:
    """The plan of a whole network; as `build_plan`."""
    library, api, monitor = draft.library, draft.library.api, _monitor(draft.library.api, report)
    config = draft.builder.create_builder_config()
    config.progress_monitor = monitor
    config.clear_flag(api.BuilderFlag.TF32)  # float32 means float32: ten bits of mantissa are half floats
    if library.is_rtx:
        _aim(library, config, draft.target)
        made = draft.builder.build_serialized_network(draft.network, config)
    else:
        with_times = _with_timing_cache(library, config, draft.device)
        made = draft.builder.build_serialized_network(draft.network, config)
        _keep_timing_cache(with_times, config)
    if monitor.error is not None:
        raise monitor.error
    if monitor.stopped:
        raise BuildCancelled(f"the engine of {draft.what} is not built", mend="the next start builds it")
    if made is None:
        raise draft.failure()
    if report is not None:
        report(1.0, "Building engine")
    return bytes(memoryview(made))


def _strongly_typed(api: Any) -> int:  # noqa: ANN401 - TensorRT has no types
    """Flags of the network: TensorRT 10 asks for this one, 11 knows nothing else."""
    return 1 << int(api.NetworkDefinitionCreationFlag.STRONGLY_TYPED)


def _aim(library: Library, config: Any, target: Target) -> None:  # noqa: ANN401
    """Tell TensorRT-RTX which cards; "any" is what it builds for when it is told nothing."""
    if target == "any":
        return
    capabilities = library.api.ComputeCapability
    chosen = getattr(capabilities, "CURRENT" if target == "this" else f"SM{target.replace('.', '')}", None)
    if chosen is None:
        raise BackendError(f"{library} does not build for compute capability {target}", mend="use --target any")
    config.num_compute_capabilities = 1
    config.set_compute_capability(chosen, 0)


def _with_timing_cache(library: Library, config: Any, device: int) -> Path:  # noqa: ANN401
    """Give plain TensorRT what it measured before: where that lies, one file for a version and a GPU."""
    gpu = cuda.find_gpu(device)
    what = hashlib.sha256(f"{library} {gpu.name} {gpu.capability} {cuda.driver_version()}".encode()).hexdigest()[:16]
    path = plans.folder() / f"{what}.timing"
    known = b""
    try:
        user_cache.refuse_shared(path.parent)
        known = user_cache.read_own(path)
    except FileNotFoundError:
        pass
    except BackendError as error:
        log.warning("%s, so kernels are measured anew. %s", error.problem, error.mend)
    cache = config.create_timing_cache(known)
    if not config.set_timing_cache(cache, False):  # noqa: FBT003 - TensorRT's own: refuse another device's
        config.set_timing_cache(config.create_timing_cache(b""), False)  # noqa: FBT003
    return path


def _keep_timing_cache(path: Path, config: Any) -> None:  # noqa: ANN401
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        user_cache.refuse_shared(path.parent)
        user_cache.write_whole(path, bytes(memoryview(config.get_timing_cache().serialize())))
    except (OSError, RtsrError) as error:
        log.warning("what the build measured is not kept in %s: %s", path.parent, error)


class Share:
    """How much of a tree of phases is done, of which each tells only its own steps.

    A phase is as much of its parent as a step of that. The share never falls, whatever order phases come in.
    """

    def __init__(self) -> None:
        self._phases: dict[str, tuple[str | None, int, int]] = {}
        """Name to parent, steps, steps done; in the order of their beginnings."""
        self.done = 0.0

    def start(self, name: str, parent: str | None, steps: int) -> None:
        """A phase begins."""
        self._phases[name] = (parent, max(1, steps), 0)

    def step(self, name: str, index: int) -> None:
        """Step `index` of a phase, from 0, is done."""
        if name not in self._phases:
            return
        parent, steps, _ = self._phases[name]
        self._phases[name] = (parent, steps, min(steps, index + 1))
        self.done = max(self.done, self._of(name))

    def finish(self, name: str) -> None:
        """A phase ends, perhaps before its last step."""
        self._phases.pop(name, None)

    def _of(self, name: str) -> float:
        """The share of the whole when `name` is where it is."""
        inner, at, seen = 0.0, name, set[str]()
        while at in self._phases and at not in seen:
            seen.add(at)
            parent, steps, done = self._phases[at]
            inner = min(1.0, (done + inner) / steps)
            if parent is None:
                break
            at = parent
        return inner


def _monitor(api: Any, report: Report | None) -> Any:  # noqa: ANN401
    """An `IProgressMonitor` that calls `report`, and lets nothing that it raises into the library."""

    class Monitor(api.IProgressMonitor):  # type: ignore[misc]  # a class of the library that was found
        def __init__(self) -> None:
            api.IProgressMonitor.__init__(self)
            self.stopped = False
            self.error: BaseException | None = None
            self._share = Share()

        def phase_start(self, name: str, parent: str | None, steps: int) -> None:
            self._share.start(name, parent, steps)

        def step_complete(self, name: str, index: int) -> bool:
            try:
                self._share.step(name, index)
                if report is not None and not report(self._share.done, name):
                    self.stopped = True
            except BaseException as error:  # noqa: BLE001 - raised again by build_plan, outside the library
                self.error = error
            return not self.stopped and self.error is None

        def phase_finish(self, name: str) -> None:
            self._share.finish(name)

    return Monitor()
