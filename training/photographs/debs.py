"""Packages: where they are, how they come here, what is in them. Everything in a folder of our own, without root."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rtsr.errors import BackendError, ResourceError, SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_KEYRINGS = Path("/usr/share/keyrings")


@dataclass(frozen=True, slots=True)
class Archive:
    """One release of a distribution. Why a stable one: what was released is not changed, so the bytes stay."""

    uri: str
    suite: str
    components: str
    keyring: str
    """File name of the keys that sign it."""
    keyring_package: str
    """The package that holds them; both distributions carry the other's."""
    packages: tuple[str, ...]


def _series(name: str, releases: str) -> tuple[str, ...]:
    return tuple(f"{name}-{release}" for release in releases.split())


ARCHIVES = (
    Archive(
        "http://deb.debian.org/debian", "trixie", "main", "debian-archive-keyring.gpg", "debian-archive-keyring",
        ("budgie-backgrounds", "lomiri-wallpapers-16.04", "lomiri-wallpapers-20.04", "mate-backgrounds",
         "ukui-wallpapers"),
    ),
    Archive(
        "http://archive.ubuntu.com/ubuntu", "noble", "main universe", "ubuntu-archive-keyring.gpg", "ubuntu-keyring",
        (
            *_series("budgie-wallpapers", "artful bionic cosmic disco eoan focal groovy hirsute impish jammy kinetic"
                                          " lunar mantic noble xenial yakkety zesty"),
            "edubuntu-wallpapers-legacy",
            *_series("ubuntu-gnome-wallpapers", "trusty utopic xenial yakkety"),
            "ubuntu-mate-wallpapers-photos",
            "ubuntu-mate-wallpapers-vivid",
            "ubuntu-mate-wallpapers-wily",
            *_series("ubuntu-wallpapers", "karmic lucid maverick natty oneiric precise quantal raring saucy trusty"
                                          " utopic vivid wily xenial yakkety zesty artful bionic cosmic disco eoan"
                                          " focal groovy hirsute impish jammy kinetic lunar mantic noble"),
            *_series("ubuntucinnamon-wallpapers", "eoan focal groovy hirsute impish jammy kinetic lunar mantic noble"),
            *_series("ubuntukylin-wallpapers", "artful bionic cosmic disco eoan focal groovy saucy trusty utopic vivid"
                                               " wily xenial yakkety zesty"),
            *_series("ubuntustudio-wallpapers", "bionic cosmic disco eoan focal jammy legacy noble xenial"),
            *_series("xubuntu-community-wallpapers", "bionic focal jammy trusty xenial"),
        ),
    ),
)  # fmt: skip
"""Packages with photographs. Left out: what is all drawn (xubuntu-, kubuntu-, sway-wallpapers)."""


def download(names: Iterable[str], folder: Path, work: Path, archives: Sequence[Archive] = ()) -> list[Path]:
    """Bring packages of `archives` (none: ARCHIVES) into `folder`, in order of name, their signatures checked.

    `work` takes apt's lists, so that the machine's own stay as they are. Raises BackendError without apt, SourceError
    when an archive cannot be reached or lacks a package, ResourceError when the disk is full.
    """
    wanted = set(names)
    for archive in archives or ARCHIVES:
        if chosen := sorted(wanted.intersection(archive.packages)):
            _apt(archive, chosen, _keyring(archive, work), folder, work)
    return sorted(folder.glob("*.deb"))


def _keyring(archive: Archive, work: Path) -> Path:
    """The file of an archive's keys: the machine's, else out of a package of an archive whose keys the machine has."""
    if (_KEYRINGS / archive.keyring).is_file():
        return _KEYRINGS / archive.keyring
    for other in ARCHIVES:
        if (_KEYRINGS / other.keyring).is_file():
            folder = work / "keyring"
            folder.mkdir()
            _apt(other, [archive.keyring_package], _KEYRINGS / other.keyring, folder, work)
            return extract(next(folder.glob("*.deb")), folder) / str(_KEYRINGS).lstrip("/") / archive.keyring
    raise BackendError(
        f"the keys of {archive.uri} are not on this machine", mend=f"sudo apt-get install {archive.keyring_package}"
    )


def _apt(archive: Archive, names: list[str], keyring: Path, folder: Path, work: Path) -> None:
    lists = work / f"apt-{archive.suite}"
    for part in ("lists/partial", "cache/archives/partial"):
        (lists / part).mkdir(parents=True, exist_ok=True)
    source = lists / "one.sources"
    source.write_text(
        f"Types: deb\nURIs: {archive.uri}\nSuites: {archive.suite}\nComponents: {archive.components}\n"
        f"Signed-By: {keyring}\n",
        "utf-8",
    )
    settings = {
        "Dir::Etc::SourceList": source,
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": lists / "lists",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": lists / "cache",
        "APT::Architecture": "amd64",  # the packages are for all machines, but only some archives list them for each
        "APT::Sandbox::User": "root",
        "APT::Update::Error-Mode": "any",
        "Acquire::Retries": "3",
    }
    apt = ["apt-get", "--quiet", "--assume-yes", *(f"-o{key}={value}" for key, value in settings.items())]
    _run([*apt, "update"], folder, f"the package lists of {archive.uri} cannot be read", "check the network")
    problem = f"{archive.uri} {archive.suite} does not give the packages"
    _run([*apt, "download", *names], folder, problem, "check the network; or leave out, by --package, what it lacks")


def extract(package: Path, folder: Path) -> Path:
    """Unpack a package below `folder`; return where. Raises SourceError when it is damaged."""
    target = folder / package.stem
    command = ["dpkg-deb", "-x", str(package.resolve()), str(target)]
    _run(command, folder, f"{package.name} cannot be unpacked", "delete it")
    return target


def name_and_version(package: Path) -> tuple[str, str]:
    """What a package file calls itself. Raises SourceError when it is damaged."""
    ask = ["dpkg-deb", "--show", "--showformat=${Package} ${Version}", str(package.resolve())]
    name, _, version = _run(ask, package.parent, f"{package.name} is no package", "delete it").partition(" ")
    return name, version


def _run(command: list[str], folder: Path, problem: str, mend: str) -> str:
    """Run a tool of the machine; return what it writes. Raises what `download` says, with the tool's reason."""
    if not shutil.which(command[0]):
        raise BackendError(
            f"{command[0]} is not on this machine", mend="run this on Debian or Ubuntu, or in a container"
        )
    spoken = ["env", "LC_ALL=C.UTF-8", *command]  # what it says is searched and shown
    done = subprocess.run(spoken, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode == 0:
        return done.stdout
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    reason = next((line.removeprefix("E: ") for line in lines if line.startswith("E: ")), lines[-1])
    if "No space left" in done.stderr or "enough free space" in done.stderr:
        raise ResourceError(
            f"the disk is full: {folder}", mend="about 8 GB are needed at work: TMPDIR=, or fewer --package"
        )
    raise SourceError(f"{problem}: {reason.strip(' .')}", mend=mend)
