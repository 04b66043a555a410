"""The settings that are used: those asked for, or the last good ones where those are broken, which the screen says.

Good are settings with which a picture was shown. They are kept whole in the state folder; where that cannot be written
(a read-only root without one), there is nothing to fall back to, and the screen tells what is wrong until it is mended.
"""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from rtsr.errors import RtsrError, UsageError
from rtsr.kiosk.config import Kiosk, read_kiosk
from rtsr.kiosk.durable import write_durably

log = logging.getLogger(__name__)
_KEPT = "last-good.toml"
NOTHING = Kiosk(sources=("-",))
"""Where no settings can be read: nothing is opened."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Settings to run with."""

    kiosk: Kiosk
    file: Path
    """Where they were read from."""
    notice: str = ""
    """Why they are not those that were asked for; empty where they are."""

    @property
    def usable(self) -> bool:
        """Whether there is anything to show."""
        return self.kiosk is not NOTHING

    def instead_of(self, error: RtsrError) -> "Choice":
        """The same, where the settings before could be read, and failed with `error`."""
        then = "the last good settings are used" if self.usable else "nothing is shown until it is mended"
        return replace(self, notice=f"{error.problem} - {error.mend} · {then}")


def choices(asked: Path, state: Path | None) -> Iterator[Choice]:
    """What to run with, one after the other while each turns out to be broken; the last one always can be run."""
    kept = None if state is None else state / _KEPT
    notice = f"{asked.name} cannot be used"
    try:
        yield Choice(read_kiosk(asked), asked)
    except UsageError as error:
        notice = f"{error.problem} - {error.mend}"
    if kept is not None and kept.is_file():
        try:
            yield Choice(read_kiosk(kept), kept, f"{notice} · the last good settings are used")
        except UsageError as error:
            log.warning("%s. %s", error.problem, error.mend)
    yield Choice(NOTHING, asked, f"{notice} · nothing is shown until it is mended")


def keep(choice: Choice, state: Path | None) -> None:
    """These are good. Where they cannot be kept, the log says so."""
    if state is None or choice.file == state / _KEPT:
        return
    try:
        content = choice.file.read_bytes()
        kept = state / _KEPT
        if not kept.is_file() or kept.read_bytes() != content:  # each write wears the flash
            write_durably(kept, content)
    except OSError as error:
        log.warning("the settings are not kept: %s cannot be written (%s)", state, error.strerror)


def state_folder() -> Path | None:
    """The folder that systemd gives, or the user's own; None: neither can be written."""
    environment = os.environ  # noqa: TID251 - what systemd hands over
    home = environment.get("XDG_STATE_HOME", "")
    own = (Path(home) if os.path.isabs(home) else Path.home() / ".local" / "state") / "rtsr" / "kiosk"
    folder = Path(environment["STATE_DIRECTORY"]) if environment.get("STATE_DIRECTORY") else own
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        log.warning("%s cannot be made (%s): no settings and no reports are kept", folder, error.strerror)
        return None
    return folder
