"""The ways in which torch runs a network on a device, and the choice between them by the clock.

    Triton kernel   edge-SR in float32: one kernel of our own, `rtsr.upscalers.esr_triton`
    CUDA graph      torch's own kernels, cuDNN's for convolutions
    torch.compile   kernels that torch makes for this network and size, by Triton and a C compiler

All are recorded as CUDA graphs, for a network is up to a hundred small kernels, and launching them one by one costs
more than running them.
"""

from __future__ import annotations

import logging
import time
import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import torch

from rtsr.errors import BackendError
from rtsr.nets.esr import FoldedESR
from rtsr.upscalers import torch_kept
from rtsr.upscalers.torch_device import first_line
from rtsr.upscalers.torch_luma import LumaNet, open_luma_net
from rtsr.upscalers.torch_ring import sample_type

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from rtsr.frame import PixelLayout
    from rtsr.models import ModelCard
    from rtsr.nets.enlarger import Enlarger
    from rtsr.upscalers.torch_luma import Precision
    from rtsr.upscalers.torch_ring import Work

log = logging.getLogger(__name__)
Route = Literal["auto", "graph", "compiled", "triton"]
KERNEL, GRAPH, COMPILED = "Triton kernel", "CUDA graph", "torch.compile"
_WARM_UPS = 3
"""Before a recording: cuDNN chooses its kernels, Triton compiles its own."""
_MEASURED_S = 0.1
"""How long a route runs to be compared with another."""
_OLDEST = (7, 0)
"""Compute capability that Triton compiles for."""


@dataclass(frozen=True, slots=True)
class Task:
    """What an engine is for."""

    card: ModelCard
    size_wh: tuple[int, int]
    """Of the pictures that will come."""
    layout: PixelLayout
    device: torch.device
    precision: Precision

    def __str__(self) -> str:
        return f"{self.card} in {self.precision} for {self.size_wh[0]}x{self.size_wh[1]}"


