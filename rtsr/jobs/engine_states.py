"""Of what use the engines on disk are, here and now; and letting go of those that are of none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Literal, cast

from rtsr.color import Siting
from rtsr.errors import BackendError, RtsrError, UsageError
from rtsr.frame import PixelLayout
from rtsr.jobs.engines import Wanted, gpu_of, recipe_of
from rtsr.models import find_model
from rtsr.models.sharpness import sharpened
from rtsr.upscalers import cuda, plans, trt_library
from rtsr.upscalers.plan_key import differences
from rtsr.upscalers.plans import Plan
from rtsr.upscalers.trt_run import StalePlan, refuse_foreign
from rtsr.user_cache import refuse_shared

if TYPE_CHECKING:
    from pathlib import Path

    from rtsr.config import Arithmetic, EngineTarget, PruneEngines
    from rtsr.models import ModelCard
    from rtsr.upscalers.plans import PlanKey
    from rtsr.upscalers.trt_library import Library

State = Literal["ready", "stale", "elsewhere", "unknown", "refused"]
"""It would be taken; it was made by another version or of another network; it is for another GPU or library; nothing
can be said, since TensorRT is missing here; it is damaged, not the user's own, or the library refuses it."""
_CHROMA = "chroma-"
"""Begins the name of the engines for chroma of pictures that stay on the card: `rtsr.upscalers.typed_chroma`."""
TURING = "7.5"
"""The one compute capability that "any" leaves out."""
USELESS: frozenset[State] = frozenset({"stale", "refused"})
"""What no run on this machine takes any more."""


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine on disk, and of what use it is."""

    facts: Path
    """Its JSON file."""
    plan: Plan | None
    """None where it is refused."""
    state: State
    why: str = ""
    """In words; empty where it is ready."""
    mend: str = ""
    """A command where there is one."""


def list_engines(place: Path | None = None) -> list[Engine]:
    """Every engine of the cache, or of a folder, by name. Raises BackendError where the folder is not to be read."""
    if place is None:
        refuse_shared(plans.folder())
    engines = []
    for facts, one in plans.survey(plans.folder() if place is None else place):
        if isinstance(one, Plan):
            engines.append(Engine(facts, one, *_state_of(one)))
        else:
            engines.append(Engine(facts, None, "refused", one.problem, one.mend))
    return engines


def _state_of(plan: Plan) -> tuple[State, str, str]:
    """(state, why, mend)."""
    key = plan.key
    try:
        library = trt_library.find(key.compute_capability)
    except BackendError as error:
        return "unknown", error.problem, error.mend
    if library.name != key.library:
        return "elsewhere", f"it is of {key.library}, and what is here is {library}", ""
    if library.version != key.version:
        return "stale", f"it is of {key.library} {key.version}, and {library.version} is here", "build it again"
    try:
        gpu = gpu_of(key.target)
    except BackendError as error:
        return "elsewhere", error.problem, error.mend
    if key.compute_capability != gpu[0] or (key.gpu and key.gpu != gpu[1]):
        return "elsewhere", f"it is for {key.gpu or key.compute_capability}, and what is here is {gpu[1]}", ""
    try:
        others = _others(key)
    except RtsrError as error:
        return "stale", error.problem, error.mend
    if others:
        return "stale", f"it has another {', '.join(others)}", "build it again"
    return _validity(library, plan)


def _others(key: PlanKey) -> list[str]:
    """What differs from the engine that would be built today. Raises RtsrError where none would."""
    if not key.model.startswith(_CHROMA):
        return differences(key, recipe_of(_wanted_of(key)).key)
    from rtsr.upscalers.typed_chroma import chroma_graph

    siting, size = Siting(key.model.removeprefix(_CHROMA)), (key.width, 2 * key.height)  # of luma; pairs are as wide
    graph = chroma_graph(size, key.scale, siting, PixelLayout(key.bits))
    return [] if graph.sha256 == key.onnx_sha256 else ["graph"]


def _wanted_of(key: PlanKey) -> Wanted:
    """Raises UsageError where there is no such network any more."""
    precision, target = cast("Arithmetic", key.precision), cast("EngineTarget", key.target)
    return Wanted(_card_of(key), (key.width, key.height), key.bits, precision, target)


def _card_of(key: PlanKey) -> ModelCard:
    """By its label."""
    name, _, sharpness = key.model.partition(" at sharpness ")
    return sharpened(find_model(name, key.scale), float(sharpness or 0))


def _validity(library: Library, plan: Plan) -> tuple[State, str, str]:
    """Whether it is for the GPU that is here, and what TensorRT-RTX says of its header; nothing is loaded."""
    try:
        gpu = cuda.find_gpu()
    except BackendError:
        return "ready", "", ""
    target = plan.key.target
    if target not in ("this", gpu.capability) and (target != "any" or gpu.capability == TURING):
        return "elsewhere", f"it is for {target}, and {gpu.name} has compute capability {gpu.capability}", ""
    if library.is_rtx:
        try:
            refuse_foreign(library, library.api.Runtime(library.logger), plan.read())
        except StalePlan as error:
            return "refused", f"{library} does not take it on {gpu.name}: {error}", "rtsr engines build --force"
    return "ready", "", ""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was deleted."""

    name: str
    why: str
    freed_bytes: int


def prune(options: PruneEngines) -> list[Pruned]:
    """Delete the engines that any of the options names, and what killed processes left.

    Raises UsageError where no option names any or the folder cannot be written, BackendError where it is not the
    user's own.
    """
    if not options.everything and not options.stale and options.older_than is None:
        raise UsageError("prune does not know what to delete", mend="add --stale, --older-than DAYS or --all")
    pruned = []
    for engine in list_engines():
        if why := _reason(engine, options):
            pruned.append(Pruned(engine.facts.stem, why, plans.remove(engine.facts)))
    rest = (plans.clear if options.everything else plans.sweep)(plans.folder())
    return [*pruned, Pruned("leftovers", "no engine's", rest)] if rest else pruned


def _reason(engine: Engine, options: PruneEngines) -> str:
    """Why it goes; empty where it stays."""
    if options.everything:
        return "all"
    if options.stale and engine.state in USELESS:
        return engine.why
    if options.older_than is not None and engine.plan is not None:
        age = datetime.now(timezone.utc) - datetime.fromisoformat(engine.plan.built_at)
        if age >= timedelta(days=options.older_than):
            return f"built {age.days} days ago"
    return ""
