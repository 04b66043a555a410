"""`python -m engines`: build and verify what a kind of device needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from engines.profile import find_profile, read_profile
from engines.release import build_set, verify_set
from rtsr.cli import run_program
from rtsr.config import Progress

if TYPE_CHECKING:
    from engines.profile import Profile

_HELP = (
    "The engines of a kind of device, as a profile names them: the name of one in engines/profiles/, or a TOML file."
)


@click.command("build-all")
@click.argument("profile")
@click.option("--output", type=Path, metavar="DIR", help="a folder for a release set [default: the user's cache]")
@click.option("--force", is_flag=True, help="build what is there already, too")
@click.option("--progress", type=click.Choice(get_args(Progress)), default="auto", show_default=True)
def build_all(profile: str, output: Path | None, progress: Progress, *, force: bool) -> None:
    """Build every engine that PROFILE names; with --output, a release set: they and their SHA256SUMS."""
    build_set(*_opened(profile), output, progress, force=force)


@click.command("verify")
@click.argument("profile")
@click.argument("folder", type=Path, required=False, metavar="[DIR]")
def verify(profile: str, folder: Path | None) -> None:
    """Check that DIR, or without it the user's cache, holds every engine that PROFILE names, whole and of use."""
    click.echo(verify_set(*_opened(profile), folder))


def _opened(name: str) -> tuple[str, Profile]:
    path = find_profile(name)
    return path.stem, read_profile(path)


def main() -> int:
    """Run the command line; return its exit code."""
    return run_program(click.Group("engines", commands=[build_all, verify], help=_HELP), "python -m engines")


if __name__ == "__main__":
    raise SystemExit(main())
