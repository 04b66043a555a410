"""The user's cache folder: what can be made again, and is kept because that takes time.

Some of it is code (engines), so there is a way to read a file only where nobody but its user can have written it.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
from pathlib import Path
from typing import Literal

from rtsr.errors import BackendError

VARIABLE = "RTSR_CACHE"
"""The environment variable that names another folder."""
_IS = {"file": stat.S_ISREG, "folder": stat.S_ISDIR}
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH
_SAFELY = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""No symbolic link, and no waiting for whoever may write into a pipe of that name."""


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


def read_own(path: Path) -> bytes:
    """What is in a file that belongs to this user, and that no other may write.

    On Windows the user's profile folder is private by its access list, and nothing is asked here.

    Raises:
        FileNotFoundError: there is none.
        BackendError: it is another user's, others may write it, it is no plain file, or it cannot be read.
    """
    try:
        handle = os.open(path, _SAFELY)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _unread(path, error) from error
    with os.fdopen(handle, "rb") as file:
        _refuse_foreign(path, os.fstat(file.fileno()), "file")
        try:
            return file.read()
        except OSError as error:
            raise _unread(path, error) from error


def refuse_shared(path: Path) -> None:
    """Raise BackendError where `path` is there, and is no folder of this user's that no other may write."""
    try:
        state = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unread(path, error) from error
    _refuse_foreign(path, state, "folder")


def _unread(path: Path, error: OSError) -> BackendError:
    if error.errno in (errno.ELOOP, errno.EMLINK):  # the second is what BSD says of O_NOFOLLOW
        return BackendError(f"{path} is a symbolic link, which is not followed", mend=f"rm {path}")
    reason = (error.strerror or str(error)).lower()
    return BackendError(f"{path} cannot be read ({reason})", mend=f"delete it, or set {VARIABLE} to a folder of yours")


def _refuse_foreign(path: Path, state: os.stat_result, kind: Literal["file", "folder"]) -> None:
    if stat.S_ISLNK(state.st_mode):
        raise BackendError(
            f"{path} is a symbolic link, which is not followed", mend=f"set {VARIABLE} to where it leads"
        )
    if not _IS[kind](state.st_mode):
        raise BackendError(f"{path} is no {kind}", mend=f"delete it, or set {VARIABLE} to another folder")
    if sys.platform == "win32":
        return
    me = os.geteuid()
    if state.st_uid != me:
        raise BackendError(
            f"{path} belongs to user {state.st_uid}, not to you ({me}), and what it holds would run as you",
            mend=f"delete it, or set {VARIABLE} to a folder of yours",
        )
    if state.st_mode & _OTHERS_MAY_WRITE:
        raise BackendError(
            f"other users may write {path}, and what it holds would run as you", mend=f"chmod go-w {path}"
        )
