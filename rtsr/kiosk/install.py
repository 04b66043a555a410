"""Makes this machine, or the tree of a disk image, a kiosk; and undoes it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rtsr.config import KioskInstall, KioskUninstall
from rtsr.errors import BackendError, UsageError
from rtsr.kiosk.config import Kiosk, read_kiosk
from rtsr.kiosk.durable import write_durably
from rtsr.kiosk.unit import (
    CACHE,
    NAME,
    SERVER_UNIT,
    SETTINGS,
    STATE,
    UNIT,
    X_SETTINGS,
    Place,
    server_settings,
    server_text,
    unit_text,
    user_text,
)

UNIT_FILE = f"/etc/systemd/system/{UNIT}"
SERVER_FILE = f"/etc/systemd/system/{SERVER_UNIT}"
USER_FILE = f"/etc/sysusers.d/{NAME}.conf"
_WANTED = f"/etc/systemd/system/multi-user.target.wants/{UNIT}"
_OWN_PLACE = (
    "sudo python3 -m venv /opt/rtsr && sudo /opt/rtsr/bin/pip install ..., then /opt/rtsr/bin/rtsr kiosk install"
)


def install(options: KioskInstall) -> Iterator[str]:
    """Write settings, user and unit, and start it; what was done, line by line.

    Raises:
        UsageError: the settings are broken, or something may not be written. Nothing was, then.
        BackendError: systemd refuses.
    """
    root, settings = Path(options.root), Path(options.config)
    kiosk = read_kiosk(settings)
    place = place_of(kiosk)
    files = _files(kiosk, settings.read_bytes(), place)
    if options.dry_run:
        for name, (text, _mode) in files.items():
            yield f"# {under(root, name)}\n{text.decode()}"
        return
    _refuse_unreachable(place.python)
    if not root.is_dir():
        raise UsageError(f"{root} is no folder", mend="name the root of a tree that is there")
    _refuse_unwritable([under(root, name) for name in files])
    here = root.resolve() == Path("/")
    for name, (text, mode) in files.items():
        path = under(root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_durably(path, text, mode)
        yield f"wrote {path}"
    systemd = shutil.which("systemd-sysusers")
    if systemd is not None:
        _call([systemd, f"--root={root}", under(root, USER_FILE).name])
        _give_to_group(under(root, SETTINGS), kiosk.service.user, root)
        yield f"made the user {kiosk.service.user}"
    else:
        yield f"systemd-sysusers is not here: {kiosk.service.user} is made when the machine boots"
    link = under(root, _WANTED)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(UNIT_FILE)
    yield "it starts with the machine"
    if here and running_systemd():
        _call(["systemctl", "daemon-reload"])
        if options.start:
            _call(["systemctl", "restart", UNIT])
            yield "it runs; rtsr kiosk status tells how"


def _files(kiosk: Kiosk, settings: bytes, place: Place) -> dict[str, tuple[bytes, int]]:
    """Content and mode of every file that is written."""
    files = {
        SETTINGS: (settings, 0o640),
        USER_FILE: (user_text(kiosk).encode(), 0o644),
        UNIT_FILE: (unit_text(kiosk, place).encode(), 0o644),
    }
    if kiosk.service.compositor == "x11":
        files[X_SETTINGS] = (server_settings().encode(), 0o644)
        files[SERVER_FILE] = (server_text(kiosk, place).encode(), 0o644)
    return files


def uninstall(options: KioskUninstall) -> Iterator[str]:
    """Stop it and take away what `install` wrote, but for the user: files may still be its own. Raises as `install`."""
    root = Path(options.root)
    if root.resolve() == Path("/") and running_systemd() and under(root, UNIT_FILE).exists():
        _call(["systemctl", "stop", UNIT])
        yield "stopped it"
    gone = [_WANTED, UNIT_FILE, SERVER_FILE, X_SETTINGS, USER_FILE, *([SETTINGS] if options.purge else [])]
    there = [path for name in gone if (path := under(root, name)).is_symlink() or path.exists()]
    _refuse_unwritable(there)
    for path in there:
        path.unlink()
        yield f"deleted {path}"
    for name in (STATE, CACHE) if options.purge else ():
        if (folder := under(root, name)).is_dir():
            shutil.rmtree(folder)
            yield f"deleted {folder}"
    if not there:
        yield "there is no kiosk here"
    elif root.resolve() == Path("/") and running_systemd():
        _call(["systemctl", "daemon-reload"])


def place_of(kiosk: Kiosk) -> Place:
    """Where on this machine the programs are that the units start; the usual places of those that are not here."""
    here = Place(sys.executable, os.path.realpath(sys.executable))
    if kiosk.service.compositor == "cage":
        return replace(here, cage=find_program("cage") or here.cage)
    return replace(here, xorg=find_program("X") or here.xorg, xhost=find_program("xhost") or here.xhost)


def find_program(name: str) -> str | None:
    """Where it is, if it is; root's programs are not on everybody's path."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def running_systemd() -> bool:
    """Whether systemd is this machine's first process (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


def under(root: Path, name: str) -> Path:
    """`name`, an absolute path, in the tree `root`."""
    return root / name.lstrip("/")


def closed_to_others(program: str) -> Path | None:
    """The first folder or file on the way to `program` that other users may not enter or run; None: they may."""
    path = Path(program)
    for step in (*reversed(path.parents), path, *reversed(path.resolve().parents), path.resolve()):
        if not os.stat(step).st_mode & 0o001:
            return step
    return None


def _refuse_unreachable(python: str) -> None:
    closed = closed_to_others(python)
    if closed is not None:
        raise UsageError(f"{python} is of no use to another user: {closed} is closed to others", mend=_OWN_PLACE)


def _refuse_unwritable(paths: list[Path]) -> None:
    for path in paths:
        nearest = next(folder for folder in path.parents if folder.exists())
        if not os.access(nearest, os.W_OK):
            raise UsageError(f"{nearest} may not be written by you", mend="run the same line with sudo")


def _give_to_group(path: Path, user: str, root: Path) -> None:
    """Settings may hold a camera's password: its own user reads them, nobody else does."""
    with (under(root, "/etc/group")).open(encoding="utf-8") as groups:
        number = next((int(line.split(":")[2]) for line in groups if line.startswith(f"{user}:")), None)
    if number is not None:
        os.chown(path, 0, number)


def _call(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BackendError(
            f"{command[0]} does not run ({error})", mend="run it by hand: " + " ".join(command)
        ) from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines() or [f"code {done.returncode}"]
        raise BackendError(f"{' '.join(command)}: {said[-1].rstrip('.')}", mend="journalctl -xe tells more")
