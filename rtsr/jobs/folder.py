"""A job on disk: what an encode has finished, so that the same command goes on after whatever ended it.

Beside OUT lies the folder `OUT.rtsr` until OUT is complete. It holds `job.json`, which says what is encoded and how;
`00000.segment` and so on, each there only when it is whole; and `lock`, held by the one process that works on it.

Whatever is written is first written under another name, brought to the disk (fsync) and then renamed, and the folder
itself is brought to the disk after that: a power cut leaves either nothing or the whole (rename(2), POSIX).
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from filelock import FileLock, Timeout

from rtsr.errors import ResourceError, UsageError
from rtsr.segment import FOLDER_SUFFIX, JOB_FILE, CorruptSegment, Cut, Head, read_head, segment_name
from rtsr.storage import Place, is_remote

FORM = 1
"""Version of what is in `job.json`."""
_LOCK, _LOSSES, _TIMES = "lock", "losses.json", "times.npz"
_SAMPLES, _SAMPLE_BYTES = 64, 1 << 16


def folder_of(output: Path) -> Path:
    """Where the job of `output` lies."""
    return output.with_name(output.name + FOLDER_SUFFIX)


@dataclass(frozen=True, slots=True)
class Job:
    """What a job encodes and how, as `job.json` holds it."""

    source: Mapping[str, Any]
    """See `identity`."""
    output: str
    settings: Mapping[str, Any]
    """Whatever decides the result: options, model, encoder, versions. Equal settings give equal segments."""
    chosen: Mapping[str, Any]
    """What was left to rtsr and chosen when it began."""
    cuts: tuple[tuple[int | None, int | None], ...]
    """Begin and end of every segment, in the input's time base."""

    def text(self) -> str:
        """As JSON."""
        told = {"form": FORM, "source": dict(self.source), "output": self.output, "settings": dict(self.settings)}
        return json.dumps(told | {"chosen": dict(self.chosen), "cuts": self.cuts}, indent=1) + "\n"

    @property
    def segments(self) -> tuple[Cut, ...]:
        """Its cuts with their numbers."""
        return tuple(Cut(number, begin, end) for number, (begin, end) in enumerate(self.cuts))

    @classmethod
    def parsed(cls, text: str) -> Job:
        """Raises ValueError when `text` is none of ours."""
        try:
            told = json.loads(text)
            if told["form"] != FORM:
                raise ValueError(f"form {told['form']}")
            cuts = tuple((begin, end) for begin, end in told["cuts"])
            return cls(told["source"], told["output"], told["settings"], told["chosen"], cuts)
        except (KeyError, TypeError) as error:
            raise ValueError(str(error)) from error


def identity(path: str) -> dict[str, Any]:
    """What tells one state of a file from another: its size, when it was changed, and SHA-256 of 64 samples of it."""
    if is_remote(path):
        place = Place(path)
        with place.open() as file:
            size = int(place.facts()["size"])
            return {"path": path, "bytes": size, "changed_ns": 0, "sha256": _sampled(file, size)}
    with Path(path).open("rb") as file:
        state = os.fstat(file.fileno())
        return {"path": str(Path(path).absolute()), "bytes": state.st_size, "changed_ns": state.st_mtime_ns,
                "sha256": _sampled(file, state.st_size)}  # fmt: skip


