"""What a batch has done so far, on disk: so that the same command goes on after whatever ended it.

In the folder of the outputs lies `rtsr-queue.jsonl` until every input is done. Its first line tells the settings, each
other one what became of an output: the last line about an output counts. Lines are added and brought to the disk
(fsync) one by one, since a list of ten thousand films must not be written anew for each; a line that a power cut has
torn is the last one, and is not there. `rtsr-queue.lock` is held by the one process that works on it.
"""

from __future__ import annotations

import errno
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock, Timeout

from rtsr.errors import ResourceError, UsageError
from rtsr.jobs.folder import differences, identity, write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

FORM = 1
"""Version of what the file holds."""
NAME, LOCK = "rtsr-queue.jsonl", "rtsr-queue.lock"
_FULL = (errno.ENOSPC, errno.EDQUOT)
State = Literal["begun", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of one output. Files are told as `state_of` does."""

    state: State
    source: Mapping[str, Any] | None
    """The input."""
    before: Mapping[str, Any] | None = None
    """What lay under the output's name when it was begun, and is not ours."""
    made: Mapping[str, Any] | None = None
    """What we put there."""


class Queue:
    """The queue of one folder; see `open_queue`. Outputs go by a name of the caller's."""

    def __init__(self, place: Path, lock: FileLock, entries: dict[str, Entry], settings: Mapping[str, Any]) -> None:
        self._path, self._lock, self._entries, self._settings = place / NAME, lock, entries, dict(settings)

    def is_done(self, name: str, source: Path, output: Path) -> bool:
        """Whether `output` was made from `source`, and both are still as they were."""
        entry = self._entries.get(name)
        if entry is None or entry.state != "done" or entry.source is None or entry.made is None:
            return False
        return entry.source == state_of(source) and entry.made == state_of(output)

    def is_ours(self, name: str, output: Path) -> bool:
        """Whether what lies under the name of an output was put there by this queue, and may be replaced."""
        entry, there = self._entries.get(name), state_of(output)
        if entry is None or there is None:
            return False
        return there == entry.made if entry.made is not None else there != entry.before

    def has_changed(self, name: str, source: Path) -> bool:
        """Whether work on an output was begun with another input, or an earlier state of this one."""
        entry = self._entries.get(name)
        return entry is not None and entry.source != state_of(source)

    def begin(self, name: str, source: Path, output: Path) -> None:
        """Write down that work on an output begins.

        Raises:
            ResourceError: the disk is full.
            UsageError: the place cannot be written.
        """
        before = None if self.is_ours(name, output) else state_of(output)
        self._add(name, Entry("begun", state_of(source), before))

    def end(self, name: str, state: State, output: Path) -> None:
        """Write down how it ended. Raises as `begin`."""
        entry, there = self._entries[name], state_of(output)
        self._add(name, replace(entry, state=state, made=there if there != entry.before else None))

    def remove(self) -> None:
        """Everything is done: the queue is not needed any more."""
        self._path.unlink(missing_ok=True)
        self._lock_path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let go. A queue in which nothing was begun goes."""
        if self._lock.is_locked:
            if not self._entries:
                self._path.unlink(missing_ok=True)
                self._lock_path.unlink(missing_ok=True)
            self._lock.release()

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self._path

    @property
    def _lock_path(self) -> Path:
        return self._path.with_name(LOCK)

    def _add(self, name: str, entry: Entry) -> None:
        self._entries[name] = entry
        try:
            if not self._path.exists():
                write_whole(self._path, _text(self._settings, {}).encode())
            with self._path.open("ab") as file:
                file.write(_line(name, entry).encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if error.errno in _FULL:
                mend = "free some space; the same command then goes on"
                raise ResourceError(f"no room for {self._path}", mend=mend) from error
            raise UsageError(
                f"{self._path} cannot be written ({_words(error)})", mend="name a folder that is yours"
            ) from error


def open_queue(place: Path, settings: Mapping[str, Any], restart: Literal["go on", "forget"] = "go on") -> Queue:
    """Make or find the queue of the folder `place`, and be the one that works on it.

    Args:
        place: of the outputs; it exists.
        settings: whatever decides what the outputs are; see `Queue`.
        restart: "forget" what was done: everything is made again.

    Raises:
        UsageError: another process works on it, it was begun with other settings, or the place cannot be written.
        ResourceError: the disk is full.
    """
    lock = FileLock(place / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise UsageError(
            f"another rtsr is working on the files of {place} just now", mend="wait for it, or name another folder"
        ) from error
    except OSError as error:
        kind = ResourceError if error.errno in _FULL else UsageError
        raise kind(f"{place} cannot be written ({_words(error)})", mend="name a folder that is yours") from error
    try:
        before, entries = _read(place / NAME)
        if restart == "forget":
            entries = {name: replace(one, state="failed", source=None) for name, one in entries.items()}
        elif entries and (changed := differences(before, settings)):
            raise UsageError(
                f"the unfinished batch in {place} was begun otherwise: {'; '.join(changed)}",
                mend="give what it was begun with, or make everything again with --restart",
            )
        if entries:
            write_whole(place / NAME, _text(settings, entries).encode())
        return Queue(place, lock, entries, settings)
    except BaseException:
        lock.release()
        raise


def state_of(path: Path) -> dict[str, Any] | None:
    """`rtsr.jobs.folder.identity` without the path, since folders are moved; None where there is no file to read."""
    try:
        found = identity(str(path))
    except OSError:
        return None
    del found["path"]
    return found


def _text(settings: Mapping[str, Any], entries: Mapping[str, Entry]) -> str:
    head = json.dumps({"form": FORM, "settings": dict(settings)}) + "\n"
    return head + "".join(_line(name, entry) for name, entry in entries.items())


def _line(name: str, entry: Entry) -> str:
    return json.dumps({"name": name, **asdict(entry)}) + "\n"


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Entry]]:
    """Settings and entries; none where there is no queue."""
    try:
        head, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True) or ["{}"]
        told = json.loads(head)
        if told.get("form", FORM) != FORM:
            raise ValueError(f"form {told['form']}")
        entries: dict[str, Entry] = {}
        for line in lines:
            if line.endswith("\n"):  # else it is torn
                one = json.loads(line)
                name = one.pop("name")
                entries[name] = Entry(**one)
        return told.get("settings", {}), entries
    except FileNotFoundError:
        return {}, {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{path} is not of this version of rtsr ({error})", mend="remove it, and the batch begins anew"
        ) from error


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
