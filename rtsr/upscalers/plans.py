"""Built engines ("plans") on disk: `engines` in the user's cache folder, three files each.

`NAME.plan` is what the library built. `NAME.json` says of what, for what and with what (`PlanKey`), and the SHA-256 of
the plan. `NAME.cache`, perhaps, is what the library compiled of it on this machine's GPU. NAME tells people the model
and the size, and ends in a hash of the key.

A plan is code that runs as the user: the folder is private to the user, and what another user owns or may write is
not read. What is damaged or of another version is as good as none, with a line in the log. Two processes may work
here at once: whoever writes holds `.lock`, files change whole, and a plan that does not fit its JSON is no plan.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from rtsr import user_cache
from rtsr.errors import BackendError, ResourceError, RtsrError, UsageError
from rtsr.upscalers.plan_key import PlanKey, differences, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

log = logging.getLogger(__name__)
FORM = 1
"""Version of what is in the JSON."""
_PLAN, _FACTS, _COMPILED = ".plan", ".json", ".cache"
_LOCK, _PATIENCE_S = ".lock", 30
_NONSENSE = (ValueError, TypeError, KeyError, RecursionError)
_FULL = (errno.ENOSPC, errno.EDQUOT)


class DamagedPlanError(BackendError):
    """An engine that was cut off or altered: no harm, the next run makes it again."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan on disk, as its JSON tells."""

    key: PlanKey
    path: Path
    """Of `NAME.plan`."""
    sha256: str
    """Of the plan, in hexadecimal."""
    size_bytes: int
    built_at: str
    """ISO 8601, UTC."""
    notes: Mapping[str, Any] = field(default_factory=dict)
    """What else is known: how long it took to build, what the self-check found."""

    def read(self) -> bytes:
        """The plan. Raises BackendError where it is not the user's own, is missing, or is not what its JSON says."""
        try:
            content = user_cache.read_own(self.path)
        except FileNotFoundError as error:
            raise DamagedPlanError(f"{self.path} is missing", mend="rtsr engines build makes it again") from error
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise DamagedPlanError(f"{self.path} is damaged", mend="rtsr engines build makes it again")
        return content

    def read_compiled(self) -> bytes | None:
        """What the library compiled of the plan on this machine; None where nothing of use is kept."""
        try:
            content = user_cache.read_own(self.path.with_suffix(_COMPILED))
        except FileNotFoundError:
            return None
        except BackendError as error:
            log.warning("%s, so it is compiled again. %s", error.problem, error.mend)
            return None
        return content if hashlib.sha256(content).hexdigest() == self.notes.get("compiled_sha256") else None

    def keep_compiled(self, content: bytes) -> None:
        """Keep that, in the place of what was kept before; a log line where it cannot be."""
        try:
            with _writing(self.path.parent):
                user_cache.write_whole(self.path.with_suffix(_COMPILED), content)
            note(self, compiled_sha256=hashlib.sha256(content).hexdigest())
        except RtsrError as error:
            log.warning("%s, so the engine is compiled again next time. %s", error.problem, error.mend)


def folder() -> Path:
    """Where plans lie; it may not exist."""
    return user_cache.folder() / "engines"


def find(key: PlanKey, place: Path | None = None) -> Plan | None:
    """The plan of `key` in the cache or another folder; None, with the reason in the log, where none can be used."""
    source = folder() if place is None else place
    facts = source / f"{key.name}{_FACTS}"
    try:
        if place is None:
            user_cache.refuse_shared(source)
        try:
            return look(facts)
        except BackendError:
            with _writing(source):  # perhaps it is being written
                pass
            return look(facts)
    except FileNotFoundError:
        _log_others(key, source)
    except DamagedPlanError as error:
        log.warning("%s, so the engine is built anew", error.problem)
    except RtsrError as error:
        log.warning("%s, so the engine is built anew. %s", error.problem, error.mend)
    return None


def keep(key: PlanKey, plan: bytes, extra: Mapping[str, Any] | None = None, place: Path | None = None) -> Plan:
    """Write a plan down, in the place of an older one of `key`.

    Args:
        key: what it depends on.
        plan: as the library gave it.
        extra: notes, as JSON takes them.
        place: a folder, instead of the cache.

    Raises:
        UsageError: the folder cannot be written. ResourceError: the disk is full. BackendError: the folder is not the
            user's own. Whoever holds the plan can use it all the same.
    """
    target = folder() if place is None else place
    sha256 = hashlib.sha256(plan).hexdigest()
    built_at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    kept = Plan(key, target / f"{key.name}{_PLAN}", sha256, len(plan), built_at, dict(extra or {}))
    with _in_words(target):
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
    if place is None:
        user_cache.refuse_shared(target)
    with _writing(target):
        kept.path.with_suffix(_COMPILED).unlink(missing_ok=True)  # it was compiled of the older one
        user_cache.write_whole(kept.path, plan)
        _write_facts(kept)
    return kept


def note(plan: Plan, **extra: Any) -> None:  # noqa: ANN401 - whatever JSON takes
    """Add to the notes of a plan, unless another one has taken its place. Raises as `keep`."""
    with _writing(plan.path.parent):
        try:
            now = look(plan.path.with_suffix(_FACTS))
        except (FileNotFoundError, BackendError):
            return
        if now.sha256 == plan.sha256:
            _write_facts(Plan(now.key, now.path, now.sha256, now.size_bytes, now.built_at, {**now.notes, **extra}))


