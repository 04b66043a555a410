"""A profile: which networks at which sizes a kind of device runs, as a strict TOML file."""

from __future__ import annotations

import sys
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from rtsr.config import Arithmetic, EngineTarget
from rtsr.errors import UsageError, nearest
from rtsr.jobs.engines import Wanted, parse_depth, parse_inputs
from rtsr.models import find_model

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).parent / "profiles"
LIBRARIES = ("tensorrt", "tensorrt_rtx")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Each of these networks at each of these scales, sizes and depths."""

    models: tuple[str, ...]
    scales: tuple[int, ...]
    sizes: tuple[str, ...]
    """Of the input, as "960x540"."""
    bits: tuple[int, ...] = (8,)
    """Of a luma sample."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """What one kind of device runs."""

    device: str
    """Its name, for people."""
    library: str
    """One of `LIBRARIES`."""
    targets: tuple[EngineTarget, ...]
    precision: Arithmetic
    engines: tuple[Group, ...]
    compute_capabilities: tuple[str, ...] = ()
    """Of the GPU that it must be built on; empty where any machine builds it."""

    def wanted(self) -> list[Wanted]:
        """Every engine of it. Raises UsageError on a network, scale, size or depth that there is not."""
        return [
            Wanted(find_model(model, scale), size, parse_depth(bits), self.precision, target)
            for target in self.targets
            for group in self.engines
            for model in group.models
            for scale in group.scales
            for size in parse_inputs(",".join(group.sizes))
            for bits in group.bits
        ]


def find_profile(name: str) -> Path:
    """The file of a profile given by path or by bare name. Raises UsageError with the nearest name."""
    for path in (Path(name), FOLDER / f"{name}.toml"):
        if path.is_file():
            return path
    raise UsageError(f"there is no profile {name!r}", mend=nearest(name, (path.stem for path in FOLDER.glob("*.toml"))))


def read_profile(path: Path) -> Profile:
    """The profile in a TOML file. Raises UsageError on anything unknown, missing, impossible or of another type."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a profile: {error}", mend="see engines/profiles/") from error
    groups = table.pop("engines", None)
    if not isinstance(groups, list) or not groups or not all(isinstance(group, dict) for group in groups):
        raise UsageError(f"{path.name} names no engines", mend="add a table [[engines]] with models, scales and sizes")
    read = tuple(_read(path.name, "[[engines]] ", group, Group) for group in groups)
    profile = _read(path.name, "", {**table, "engines": read}, Profile)
    if profile.library not in LIBRARIES:
        raise UsageError(f"{path.name}: library = {profile.library!r}", mend=nearest(profile.library, LIBRARIES))
    try:
        everything = profile.wanted()
    except UsageError as error:
        raise UsageError(f"{path.name}: {error.problem}", mend=error.mend) from error
    if odd := [wanted.card.name for wanted in everything if wanted.card.onnx is None]:
        raise UsageError(f"{path.name}: {odd[0]} is no network", mend="leave it out: there is no engine of it")
    return profile


def _read(name: str, where: str, table: dict[str, Any], kind: type[T]) -> T:
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise UsageError(f"{name} has the unknown key {where}{key!r}", mend=nearest(key, known))
    for key, one in known.items():
        if key not in table and one.default is MISSING:
            raise UsageError(f"{name} does not say {where}{key!r}", mend=f"add a line `{key} = ...`")
    types = get_type_hints(kind)
    return kind(**{key: _typed(f"{name}: {where}{key}", value, types[key]) for key, value in table.items()})


def _typed(where: str, value: Any, kind: Any) -> Any:  # noqa: ANN401 - TOML holds anything
    if get_origin(kind) is tuple and get_args(kind)[0] is not Group:
        item = get_args(kind)[0]
        if not isinstance(value, list) or not value:
            raise UsageError(f"{where} = {value!r}", mend="it is a list, not empty")
        return tuple(_typed(where, one, item) for one in value)
    choices = get_args(kind)
    if choices and get_origin(kind) is not tuple and value not in choices:
        raise UsageError(f"{where} = {value!r}", mend=nearest(str(value), choices))
    if not choices and type(value) is not kind:
        raise UsageError(f"{where} = {value!r}", mend=f"it is of type {kind.__name__}")
    return value
