"""The user's own models: which there are, and how one comes and goes.

They lie in a folder of the user's, as the shipped ones lie in the package: `NAME_xS.toml` with its files beside it. A
card is written last and removed first, so what has a card is complete.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rtsr.errors import ResourceError, RtsrError, UsageError
from rtsr.models.text import card_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VARIABLE = "RTSR_MODELS"
"""The environment variable that names another folder."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CARD = re.compile(r"(?P<name>.+)_x(?P<scale>[1-9])\.toml")
_SUFFIXES = (".onnx", ".safetensors")
_FULL = (errno.ENOSPC, errno.EDQUOT)
_RESERVED = ("all", "auto")


def folder() -> Path:
    """Where the user's models lie, by the platform's custom or `RTSR_MODELS`; it may not exist."""
    environment = os.environ  # noqa: TID251 - read at each call: another user, another folder
    named = environment.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "rtsr" / "models"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "rtsr" / "models"
    data = environment.get("XDG_DATA_HOME", "")
    return (Path(data) if os.path.isabs(data) else Path.home() / ".local" / "share") / "rtsr" / "models"


def list_user_models() -> dict[str, tuple[int, ...]]:
    """The user's models and their scales, by name; empty where there is no folder, or none that can be read."""
    try:
        files = sorted(os.listdir(folder()))
    except OSError:
        return {}
    found: dict[str, tuple[int, ...]] = {}
    for match in filter(None, map(_CARD.fullmatch, files)):
        if _NAME.fullmatch(match["name"]):
            found[match["name"]] = (*found.get(match["name"], ()), int(match["scale"]))
    return found


def card_path(name: str, scale: int) -> Path:
    """Where the card of a model lies or would lie."""
    return folder() / f"{name}_x{scale}.toml"


def refuse_name(name: str, shipped: Mapping[str, object]) -> None:
    """Raise UsageError when a user's model cannot be called `name`."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name for a model", mend="take up to 64 letters, digits, dots, dashes and underscores"
        )
    if name.lower() in (*shipped, *_RESERVED):
        raise UsageError(f"{name!r} is taken by rtsr itself", mend="choose another --name")


def install(name: str, scale: int, files: Mapping[str, bytes], card: Mapping[str, object]) -> Path:
    """Put a model into the user's folder, where it stands in for one of the same name and scale; give its card's path.

    Args:
        name: one that `refuse_name` lets pass.
        scale: output side over input side.
        files: contents by kind, "onnx" and perhaps "safetensors".
        card: the table that the card is to hold.

    Raises UsageError when the folder cannot be written, ResourceError when the disk is full.
    """
    path = card_path(name, scale)
    with _told(path.parent):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".import-", dir=path.parent) as beside:
            staged = Path(beside) / path.name
            for kind, content in files.items():
                _write(staged.with_suffix(f".{kind}"), content)
            _write(staged, card_text(card).encode())
            _remove(path)
            for suffix in [*(f".{kind}" for kind in files), ".toml"]:
                os.replace(staged.with_suffix(suffix), path.with_suffix(suffix))
        _sync_folder(path.parent)
    return path


def remove(name: str, scales: tuple[int, ...]) -> None:
    """Remove the user's model `name` at these scales. Raises UsageError when it cannot be done."""
    for scale in scales:
        path = card_path(name, scale)
        with _told(path.parent):
            _remove(path)


def _remove(card: Path) -> None:
    """The card first: what has no card is no model."""
    for suffix in (".toml", *_SUFFIXES):
        card.with_suffix(suffix).unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    """Make the new names last through a power cut, where a folder can be opened for that."""
    if sys.platform != "win32":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _told(place: Path) -> Iterator[None]:
    """An error of the file system as ours."""
    try:
        yield
    except OSError as error:
        raise _unwritten(place, error) from error


def _unwritten(place: Path, error: OSError) -> RtsrError:
    if error.errno in _FULL:
        return ResourceError(f"the disk is full, nothing is written to {place}", mend="make room, and do it again")
    reason = (error.strerror or str(error)).lower()
    return UsageError(f"{place} cannot be written ({reason})", mend=f"set {VARIABLE} to a folder of yours")


__all__ = ["VARIABLE", "card_path", "folder", "install", "list_user_models", "refuse_name", "remove"]
