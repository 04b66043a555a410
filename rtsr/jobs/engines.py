"""Engines ("plans") made before they are needed: each of one network, at one input size, for one kind of GPU.

`rtsr.upscalers.plans` says where they lie; which of them are of use here, `rtsr.jobs.engine_states`.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from rtsr.config import EngineTarget
from rtsr.errors import BackendError, InterruptedRun, UsageError
from rtsr.frame import PixelLayout
from rtsr.jobs.bench import models_at, parse_sizes
from rtsr.models import find_model
from rtsr.planes import FORMS
from rtsr.upscalers import cuda, plans, trt_library

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rtsr.config import Arithmetic, BuildEngines, EngineBuilder
    from rtsr.models import ModelCard
    from rtsr.upscalers.plans import Plan, PlanKey
    from rtsr.upscalers.trt_library import Library
    from rtsr.upscalers.typed_onnx import TypedGraph

    Report = Callable[[float, str], bool]
    """Takes the share of an engine that is done, 0..1, and what is being done, in words; False stops."""

LARGEST_PX = 16384 * 8704
"""Pixels of a picture at most, Rec. H.265 levels 7 to 7.2: above it a builder fills memory before it fails."""
_DEPTHS = sorted({form.layout.bits for form in FORMS.values()})


@dataclass(frozen=True, slots=True)
class Wanted:
    """An engine that is to be there."""

    card: ModelCard
    size_wh: tuple[int, int]
    """Of the pictures that go in."""
    bits: int
    """Of a luma sample."""
    precision: Arithmetic
    target: EngineTarget | None
    """None: what the library that is here builds for."""
    builder: EngineBuilder = "onnx"
    """What the network is read by."""

    @property
    def layout(self) -> PixelLayout:
        """Of the pictures; of 4:2:0, though only the depth counts."""
        return PixelLayout(self.bits)

    def __str__(self) -> str:
        depth = "" if self.bits == PixelLayout().bits else f" {self.bits} bit"
        return f"{self.card} {self.size_wh[0]}x{self.size_wh[1]}{depth}"


@dataclass(frozen=True, slots=True)
class Built:
    """An engine that is there now."""

    plan: Plan
    seconds: float
    """That it took; 0 where it was there already."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an engine would be made of, now and here."""

    graph: TypedGraph
    key: PlanKey
    target: EngineTarget


def parse_wanted(options: BuildEngines) -> list[Wanted]:
    """Every engine that `options` ask for; of `all` networks, those that have the scale.

    Raises UsageError when a name, a size, a depth or the scale makes no sense.
    """
    sizes, everything = parse_inputs(options.sizes), options.models.strip() == "all"
    bits = parse_depth(options.bits)
    cards = [find_model(name, options.scale) for name in models_at(options.models, options.scale)]
    networks = [card for card in cards if card.onnx is not None]
    if not everything and (odd := [card for card in cards if card.onnx is None]):
        raise UsageError(f"{odd[0].name} is no network: there is no engine of it", mend="choose one of `rtsr models`")
    if not networks:
        raise UsageError(f"no network has the scale {options.scale}", mend="choose --scale 2, 3 or 4")
    how = options.precision, options.target, options.builder
    return [Wanted(card, size, bits, *how) for card in networks for size in sizes]


def parse_inputs(words: str) -> list[tuple[int, int]]:
    """(width, height) of each member of a comma list. Raises UsageError on what is no size, or none of a video."""
    for width, height in (sizes := parse_sizes(words)):
        if width * height > LARGEST_PX:
            raise UsageError(f"{width}x{height} is larger than any video", mend="H.265 ends at 16384x8704")
    return sizes


def parse_depth(bits: int) -> int:
    """`bits`, where video of that depth is read. Raises UsageError where it is not."""
    if bits not in _DEPTHS:
        raise UsageError(f"{bits} bit is no depth of video", mend=f"known are {', '.join(map(str, _DEPTHS))}")
    return bits


def recipe_of(wanted: Wanted) -> Recipe:
    """What the engine would be made of.

    Raises:
        BackendError: there is no TensorRT, no GPU for the target "this", or the network's file is damaged.
    """
    library, target = _aimed(wanted.target)
    try:
        from rtsr.upscalers.typed_onnx import best_precision, typed_graph
    except ImportError as error:
        raise BackendError(f"onnx cannot be loaded ({error})", mend='pip install "rtsr[tensorrt]"') from error
    precision = best_precision(wanted.card, wanted.layout) if wanted.precision == "auto" else wanted.precision
    graph = typed_graph(wanted.card, wanted.size_wh, wanted.layout, precision)
    key = plans.key_of(graph, (library.name, library.version), target, gpu_of(target))
    return Recipe(graph, key, target)


def gpu_of(target: str) -> tuple[str, str, str]:
    """(compute capability, name, driver) of the GPU, for the target "this". Raises BackendError where there is none."""
    if target != "this":
        return "", "", ""
    try:
        gpu = cuda.find_gpu()
    except BackendError as error:
        raise BackendError(error.problem, mend="install the NVIDIA driver, or build for --target any") from error
    return gpu.capability, gpu.name, cuda.driver_version()


def _aimed(target: EngineTarget | None) -> tuple[Library, EngineTarget]:
    if target is None:
        library = trt_library.find()
        return library, "any" if library.is_rtx else "this"
    capability = gpu_of(target)[0]
    library = trt_library.find(capability)
    if target != "this" or not library.is_rtx:
        return library, target
    own = [one for one in get_args(EngineTarget) if one == capability]  # what a run on this GPU looks for
    return library, own[0] if own else "any"


def build(wanted: Wanted, report: Report, place: Path | None = None, *, force: bool = False) -> Built:
    """Build an engine unless it is there, and keep it once it is whole.

    Args:
        wanted: which.
        report: told of progress.
        place: a folder, instead of the user's cache.
        force: build it, though it is there.

    Raises:
        BackendError: there is no TensorRT or no GPU for the target "this", or the engine cannot be built.
        UsageError: the library does not build for the target, or the folder cannot be written.
        ResourceError: the disk is full.
        InterruptedRun: `report` gave False.
    """
    if not report(0.0, "reading the network"):
        raise InterruptedRun(f"the engine of {wanted} is not built", mend="give the same command again")
    began_s = time.monotonic()
    recipe = recipe_of(wanted)
    found = None if force else plans.find(recipe.key, place)
    if found is not None and found.notes.get("builder", "onnx") == wanted.builder:
        return Built(found, 0.0)
    with ExitStack() as held:
        if recipe.target == "this":
            held.callback(cuda.Context().close)
        content = _content(wanted, recipe, report)
    seconds = time.monotonic() - began_s
    notes = {"build_seconds": round(seconds, 3), "builder": wanted.builder}
    return Built(plans.keep(recipe.key, content, notes, place), seconds)


def _content(wanted: Wanted, recipe: Recipe, report: Report) -> bytes:
    """The plan, by the builder that was asked for: both give one the same ends, so both stand under the same key."""
    graph, target = recipe.graph, recipe.target
    if wanted.builder == "onnx":
        from rtsr.upscalers.trt_build import build_plan

        return build_plan(graph, target, report)
    try:
        from rtsr.upscalers.torch_bridge import build_plan_from_torch
        from rtsr.upscalers.torch_luma import open_luma_net
    except ImportError as error:
        raise BackendError(
            f"{error.name} is not installed, which --builder torch needs", mend='pip install "rtsr[torch]"'
        ) from error
    net = open_luma_net(wanted.card)
    return build_plan_from_torch(net, graph.size_wh, graph.layout, graph.precision, target, report)
