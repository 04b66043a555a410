"""All that a kiosk needs of its machine, looked at one by one: tried, not guessed."""

import ctypes
import grp
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

from rtsr.errors import RtsrError, UsageError
from rtsr.jobs.doctor import Finding, examine, survived
from rtsr.kiosk.config import Kiosk, read_kiosk
from rtsr.kiosk.install import UNIT_FILE, closed_to_others, find_program, running_systemd
from rtsr.kiosk.kept import NOTHING
from rtsr.kiosk.schedule import is_lit, next_change
from rtsr.kiosk.unit import CACHE, GROUPS, SETTINGS, STATE, UNIT
from rtsr.sources import open_source
from rtsr.sources.reading import Reading
from rtsr.sources.wishes import live_of

_LEAST_FREE_BYTES = 200 * 2**20
_INSTALL = "sudo rtsr kiosk install --config kiosk.toml"
_MOST_EXPOSURE = 4.0
_WAYLAND = "sudo apt-get install libwayland-client0 libwayland-cursor0 libwayland-egl1"
_PACKAGES = {
    "cage": "cage",
    "Xwayland": "xwayland",
    "seatd": "seatd",
    "chvt": "kbd",
    "X": "xserver-xorg",
    "xhost": "x11-xserver-utils",
}
"""Debian's cage asks for Xwayland, too, whether or not anything uses it."""


def check(settings: Path | None) -> dict[str, list[Finding]]:
    """Every finding, by section. Never raises.

    Args:
        settings: the file to look at; None: the installed one.
    """
    path = settings or Path(SETTINGS)
    kiosk = NOTHING
    try:
        kiosk = read_kiosk(path)
        read = [Finding("ok", "settings", str(path)), *survived(partial(_schedule, kiosk))]
    except UsageError as error:
        read = [Finding("!!", "settings", error.problem, error.mend)]
    looks: dict[str, Callable[[Kiosk], Iterator[Finding]]] = {
        "Source": _source,
        "Unit": _unit,
        "Display": _display,
        "Rights": _rights,
        "Disk and clock": _disk_and_clock,
    }
    found = {title: survived(partial(look, kiosk)) for title, look in looks.items()}
    return {"Settings": read, **found, **examine("GPUs", "Power sensors")}


def _schedule(kiosk: Kiosk) -> Iterator[Finding]:
    spans, now = kiosk.schedule.spans, datetime.now()
    then = next_change(spans, now)
    words = "on" if is_lit(spans, now) else "off"
    yield Finding("ok", "schedule", f"the screen is {words} now" + (f", changes {then:%a %H:%M}" if then else ""))
    where = kiosk.metrics.listen or "off"
    yield Finding("ok" if kiosk.metrics.listen else "--", "metrics", where)
    if not kiosk.exit_chord:
        yield Finding("--", "exit_chord", "no key leaves; systemctl stop does")


def _source(kiosk: Kiosk) -> Iterator[Finding]:
    if kiosk is NOTHING:
        yield Finding("--", "source", "not looked at: the settings are broken")
        return
    if _property("ActiveState") == "active":
        yield Finding("--", "source", f"not tried: {UNIT} has it; rtsr kiosk status tells how it is")
        return
    options = kiosk.views()[0]
    for name in kiosk.sources:
        try:
            source = open_source(name, reading=Reading(live=live_of(options)))
        except RtsrError as error:
            yield Finding("!!", "source", error.problem, error.mend)
            continue
        info = source.info
        source.close()
        rate = f", {float(info.rate_fps):g} fps" if info.rate_fps else ""
        yield Finding("ok", "source", f"{info.label}, {info.width}x{info.height}{rate}")


def _unit(_kiosk: Kiosk) -> Iterator[Finding]:
    booted, unit = running_systemd(), Path(UNIT_FILE)
    words = "is this machine's first process" if booted else "is not this machine's first process"
    yield _verdict(good=booted, name="systemd", words=words, mend="take a distribution that it starts")
    if not unit.exists():
        yield Finding("!!", "unit", "not installed", _INSTALL)
        return
    if booted:
        state = _property("ActiveState")
        mend = f"sudo systemctl start {UNIT}; journalctl -u {UNIT} tells why"
        words = f"{state}, {_property('UnitFileState')}"
        yield _verdict(good=state == "active", name="unit", words=words, mend=mend)
    if shutil.which("systemd-analyze") is None:
        yield Finding("--", "verify", "systemd-analyze is not here")
        return
    objections = _said(["systemd-analyze", "verify", "--man=no", UNIT_FILE])
    words = "; ".join(objections.splitlines()) or "systemd takes every line"
    yield _verdict(good=not objections, name="verify", words=words, mend=_INSTALL)
    exposure = exposure_of(unit)
    words = "not told" if exposure is None else f"exposure {exposure:g} of 10"
    good = exposure is not None and exposure < _MOST_EXPOSURE
    yield Finding("ok" if good else "--", "hardening", words)


