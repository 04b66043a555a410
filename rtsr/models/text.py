"""A model card as TOML."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def card_text(table: Mapping[str, object]) -> str:
    """A card's table as TOML: plain values first, then each table under its name; one within that on a line."""
    lines = [f"{_key(key)} = {_toml(value)}" for key, value in table.items() if not isinstance(value, dict)]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += ["", f"[{_key(key)}]", *(f"{_key(name)} = {_toml(one)}" for name, one in value.items())]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if name.replace("-", "").replace("_", "").isalnum() and name.isascii() else _toml(name)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(key)} = {_toml(one)}" for key, one in value.items()) + " }"
    if not isinstance(value, str):
        return json.dumps(value)
    sound = value.encode("utf-8", "replace").decode().replace("\x7f", "?")  # neither is allowed in TOML
    return json.dumps(sound, ensure_ascii=False)
