"""Which outputs have unfinished jobs: a note for each in the user's folder for state, so that `rtsr jobs` finds them.

The job itself lies beside its output (`rtsr.jobs.folder`); a note whose job has gone is forgotten when it is read.
"""

import hashlib
import logging
import os
import sys
from pathlib import Path

from rtsr.jobs.folder import folder_of

log = logging.getLogger(__name__)


def place() -> Path:
    """The folder of the notes, by the platform's custom."""
    environment = os.environ  # noqa: TID251 - read at each call: another user, another folder
    if sys.platform == "win32":
        return Path(environment.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "rtsr" / "jobs"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "rtsr" / "jobs"
    state = environment.get("XDG_STATE_HOME", "")
    return (Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state") / "rtsr" / "jobs"


def remember(output: Path) -> None:
    """Note that `output` has an unfinished job. Where the note cannot be written, the job works all the same."""
    try:
        place().mkdir(parents=True, exist_ok=True)
        _note(output).write_text(f"{output.absolute()}\n", encoding="utf-8")
    except OSError as error:
        log.debug("no note of the job of %s: %s", output, error)


def forget(output: Path) -> None:
    """It has none any more."""
    try:
        _note(output).unlink(missing_ok=True)
    except OSError as error:
        log.debug("the note of the job of %s stays: %s", output, error)


def outputs() -> list[Path]:
    """Those with an unfinished job, sorted."""
    found = []
    try:
        notes = sorted(place().glob("*.txt"))
    except OSError:
        return []
    for note in notes:
        output = Path(note.read_text(encoding="utf-8").rstrip("\n"))
        if folder_of(output).is_dir():
            found.append(output)
        else:
            forget(output)
    return sorted(found)


def _note(output: Path) -> Path:
    return place() / f"{hashlib.sha256(os.fsencode(output.absolute())).hexdigest()[:16]}.txt"