def exposure_of(unit: Path) -> float | None:
    """How exposed systemd thinks a unit is, 0 to 10 at worst; None where its version does not tell of a file."""
    told = _said(["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)])
    found = re.search(r"exposure level for .*?: ([\d.]+)", told)
    return float(found[1]) if found else None


def _display(kiosk: Kiosk) -> Iterator[Finding]:
    needed = {"cage": ("cage", "Xwayland", "seatd", "chvt"), "x11": ("X", "xhost")}[kiosk.service.compositor]
    for program in needed:
        found = find_program(program)
        mend = f"sudo apt-get install {_PACKAGES[program]}"
        yield _verdict(good=found is not None, name=program, words=found or "not installed", mend=mend)
    if kiosk.service.compositor == "cage":
        yield _qt_for_wayland()
    cards = ", ".join(str(card) for card in sorted(Path("/dev/dri").glob("card*")))
    mend = "load the GPU's kernel driver; on a Jetson: nvidia-drm with modeset=1"
    yield _verdict(good=bool(cards), name="output", words=cards or "no /dev/dri/card*: nothing to show on", mend=mend)
    screens = [path.parent.name for path in Path("/sys/class/drm").glob("card*-*/status") if _text(path) == "connected"]
    if cards:
        words = ", ".join(sorted(screens)) or "no screen is connected"
        yield _verdict(good=bool(screens), name="screen", words=words, mend="plug one in, and switch it on")
    terminal = Path(f"/dev/tty{kiosk.service.tty}")
    words = str(terminal) if terminal.exists() else f"{terminal} is not there"
    yield _verdict(good=terminal.exists(), name="terminal", words=words, mend="take a machine with a console")
    manager = Path("/etc/systemd/system/display-manager.service")
    words = f"{manager.resolve().name} takes the screen" if manager.exists() else "none starts by itself"
    mend = "sudo systemctl set-default multi-user.target, and boot anew"
    yield _verdict(good=not manager.exists(), name="desktop", words=words, mend=mend)


def _qt_for_wayland() -> Finding:
    package = importlib.util.find_spec("PyQt6")
    folders = (package.submodule_search_locations or []) if package else []
    plugins = [one for folder in folders for one in Path(folder).glob("Qt*/plugins/platforms/libqwayland*.so")]
    if not plugins:
        return Finding("!!", "Qt", "has no plugin for Wayland", 'take [service] compositor = "x11"')
    try:
        ctypes.CDLL(str(plugins[0]))
    except OSError as error:
        return Finding("!!", "Qt", f"its plugin for Wayland cannot be loaded ({error})", _WAYLAND)
    return Finding("ok", "Qt", f"{plugins[0].name} can be loaded")


def _rights(kiosk: Kiosk) -> Iterator[Finding]:
    closed = closed_to_others(sys.executable)
    words = sys.executable if closed is None else f"{sys.executable}: {closed} is closed to other users"
    mend = "install rtsr where others may read it: sudo python3 -m venv /opt/rtsr"
    yield _verdict(good=closed is None, name="program", words=words, mend=mend)
    user = kiosk.service.user
    try:
        number = pwd.getpwnam(user).pw_uid
    except KeyError:
        yield Finding("!!", "user", f"{user} is not there", _INSTALL)
        return
    yield Finding("ok", "user", f"{user}, number {number}")
    for group in GROUPS:
        try:
            inside = user in grp.getgrnam(group).gr_mem
        except KeyError:
            yield Finding("--", group, "there is no such group here")
            continue
        words = f"{user} is in it" if inside else f"{user} is not in it"
        yield _verdict(good=inside, name=group, words=words, mend=f"sudo usermod -aG {group} {user}")


def _disk_and_clock(_kiosk: Kiosk) -> Iterator[Finding]:
    folder = next(place for place in (Path(STATE), *Path(STATE).parents) if place.exists())
    free = shutil.disk_usage(folder).free
    words = f"{free / 2**20:.0f} MiB are free for {STATE}"
    yield _verdict(good=free >= _LEAST_FREE_BYTES, name="disk", words=words, mend="make room there")
    writable = not os.statvfs(folder).f_flag & os.ST_RDONLY
    words = f"{folder} can be written" if writable else f"{folder} is read-only"
    mend = f"mount a disk, or a tmpfs, at {STATE} and {CACHE}: docs/kiosk.md"
    yield _verdict(good=writable, name="state", words=words, mend=mend)
    by_network = _said(["timedatectl", "show", "-p", "NTPSynchronized", "--value"]) == "yes"
    how = "set by the network" if by_network else "not known to be set by the network: schedule and reports go by it"
    words = f"{datetime.now().astimezone():%a %Y-%m-%d %H:%M %Z}, {how}"
    yield Finding("ok" if by_network else "--", "clock", words, "" if by_network else "sudo timedatectl set-ntp true")


def _verdict(*, good: bool, name: str, words: str, mend: str) -> Finding:
    return Finding("ok", name, words) if good else Finding("!!", name, words, mend)


def _property(name: str) -> str:
    return _said(["systemctl", "show", UNIT, f"--property={name}", "--value"]) if running_systemd() else ""


def _said(command: list[str]) -> str:
    """What it prints, on both ways; empty where it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout + done.stderr).strip()


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