def look(facts: Path) -> Plan:
    """The plan of a JSON file, its bytes compared with what the JSON says.

    Raises FileNotFoundError where there is no such JSON, BackendError where it or the plan cannot be used.
    """
    told = user_cache.read_own(facts)
    try:
        plan = _parsed(told, facts.with_suffix(_PLAN))
    except _NONSENSE as error:
        raise DamagedPlanError(f"{facts} is damaged", mend="rtsr engines build makes it again") from error
    plan.read()
    return plan


def survey(place: Path) -> Iterator[tuple[Path, Plan | BackendError]]:
    """(JSON file, its plan or why it cannot be used), by name, of a folder; nothing where there is none.

    Raises BackendError where the folder cannot be read.
    """
    try:
        paths = sorted(path for path in place.iterdir() if path.suffix == _FACTS and not path.name.startswith("."))
    except FileNotFoundError:
        return
    except OSError as error:
        raise BackendError(f"{place} cannot be read ({error.strerror})", mend="check the folder") from error
    for path in paths:
        try:
            yield path, look(path)
        except BackendError as error:
            yield path, error
        except FileNotFoundError:
            continue  # another process removed it


def list_plans() -> list[Plan]:
    """Those in the cache that can be read, by name; the log names the others. Raises as `survey`."""
    user_cache.refuse_shared(folder())
    found = []
    for _, one in survey(folder()):
        if isinstance(one, Plan):
            found.append(one)
        else:
            log.warning("%s. %s", one.problem, one.mend)
    return found


def remove(facts: Path) -> int:
    """Delete the JSON file `facts` and what belongs to it; give the bytes that this frees. Raises as `keep`."""
    with _writing(facts.parent):
        return sum(_freed(facts.with_suffix(suffix)) for suffix in (_FACTS, _PLAN, _COMPILED))


def sweep(place: Path) -> int:
    """Delete what killed processes left: parts of files, and plans without a JSON; give the bytes that this frees.

    Raises as `keep`.
    """
    if not place.is_dir():
        return 0
    with _writing(place):
        files = [path for path in place.iterdir() if path.name != _LOCK]
        parts = [path for path in files if path.name.startswith(".")]  # nobody else is writing
        named = {path.stem for path in files if path.suffix == _FACTS}
        orphans = [path for path in files if path.suffix in (_PLAN, _COMPILED) and path.stem not in named]
        return sum(map(_freed, {*parts, *orphans}))


def clear(place: Path) -> int:
    """Delete every file of the folder; give the bytes that this frees. Raises as `keep`."""
    if not place.is_dir():
        return 0
    with _writing(place):
        return sum(_freed(path) for path in place.iterdir() if path.name != _LOCK and not path.is_dir())


def _freed(path: Path) -> int:
    try:
        size = path.lstat().st_size
        path.unlink()
    except FileNotFoundError:
        return 0
    return size


def _write_facts(plan: Plan) -> None:
    table = {"form": FORM, "key": asdict(plan.key), "sha256": plan.sha256, "bytes": plan.size_bytes,
             "built_at": plan.built_at, "notes": dict(plan.notes)}  # fmt: skip
    user_cache.write_whole(plan.path.with_suffix(_FACTS), f"{json.dumps(table, indent=1)}\n".encode())


def _parsed(told: bytes, path: Path) -> Plan:
    """Raises ValueError, TypeError or KeyError on what is none of ours."""
    table = json.loads(told)
    if table["form"] != FORM:
        raise ValueError(f"form {table['form']}")
    key, kinds = PlanKey(**table["key"]), {one.name: one.type for one in fields(PlanKey)}
    if any(type(value).__name__ != kinds[name] for name, value in asdict(key).items()) or key.name != path.stem:
        raise ValueError("it is not the key of this name")
    datetime.fromisoformat(table["built_at"])
    return Plan(key, path, str(table["sha256"]), int(table["bytes"]), str(table["built_at"]), dict(table["notes"]))


def _log_others(key: PlanKey, place: Path) -> None:
    """Say how a plan that would do for the same input differs, where there is one."""
    others: list[list[str]] = []
    for path in place.glob(f"{key.stem}-*{_FACTS}"):
        with contextlib.suppress(*_NONSENSE, OSError, BackendError):
            others.append(differences(_parsed(user_cache.read_own(path), path.with_suffix(_PLAN)).key, key))
    if others:
        _, nearest = min((len(found), found) for found in others)
        log.info("the engine that is kept of %s has another %s: it is built anew", key.stem, ", ".join(nearest))


@contextlib.contextmanager
def _writing(place: Path) -> Iterator[None]:
    """Alone among the processes that write to `place`, with errors of the file system as ours."""
    with _in_words(place):
        try:
            with FileLock(place / _LOCK, timeout=_PATIENCE_S, mode=0o600):
                yield
        except Timeout as error:
            raise UsageError(
                f"another rtsr has been writing to {place} for {_PATIENCE_S} s", mend="end it, and do it again"
            ) from error


@contextlib.contextmanager
def _in_words(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise ResourceError(f"the disk is full, no engine is kept in {place}", mend="make room") from error
        reason = (error.strerror or str(error)).lower()
        own = f"set {user_cache.VARIABLE} to a folder of yours" if place == folder() else "choose another folder"
        raise UsageError(f"{place} cannot be written ({reason})", mend=own) from error


__all__ = [
    "DamagedPlanError", "Plan", "PlanKey", "clear", "find", "folder", "keep", "key_of", "list_plans", "look", "note",
    "remove", "survey", "sweep",
]  # fmt: skip
