"""What unfinished encodes there are, how far each is, and how to give one up: `rtsr jobs`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rtsr.errors import UsageError, nearest
from rtsr.jobs import registry
from rtsr.jobs.folder import JobFolder, folder_of, is_worked_on, open_folder
from rtsr.segment import FOLDER_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Unfinished:
    """One job, as its folder tells."""

    output: Path
    source: str
    running: bool
    """A process works on it now."""
    segments: int
    finished: int
    """Of the segments."""
    frames: int
    """In the finished ones."""
    bytes: int
    """On disk."""
    settings: Mapping[str, object]

    @property
    def state(self) -> str:
        """In words."""
        return "running" if self.running else "waits"


def list_unfinished() -> list[Unfinished]:
    """The jobs of this user, by their outputs; those that cannot be read are left out, `show` says why."""
    found = []
    for output in registry.outputs():
        try:
            found.append(read(output))
        except UsageError:
            continue
    return found


def read(output: Path) -> Unfinished:
    """The unfinished job of `output`, or of the job's folder itself.

    Raises:
        UsageError: it has none, or not one of this version.
    """
    output = _output_of(output)
    place = folder_of(output)
    if not place.is_dir():
        known = [str(one) for one in registry.outputs()]
        mend = nearest(str(output), known) if known else "rtsr jobs list shows those that there are"
        raise UsageError(f"{output} has no unfinished job", mend=mend)
    folder = JobFolder(place)
    job = folder.job
    if job is None:
        raise UsageError(f"in {place} nothing was begun", mend=f"rtsr jobs discard {output}")
    heads = [head for cut in job.segments if (head := folder.finished(cut.number)) is not None]
    return Unfinished(
        output,
        str(job.source["path"]),
        is_worked_on(output),
        len(job.cuts),
        len(heads),
        sum(head.frames for head in heads),
        sum(path.stat().st_size for path in place.iterdir() if path.is_file()),
        job.settings,
    )


def discard(output: Path) -> None:
    """Delete what is finished of the job of `output`.

    Raises:
        UsageError: it has none, or a process works on it.
    """
    output = _output_of(output)
    if not folder_of(output).is_dir():
        read(output)
    open_folder(output).remove()
    registry.forget(output)


def _output_of(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(FOLDER_SUFFIX)).absolute()
