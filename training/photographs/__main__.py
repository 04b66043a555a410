"""`python -m training.photographs OUT`: packages in, crops of their photographs out."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from rtsr.errors import UsageError, nearest
from training.command_line import run_command
from training.photographs.cut import Known, cut_all
from training.photographs.debs import ARCHIVES, download

_DATA = Path(__file__).parents[2].parent / "shared" / "data"


@click.command()
@click.argument("out", type=Path)
@click.option("--package", multiple=True, help="only this one of the known packages; may be given more than once")
@click.option(
    "--debs",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="take the .deb files in this folder, download none",
)
@click.option("--sets", type=Path, default=_DATA / "eval", help="pictures that must not come in, mirrored or not")
@click.option("--beside", type=Path, default=_DATA / "train" / "free", help="training set whose names are gone on with")
def command(out: Path, package: tuple[str, ...], debs: Path | None, sets: Path, beside: Path) -> None:
    """Write training crops of freely licensed photographs to the folder OUT, which must be new or empty."""
    known = {name for archive in ARCHIVES for name in archive.packages}
    for name in package:
        if name not in known:
            raise UsageError(f"there is no package {name!r} in the table", mend=nearest(name, known))
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there already", mend="name a new folder, or delete it")
    out.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as work,
        tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as new,
    ):
        packages = sorted(debs.glob("*.deb")) if debs else None
        if packages is None:
            (Path(work) / "debs").mkdir()
            packages = download(package or known, Path(work) / "debs", Path(work))
        finished = Path(new) / "set"
        finished.mkdir()
        cut_all(packages, Known.read(sets, beside), Path(work), finished, click.echo)
        os.replace(finished, out)


def main() -> int:
    """Run the command line; return its exit code."""
    return run_command(command, "photographs", full="make room, or name fewer by --package")


if __name__ == "__main__":
    raise SystemExit(main())