def _sampled(file: IO[bytes], size: int) -> str:
    found = hashlib.sha256()
    for number in range(_SAMPLES):
        file.seek(max(0, size - _SAMPLE_BYTES) * number // (_SAMPLES - 1))
        found.update(file.read(_SAMPLE_BYTES))
    return found.hexdigest()


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What is not the same in two states or settings, in words."""
    names = [name for name in [*old, *(name for name in new if name not in old)] if old.get(name) != new.get(name)]
    return [f"{name} {_told(old.get(name))} -> {_told(new.get(name))}" for name in names]


def _told(value: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    return "none" if value is None else str(value)


class JobFolder:
    """A job's folder; to write to it, see `open_folder`."""

    def __init__(self, place: Path, lock: FileLock | None = None) -> None:
        self.place, self._lock = place, lock

    @property
    def job(self) -> Job | None:
        """What is being encoded; None where nothing was begun.

        Raises:
            UsageError: there is something else.
        """
        try:
            return Job.parsed((self.place / JOB_FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise UsageError(
                f"{self.place / JOB_FILE} is not of this version of rtsr ({error})", mend="begin again with --restart"
            ) from error

    def begin(self, job: Job) -> None:
        """Write down what will be encoded."""
        self._write(JOB_FILE, job.text().encode())

    def store(self, number: int, segment: bytes) -> None:
        """Keep a finished segment.

        Raises:
            ResourceError: the disk is full.
        """
        self._write(segment_name(number), segment)

    @property
    def losses(self) -> list[tuple[str, ...]]:
        """What each run's source could not give, in words: kept, since no later run reads there again."""
        try:
            return [tuple(words) for words in json.loads((self.place / _LOSSES).read_text(encoding="utf-8"))]
        except FileNotFoundError:
            return []

    def note(self, run: int, losses: Sequence[str]) -> None:
        """Write down what the source of a run, counted from 0, could not give so far."""
        told = self.losses
        if losses and (run >= len(told) or told[run] != tuple(losses)):
            told += [()] * (run + 1 - len(told))
            told[run] = tuple(losses)
            self._write(_LOSSES, json.dumps(told).encode())

    def keep_times(self, saved: bytes) -> None:
        """Keep what was found of the input's packets: finding it again takes seconds for hours of film."""
        self._write(_TIMES, saved)

    @property
    def times(self) -> bytes | None:
        """What `keep_times` kept."""
        try:
            return (self.place / _TIMES).read_bytes()
        except FileNotFoundError:
            return None

    def finished(self, number: int) -> Head | None:
        """What is known of a finished segment; None where it is not finished or its head is damaged."""
        try:
            with self.open_segment(number) as file:
                return read_head(file)
        except (FileNotFoundError, CorruptSegment):
            return None

    def open_segment(self, number: int) -> BinaryIO:
        """The file of a finished segment. Raises FileNotFoundError."""
        return (self.place / segment_name(number)).open("rb")

    def drop(self, number: int) -> None:
        """Forget a segment."""
        (self.place / segment_name(number)).unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget everything that was done."""
        for path in self.place.iterdir():
            if path.name != _LOCK:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def remove(self) -> None:
        """Delete the folder, and let go of it."""
        self.clear()
        (self.place / _LOCK).unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.release()
        self.place.rmdir()

    def close(self) -> None:
        """Let go; what is finished stays. A folder in which nothing was begun goes."""
        if self._lock is not None and self._lock.is_locked:
            if not (self.place / JOB_FILE).exists() and not any(path.name != _LOCK for path in self.place.iterdir()):
                self.remove()
            else:
                self._lock.release()

    def _write(self, name: str, content: bytes) -> None:
        write_whole(self.place / name, content)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that whatever happens leaves what was there before, or all of `content`.

    Raises:
        ResourceError: the disk is full.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ResourceError(f"no room for {path}", mend="free some space; the same command then goes on") from error
        raise


def _name(number: int) -> str:
    return f"{number:05}.segment"


def open_folder(output: Path) -> JobFolder:
    """Make or find the folder of `output`'s job, and be the one that works on it.

    Raises:
        UsageError: another process does, or the place cannot be written.
    """
    place = folder_of(output)
    try:
        place.mkdir(exist_ok=True)
        lock = FileLock(place / _LOCK)
        lock.acquire(blocking=False)
    except Timeout as error:
        raise UsageError(
            f"another rtsr is writing {output} just now", mend="wait for it, or give another output"
        ) from error
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        kind = ResourceError if error.errno in (errno.ENOSPC, errno.EDQUOT) else UsageError
        raise kind(f"{place} cannot be written ({words})", mend="name a place that exists and is yours") from error
    return JobFolder(place, lock)


def is_worked_on(output: Path) -> bool:
    """Whether a process works on `output`'s job now."""
    lock = FileLock(folder_of(output) / _LOCK)
    try:
        lock.acquire(blocking=False)
    except (Timeout, OSError):
        return True
    lock.release()
    return False


def sync_folder(place: Path) -> None:
    """Bring the names in a folder to the disk."""
    if os.name == "nt":
        return  # a folder cannot be opened there, and NTFS journals its names
    handle = os.open(place, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
