"""What a training run is made of: a strict TOML file, read into one frozen dataclass."""

from __future__ import annotations

import sys
from dataclasses import MISSING, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, get_args, get_type_hints

from rtsr.errors import UsageError, nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from pathlib import Path

Kind = Literal["max", "tm", "tr"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """One network at one or more scales, and how it is trained. Raises UsageError on an impossible number."""

    name: str
    """The model's name, as in `esr-tm-k5c2`."""
    kind: Kind
    kernel_size: int
    """Side of the filters in low-resolution pixels, odd."""
    channels: int
    """C of the paper: candidate pictures."""
    scales: tuple[int, ...]

    folders: tuple[str, ...]
    """Folders of the training set to read; they differ in licence."""
    held_out: int = 8
    """Every so many photographs one is kept for choosing the checkpoint."""

    seed: int = 0
    steps: int = 4000
    batch_px: int = 8192
    """Low-resolution pixels per step, drawn anywhere in any photograph."""
    value_rate: float = 1e-3
    """Adam's peak learning rate for the whitened value filters."""
    attention_rate: float = 2e-2
    """The same for query and key filters."""
    attention_gain: float = 1.0
    """Standard deviation of a query or key at the start, on whitened patches."""
    warm_up: float = 0.02
    """Part of the steps in which the rate rises; then it falls to zero along a cosine."""
    average: float = 0.999
    """Decay per step of the moving average that is validated and kept."""
    check_every: int = 500
    """Steps between two looks at the held-out photographs."""

    def __post_init__(self) -> None:
        if self.kernel_size < 5 or self.kernel_size % 2 == 0:
            raise UsageError(f"kernel_size = {self.kernel_size}", mend="it is odd, 5 or more: bicubic must fit in")
        for key in ("channels", "held_out", "steps", "batch_px", "check_every"):
            if getattr(self, key) < 1:
                raise UsageError(f"{key} = {getattr(self, key)}", mend="it is a positive number")
        if min(self.scales) < 2:
            raise UsageError(f"scales = {list(self.scales)}", mend="each is 2 or more")


def read_recipe(path: Path) -> Recipe:
    """The recipe in a TOML file. Raises UsageError on anything unknown, missing or of another type."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a recipe: {error}", mend="see training/recipes/") from error
    known = {field.name: field for field in fields(Recipe)}
    for key in table:
        if key not in known:
            raise UsageError(f"{path.name} has the unknown key {key!r}", mend=nearest(key, known))
    for key, field in known.items():
        if key not in table and field.default is MISSING:
            raise UsageError(f"{path.name} does not say {key!r}", mend=f"add a line `{key} = ...`")
    types = get_type_hints(Recipe)
    return Recipe(**{key: _typed(path.name, key, value, types[key]) for key, value in table.items()})


def _typed(where: str, key: str, value: Any, kind: Any) -> Any:  # noqa: ANN401 - TOML holds anything
    """`value` as the field's type, whole numbers taken as floats; UsageError when it is something else."""
    if isinstance(value, int) and not isinstance(value, bool) and kind is float:
        return float(value)
    item = get_args(kind)[0] if get_args(kind) else kind
    if isinstance(item, str):
        if value in get_args(kind):
            return value
        raise UsageError(f"{where}: {key} = {value!r}", mend=f"it is one of {', '.join(get_args(kind))}")
    if kind is not item:
        if isinstance(value, list) and value and all(type(one) is item for one in value):
            return tuple(value)
        raise UsageError(f"{where}: {key} = {value!r}", mend=f"it is a list of {item.__name__}, not empty")
    if type(value) is not kind:
        raise UsageError(f"{where}: {key} = {value!r}", mend=f"it is of type {kind.__name__}")
    return value
