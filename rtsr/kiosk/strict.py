"""Reads TOML strictly into frozen dataclasses: whatever is unknown, missing or of another type is one sentence."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from rtsr.errors import UsageError, nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")
_WORDS = {str: "text in quotes", int: "a whole number", float: "a number", bool: "true or false"}


def read_table(path: Path) -> dict[str, Any]:
    """A TOML file as it is. Raises UsageError where it cannot be read or is no TOML."""
    try:
        return dict(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(
            f"{path} cannot be read ({reason})", mend="name a file that is there and may be read"
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path.name} is no TOML: {error}", mend="mend that line") from error


def typed(where: str, table: Mapping[str, Any], kind: type[T], names: tuple[str, ...] = ()) -> T:
    """`table` as a `kind`, whose fields are its keys; a field that is a dataclass is a table within.

    Args:
        where: file and table, for messages.
        table: as TOML gave it.
        kind: a dataclass.
        names: the fields that may be given; all of them where empty.

    Raises:
        UsageError: naming the key, and the nearest one that there is.
    """
    known = {one.name: one for one in fields(kind) if not names or one.name in names}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise UsageError(f"{where} has the unknown key {key!r}", mend=nearest(key, known))
    for key, one in known.items():
        if key not in table and one.default is MISSING and one.default_factory is MISSING:
            raise UsageError(f"{where} does not say {key!r}", mend=f"add a line `{key} = ...`")
    hints = get_type_hints(kind)
    return kind(**{key: value_of(f"{where}: {key}", value, hints[key]) for key, value in table.items()})


def value_of(where: str, value: Any, kind: Any) -> Any:  # noqa: ANN401 - TOML holds anything
    """`value` as a `kind`. Raises UsageError."""
    if get_origin(kind) in (types.UnionType, Union):
        (kind,) = (member for member in get_args(kind) if member is not types.NoneType)
    if is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, dict):
            raise UsageError(f"{where} = {value!r}", mend=f"it is a table: [{where.rsplit(' ', 1)[-1]}]")
        return typed(where.replace(": ", " [") + "]", value, kind)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise UsageError(f"{where} = {value!r}", mend="it is a list: [...]")
        return tuple(value_of(where, one, get_args(kind)[0]) for one in value)
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise UsageError(f"{where} = {value!r}", mend=nearest(str(value), map(str, get_args(kind))))
        return value
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        raise UsageError(f"{where} = {value!r}", mend=f"it is {_WORDS[kind]}")
    return value