class Recorder:
    """Makes one launch of a `Work`; recordings of one recorder are launched one after the other, on one stream."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._api: Any = torch.get_device_module(device)
        self._stream = self._api.Stream(device)
        self._pool = torch.cuda.graph_pool_handle() if device.type == "cuda" else None
        """Of memory between layers, which all recordings share."""

    def record(self, work: Work, taken: Tensor, made: Tensor) -> Callable[[], None]:
        """See `Record`. On the CPU there is nothing to record."""
        if self._device.type == "cpu":
            return partial(work, taken, made)
        torch.cuda.synchronize(self._device)  # weights and buffers came by another stream
        with torch.cuda.stream(self._stream):
            for _ in range(_WARM_UPS):
                work(taken, made)
            torch.cuda.synchronize(self._device)
            graph = torch.cuda.CUDAGraph()
            # thread_local: another thread may be showing pictures by the engine that this one will replace
            with torch.cuda.graph(graph, self._pool, self._stream, "thread_local"):
                work(taken, made)
        return graph.replay

    def measure_s(self, launch: Callable[[], None]) -> float:
        """Seconds for a launch, launched again and again."""
        times, spent_s = 1, 0.0
        with self._api.stream(self._stream):  # which makes its device the current one, too
            launch()
            while spent_s < _MEASURED_S:
                self._api.synchronize(self._device)
                begin = time.perf_counter()
                for _ in range(times):
                    launch()
                self._api.synchronize(self._device)
                spent_s = time.perf_counter() - begin
                times *= 2
        return spent_s / (times // 2)


def choose(task: Task, route: Route, recorder: Recorder) -> tuple[str, Work]:
    """How the network of `task` runs, in words, and as what is to be recorded.

    Raises BackendError when the named `route` cannot be taken or the card has no safetensors, UsageError when it is
    between two forms that are no forms of one network, and torch's RuntimeErrors.
    """
    net = open_luma_net(task.card)
    works: dict[str, Work] = {}
    if route in ("auto", "triton"):
        kernel = _fused(net, task)
        if not isinstance(kernel, str):
            works[KERNEL] = kernel
        elif route == "triton":
            raise BackendError(f"Triton cannot run {task}: {kernel}", mend="take another route")
        elif isinstance(net, FoldedESR):
            log.info("%s runs without a kernel of its own: %s", task, kernel)
    if route != "triton":
        module = LumaNet(net, task.layout, task.precision).to(task.device)
        if route != "compiled":
            works[GRAPH] = partial(_enlarge, module)
        if route == "compiled" or (route == "auto" and KERNEL not in works and not _without_triton(task.device)):
            works[COMPILED] = _Compiled(module)
    if list(works) == [GRAPH]:
        return GRAPH, works[GRAPH]
    before = torch_kept.kept(_described(task, works))
    if before in works:
        return before, works[before]
    name, work = _fastest(works, task, recorder)
    torch_kept.keep(_described(task, works), name)
    return name, work


def _described(task: Task, works: dict[str, Work]) -> str:
    """A task, the ways that there are, and whatever else their speed depends on."""
    card = torch.cuda.get_device_name(task.device) if task.device.type == "cuda" else task.device.type
    weights = "" if task.card.safetensors is None else task.card.safetensors.sha256[:16]
    return f"{task} {task.layout} {weights} on {card}, torch {torch.__version__}: {', '.join(works)}"


def _fastest(works: dict[str, Work], task: Task, recorder: Recorder) -> tuple[str, Work]:
    """Of those that run at all. Raises BackendError when none does."""
    shape, scale, kind = (task.size_wh[1], task.size_wh[0]), task.card.scale, sample_type(task.layout)
    taken = torch.zeros(shape, dtype=kind, device=task.device)
    made = torch.zeros((scale * shape[0], scale * shape[1]), dtype=kind, device=task.device)
    times_s: dict[str, float] = {}
    why = ""
    for name, work in works.items():
        try:
            times_s[name] = recorder.measure_s(recorder.record(work, taken, made))
        except Exception as error:  # compilers raise some twenty kinds: no C compiler, a driver too old, a full disk
            if name == GRAPH:
                raise
            why = f"{name} cannot run {task}: {first_line(error)}"
            log.info("%s", why)
    if not times_s:
        raise BackendError(why, mend="take another route")
    best = min(times_s, key=lambda name: times_s[name])
    log.info("%s: %s", task, ", ".join(f"{name} {time_s * 1e3:.3f} ms" for name, time_s in times_s.items()))
    return best, works[best]


def _enlarge(module: Callable[[Tensor], Tensor], taken: Tensor, made: Tensor) -> None:
    made.copy_(module(taken))


class _Compiled:
    """A module by torch.compile, which begins at the first picture."""

    def __init__(self, module: LumaNet) -> None:
        self._module = module
        self._compiled: Callable[[Tensor], Tensor] | None = None

    def __call__(self, taken: Tensor, made: Tensor) -> None:
        """See `Work`. Raises whatever torch.compile does."""
        if self._compiled is not None:
            return _enlarge(self._compiled, taken, made)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch to itself
            compiled = torch.compile(self._module, dynamic=False)
            _enlarge(compiled, taken, made)
        self._compiled = compiled
        return None


def _fused(net: Enlarger, task: Task) -> Work | str:
    """The network as one kernel, or why it is none."""
    lacking = _without_triton(task.device)
    if lacking:
        return lacking
    if not isinstance(net, FoldedESR) or task.precision != "fp32":
        return "the kernel is for edge-SR in fp32"
    from rtsr.upscalers.esr_triton import fuse

    return fuse(net, task.layout, task.size_wh) or "the network or the picture is too large for it"


def _without_triton(device: torch.device) -> str:
    """Why Triton, which torch.compile needs as well, cannot be used on `device`; empty where it can."""
    if device.type != "cuda":
        return "Triton needs a GPU"
    try:
        from rtsr.upscalers import esr_triton  # noqa: F401 - its door
    except (ImportError, OSError) as error:
        return f"Triton cannot be loaded ({first_line(error)})"
    capability = torch.cuda.get_device_capability(device)
    return "" if capability >= _OLDEST else f"Triton knows no compute capability {capability[0]}.{capability[1]}"
