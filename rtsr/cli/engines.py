"""`rtsr engines`: what TensorRT runs, built before it is needed; `list`, `verify` and `prune` what is there."""

from __future__ import annotations

from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rtsr.cli.interrupt import stop_on_signal
from rtsr.cli.options import command as make_command
from rtsr.config import BuildEngines, ListEngines, PruneEngines, VerifyEngines
from rtsr.errors import InterruptedRun, LossError
from rtsr.jobs.table import csv_text, json_text, markdown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rtsr.config import Progress
    from rtsr.jobs.engine_states import Engine
    from rtsr.jobs.engines import Built, Wanted
    from rtsr.upscalers.plans import PlanKey

_NONE = "no engine is kept; rtsr engines build makes some"


def run_build(options: BuildEngines) -> None:
    """Build engines now, so that no run has to: one for each network and input size.

    TensorRT-RTX builds here what every card of the target takes, without a GPU; each card compiles it when it is first
    loaded. Plain TensorRT builds for this machine's GPU alone (--target this).

    Engines lie in the user's cache, see `rtsr engines list`; what is there already is not built again.
    """
    from rtsr.jobs.engines import parse_wanted

    place = None if options.output is None else Path(options.output)
    build_all(parse_wanted(options), place, options.progress, force=options.force)


def build_all(wanted: Sequence[Wanted], place: Path | None, progress: Progress, *, force: bool) -> list[Built]:
    """Build each of `wanted` that is not there, with progress, and print what is there now.

    Raises as `rtsr.jobs.engines.build`; what was finished by then is kept and printed.
    """
    from rtsr.cli.engine_progress import open_progress
    from rtsr.jobs.engines import build

    done: list[Built] = []
    stopped: list[bool] = []
    shown = open_progress(progress, len(wanted))

    def report(share: float, doing: str) -> bool:
        shown.share(share, doing)
        return not stopped

    try:
        with stop_on_signal(lambda: stopped.append(True)):
            for number, one in enumerate(wanted):
                shown.begin(number, one)
                done.append(build(one, report, place, force=force))
                shown.end(one, done[-1])
    except InterruptedRun as error:
        mend = "the same command goes on" if done else "give the same command again"
        raise InterruptedRun(f"stopped: {len(done)} of {len(wanted)} engines are built", mend=mend) from error
    finally:
        shown.close()
        if done and progress != "json":
            head = ["model", "size", "precision", "library", "target", "seconds", "MB"]
            rows = [[*_key_cells(one.plan.key), _seconds(one), f"{one.plan.size_bytes / 1e6:.2f}"] for one in done]
            print(f"{markdown([head, *rows], left=5)}\nin {done[0].plan.path.parent}")
    return done


def _seconds(built: Built) -> str:
    return f"{built.seconds:.2f}" if built.seconds else "there already"


def _key_cells(key: PlanKey) -> list[str]:
    """Model, size, precision, library and target."""
    size = f"{key.width}x{key.height}" + ("" if key.bits == 8 else f" {key.bits} bit")
    target = " ".join(filter(None, (key.target, key.gpu or key.compute_capability)))
    return [f"{key.model} x{key.scale}", size, key.precision, f"{key.library} {key.version}", target]


def run_list(options: ListEngines) -> None:
    """List the engines of the cache, and of what use each is here.

    ready: it would be taken. stale: of another version, or of a network that has changed. elsewhere: for another GPU or
    library than this machine's. unknown: TensorRT is missing here. refused: damaged, or not yours alone.
    """
    from rtsr.jobs.engine_states import list_engines

    engines = list_engines()
    if options.format == "json":
        print(json_text([_row(engine) for engine in engines]))
    elif not engines:
        click.echo(_NONE, err=options.format == "csv")
    elif options.format == "csv":
        print(csv_text([_row(engine) for engine in engines]))
    else:
        head = ["model", "size", "precision", "library", "target", "built", "state", "MB"]
        print(markdown([head, *map(_cells, engines)], left=7))
        for line in _reasons(engines):
            print(line)


def _cells(engine: Engine) -> list[str]:
    if engine.plan is None:
        return [engine.facts.stem, *[""] * 5, engine.state, ""]
    plan = engine.plan
    return [*_key_cells(plan.key), plan.built_at[:10], engine.state, f"{plan.size_bytes / 1e6:.2f}"]


def _row(engine: Engine) -> dict[str, Any]:
    """The same keys for every engine."""
    from rtsr.upscalers.plans import PlanKey

    row: dict[str, Any] = dict.fromkeys([*(field.name for field in fields(PlanKey)), "bytes", "sha256", "built_at"])
    if (plan := engine.plan) is not None:
        row = {**asdict(plan.key), "bytes": plan.size_bytes, "sha256": plan.sha256, "built_at": plan.built_at}
    return row | {"state": engine.state, "why": engine.why, "file": str(engine.facts.with_suffix(".plan"))}


def _reasons(engines: Sequence[Engine]) -> Iterator[str]:
    """Why engines are not ready, with the mend."""
    for engine in engines:
        if engine.state != "ready":
            yield f"{engine.state}: {engine.facts.stem}: {engine.why}" + (f"; {engine.mend}" if engine.mend else "")


def run_verify(_options: VerifyEngines) -> None:
    """Check every engine of the cache: yours alone, whole, of this version and of the networks as they are now.

    Where a driver is, TensorRT-RTX is asked whether it takes each on this machine's GPU, too. Ends with code 4 where
    one is of no use any more; `rtsr engines prune --stale` deletes those.
    """
    from rtsr.jobs.engine_states import USELESS, list_engines

    engines = list_engines()
    for line in _reasons(engines):
        print(line)
    bad = sum(engine.state in USELESS for engine in engines)
    if bad:
        raise LossError(f"{bad} of {len(engines)} engines are of no use", mend="rtsr engines prune --stale")
    ready = sum(engine.state == "ready" for engine in engines)
    print(f"{ready} of {len(engines)} engines are ready, none is damaged or stale" if engines else _NONE)


def run_prune(options: PruneEngines) -> None:
    """Delete engines: stale ones, old ones, or all. What is deleted is built again when it is needed."""
    from rtsr.jobs.engine_states import prune

    pruned = prune(options)
    for one in pruned:
        print(f"{one.name}: {one.why}, {one.freed_bytes / 1e6:.2f} MB")
    print(f"{sum(one.freed_bytes for one in pruned) / 1e6:.2f} MB are free again")


command = click.Group(
    "engines",
    commands={
        "build": make_command("build", BuildEngines, run_build),
        "list": make_command("list", ListEngines, run_list),
        "verify": make_command("verify", VerifyEngines, run_verify),
        "prune": make_command("prune", PruneEngines, run_prune),
    },
    help="What TensorRT runs: build engines before they are needed, list, verify and prune those that are kept.",
)
"""As click has it."""
