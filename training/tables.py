"""A table of a recipe, strictly: the TOML under one heading as the frozen dataclass that it fills."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from rtsr.errors import UsageError, nearest

T = TypeVar("T")


def read_table(default: T, table: dict[str, Any], where: str) -> T:
    """`default`, a dataclass, with what the table `[where]` says; a dataclass in a field is a table of its own.

    The field's value in `default` counts, and not its class's. Raises UsageError on an unknown key, with the nearest
    one, on another type and on an impossible number.
    """
    known = {one.name for one in fields(default)}  # type: ignore[arg-type]  # every T here is a dataclass
    types = get_type_hints(type(default))
    given = {}
    for key, value in table.items():
        if key not in known:
            raise UsageError(f"[{where}] has the unknown key {key!r}", mend=nearest(key, known))
        old = getattr(default, key)
        if not is_dataclass(old):
            given[key] = _typed(f"[{where}] {key}", value, types[key])
        elif isinstance(value, dict):
            given[key] = read_table(old, value, f"{where}.{key}")
        else:
            raise UsageError(f"[{where}] {key} = {value!r}", mend=f"it is a table: [{where}.{key}]")
    try:
        return replace(default, **given)  # type: ignore[type-var]
    except UsageError as error:
        raise UsageError(f"[{where}] {error.problem}", mend=error.mend) from error


def _typed(what: str, value: Any, kind: Any) -> Any:  # noqa: ANN401 - TOML holds anything
    """`value` as the field's type, whole numbers taken as floats; UsageError when it is something else."""
    if get_origin(kind) is tuple:
        items = get_args(kind)
        if not isinstance(value, list) or not value:
            raise UsageError(f"{what} = {value!r}", mend="it is a list, as in [1, 2]")
        if items[-1] is Ellipsis:
            return tuple(_typed(what, one, items[0]) for one in value)
        if len(value) != len(items):
            raise UsageError(f"{what} = {value!r}", mend="it is a range of two numbers: [from, to]")
        return tuple(_typed(what, one, item) for one, item in zip(value, items, strict=True))
    if get_origin(kind) is Literal:
        if value in get_args(kind):
            return value
        raise UsageError(f"{what} = {value!r}", mend=nearest(str(value), get_args(kind)))
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise UsageError(f"{what} = {value!r}", mend=f"it is of type {kind.__name__}")
    return value
