"""A release set: a folder with the engines of a profile, and `SHA256SUMS`.

The files are those of `rtsr.upscalers.plans`: whoever copies them into the user's cache has the engines. The sums
come last, so a set without them is not finished.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import click

from rtsr.cli.engines import build_all
from rtsr.errors import BackendError, LossError, UsageError
from rtsr.jobs.engine_states import USELESS, list_engines
from rtsr.upscalers import cuda, trt_library
from rtsr.user_cache import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engines.profile import Profile
    from rtsr.config import Progress
    from rtsr.jobs.engine_states import Engine
    from rtsr.jobs.engines import Wanted

MANIFEST = "SHA256SUMS"
"""As `sha256sum` writes and reads it."""
_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64})  (?P<file>[^/\\]+)")
_SUFFIXES = (".plan", ".json")


def refuse_elsewhere(profile: Profile) -> None:
    """Raise BackendError where the engines of `profile` cannot be built."""
    here = f"run the same command on a {profile.device}"
    try:
        library = trt_library.find()
    except BackendError as error:
        raise BackendError(
            f"{error.problem}, which builds the engines of a {profile.device}", mend=error.mend
        ) from error
    if library.name != profile.library:
        raise BackendError(
            f"engines of a {profile.device} are built there, by {profile.library}, and this machine has {library}",
            mend=here,
        )
    if profile.compute_capabilities:
        gpu = cuda.find_gpu()
        if gpu.capability not in profile.compute_capabilities:
            needed, has = " or ".join(profile.compute_capabilities), f"{gpu.name} has {gpu.capability}"
            raise BackendError(
                f"engines of a {profile.device} are for compute capability {needed}, and {has}", mend=here
            )


def build_set(name: str, profile: Profile, place: Path | None, progress: Progress, *, force: bool) -> None:
    """Build what is not there, and write the sums where there is a folder for the set.

    Raises:
        BackendError: this is not the machine for it, or an engine cannot be built.
        UsageError: the folder cannot be written. ResourceError: the disk is full.
        InterruptedRun: the user stopped; what is finished is kept.
    """
    refuse_elsewhere(profile)
    if place is not None:
        _unlink(place / MANIFEST)
    built = build_all(profile.wanted(), place, progress, force=force)
    if place is None:
        return
    files = sorted({one.plan.path.with_suffix(suffix) for one in built for suffix in _SUFFIXES})
    sums = "".join(f"{_sha256(path)}  {path.name}\n" for path in files)
    write_whole(place / MANIFEST, sums.encode())
    click.echo(f"{MANIFEST} names {len(files)} files")


def verify_set(name: str, profile: Profile, place: Path | None) -> str:
    """What was checked, in words: each engine of the profile is there, whole, and of use or not to be judged here.

    Raises:
        LossError: something is missing, altered or stale; it was told.
        BackendError: without a folder: this is not the machine for it.
        UsageError: the folder is no release set.
    """
    if place is None:
        refuse_elsewhere(profile)
    again = f"python -m engines build-all {name}" + ("" if place is None else f" --output {place}")
    problems = [] if place is None else list(_against_manifest(place, again))
    engines = list_engines(place)
    wanted = profile.wanted()
    problems += [f"{engine.facts.stem}: {engine.why}" for engine in engines if engine.state in USELESS]
    problems += [f"{one} for {one.target}: there is no engine" for one in wanted if not _found(one, engines)]
    for words in problems:
        click.echo(words)
    if problems:
        raise LossError(f"the engines of {name} are not as they should be, see above: {len(problems)}", mend=again)
    unsure = next((f"; not checked here: {one.why}" for one in engines if one.state not in (*USELESS, "ready")), "")
    return f"the {len(wanted)} engines of {name} are there and whole{unsure}"


def _found(wanted: Wanted, engines: list[Engine]) -> bool:
    sought = (wanted.card.label, wanted.card.scale, *wanted.size_wh, wanted.bits, wanted.target)
    keys = [engine.plan.key for engine in engines if engine.plan is not None]
    return sought in [(key.model, key.scale, key.width, key.height, key.bits, key.target) for key in keys]


def _against_manifest(place: Path, mend: str) -> Iterator[str]:
    """What the folder lacks, has too much or has otherwise, in words."""
    try:
        lines = (place / MANIFEST).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", "it is no text")
        raise UsageError(f"{place} is no finished release set: {MANIFEST}: {reason}", mend=mend) from error
    files = {match["file"]: match["sha256"] for match in filter(None, map(_LINE.fullmatch, lines))}
    if len(files) != len(lines) or not lines:
        raise UsageError(f"{place / MANIFEST} is damaged", mend=mend)
    for file, sha256 in files.items():
        if not (place / file).is_file():
            yield f"{file} is missing"
        elif _sha256(place / file) != sha256:
            yield f"{file} is not the file of {MANIFEST}"
    for other in sorted(place.iterdir()):
        if other.suffix in _SUFFIXES and other.name not in files:
            yield f"{other.name} is not of this set: delete it"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be replaced ({error.strerror})", mend="choose another --output") from error
