"""The user's cache folder: what can be made again, and is kept because that takes time."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

VARIABLE = "RTSR_CACHE"
"""The environment variable that names another folder."""


def folder() -> Path:
    """The user's cache folder, by the platform's custom or `RTSR_CACHE`; it may not exist."""
    environment = os.environ  # noqa: TID251 - read at each call: another user, another folder
    if named := environment.get(VARIABLE):
        return Path(named).expanduser()
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "rtsr" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "rtsr"
    home = environment.get("XDG_CACHE_HOME", "")
    return (Path(home) if os.path.isabs(home) else Path.home() / ".cache") / "rtsr"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read; another process sees the old one or the new one.

    Not brought to the disk (fsync): whoever reads it must notice damage anyway, and makes it again.
    """
    handle, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(part, path)
    except BaseException:
        Path(part).unlink(missing_ok=True)
        raise
