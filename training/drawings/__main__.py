"""`python -m training.drawings OUT`: pictures of lettering and of line art, to learn from and to measure with."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, get_args

import click
import numpy as np
from PIL import Image

from rtsr.errors import UsageError
from training.command_line import run_command
from training.data import PICTURES, read_picture
from training.drawings.fonts import Font, load_fonts
from training.drawings.lettering import SIDE_PX, draw_page
from training.drawings.line_art import draw_art
from training.drawings.words import SCRIPTS

Kind = Literal["text", "line-art"]
_DATA = Path(__file__).parents[2].parent / "shared" / "data"
_FREE = "cc0"
"""Folder of photographs that owe nobody anything: no other may lie below lettering."""
_FONT_COLUMNS = ("font", "package", "licence", "used")
_TEST = 1
"""Part of the seed of the pictures that are measured with."""


@click.command()
@click.argument("out", type=Path)
@click.option("--kind", type=click.Choice(get_args(Kind)), multiple=True, help="only this one")
@click.option("--count", type=click.IntRange(1), default=160, show_default=True, help="pictures to learn from")
@click.option("--test", type=click.IntRange(1), default=24, show_default=True, help="pictures to measure with")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="another one, other pictures")
@click.option(
    "--debs",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="take fonts out of the .deb files in this folder, download none",
)
@click.option("--photographs", type=Path, default=_DATA / "train" / "free", help="its cc0/ goes below subtitles")
def command(  # noqa: PLR0913 - one argument per option
    out: Path, kind: tuple[Kind, ...], count: int, test: int, seed: int, debs: Path | None, photographs: Path
) -> None:
    """Draw pictures into the folder OUT, which must be new or empty: text, text-test, line-art, line-art-test.

    The test pictures of text are in fonts that the others never use, and over no photograph.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} is there already", mend="name a new folder, or delete it")
    out.parent.mkdir(parents=True, exist_ok=True)
    counts = {False: count, True: test}
    with (
        tempfile.TemporaryDirectory() as work,
        tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as new,
    ):
        finished = Path(new) / "set"
        finished.mkdir()
        rows: list[dict[str, str]] = []
        if "text" in (kind or get_args(Kind)):
            rows += _write_text(finished, load_fonts(debs, Path(work)), _photographs(photographs), counts, seed)
        if "line-art" in (kind or get_args(Kind)):
            rows += _write_art(finished, counts, seed)
        _write_table(finished / "SOURCES.csv", rows)
        os.replace(finished, out)
    for folder in sorted({row["file"].partition("/")[0] for row in rows}):
        click.echo(f"{out / folder}  {sum(row['file'].startswith(f'{folder}/') for row in rows)} pictures")


def _write_text(
    out: Path, fonts: list[Font], photographs: list[Image.Image], counts: dict[bool, int], seed: int
) -> Iterable[dict[str, str]]:
    used = {tested: _folder("text", tested=tested) for tested in counts}
    table = [(one.path.name, one.package, one.licence, used[one.tested]) for one in fonts]
    _write_table(out / "FONTS.csv", [dict(zip(_FONT_COLUMNS, row, strict=True)) for row in table])
    if not photographs:
        click.echo("there are no photographs to put subtitles on: they stand on plain grounds")
    for tested, count in counts.items():
        able = {script: [one for one in fonts if one.tested is tested and one.writes(script)] for script in SCRIPTS}
        for script, some in able.items():
            if not some:
                raise UsageError(f"no font of the packages writes {script.name}", mend="bring more packages by --debs")
        under = [] if tested else photographs  # these are learned from by themselves, too
        for number in range(count):
            page, filmed = draw_page(np.random.default_rng((seed, tested * _TEST, number)), able, under)
            yield _save(out, _folder("text", tested=tested), number, page, "drawn over CC0-1.0" if filmed else "drawn")


def _write_art(out: Path, counts: dict[bool, int], seed: int) -> Iterable[dict[str, str]]:
    for tested, count in counts.items():
        for number in range(count):
            page = draw_art(np.random.default_rng((seed, 2 + tested * _TEST, number)))
            yield _save(out, _folder("line-art", tested=tested), number, page, "drawn")


def _folder(kind: Kind, *, tested: bool) -> str:
    return f"{kind}-test" if tested else kind


def _save(out: Path, folder: str, number: int, picture: Image.Image, licence: str) -> dict[str, str]:
    (out / folder).mkdir(exist_ok=True)
    file = f"{folder}/{folder}-{number:04}.png"
    picture.save(out / file)
    return {"file": file, "licence": licence, "author": "training.drawings", "source": f"picture {number}"}


def _photographs(root: Path) -> list[Image.Image]:
    paths = sorted(path for path in (root / _FREE).glob("*") if path.suffix.lower() in PICTURES)
    pictures = [Image.fromarray(read_picture(path)) for path in paths]
    return [one for one in pictures if min(one.size) >= SIDE_PX]


def _write_table(path: Path, rows: Sequence[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as table:
        writer = csv.DictWriter(table, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> int:
    """Run the command line; return its exit code."""
    return run_command(command, "drawings", full="make room, or draw fewer: --count")


if __name__ == "__main__":
    raise SystemExit(main())
