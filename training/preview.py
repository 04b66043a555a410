"""`python -m training preview RECIPE [OUT]`: a contact sheet of what the recipe's degradations make of its pictures.

One row per picture: as it is, as it is to be learned, after the first order, after the second. Then one row per codec:
a frame of a moving window over the first picture, low resolution, before and after three qualities of that codec.
"""

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from rtsr.errors import ResourceError, UsageError
from rtsr.metrics import psnr_db
from training.data import VIDEOS, list_photographs, read_picture
from training.degrade.motion import make_motion
from training.degrade.operations import to_8bit, to_float
from training.degrade.order import first_order, make_pair
from training.degrade.plan import Codec, read_degradation
from training.degrade.video import Coding, film, transcode
from training.recipe import find_recipe

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.degrade.order import Record
    from training.degrade.plan import Degradation

_DATA = Path(__file__).parents[1].parent / "shared" / "data" / "train" / "free"
_SIDE = 240
"""Of what is shown of a picture, and of a cell of the sheet, in pixels: a multiple of 2, 3 and 4, and of twice each."""
_LINE, _GAP = 13, 8
_WRAP = 42
_FRAMES = 12
_QUALITIES: dict[Codec, tuple[int, int, int]] = {"h264": (20, 28, 35), "h265": (20, 28, 35), "mjpeg": (3, 7, 12)}


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture of the sheet and what is written below it."""

    picture: NDArray[np.uint8]
    """(h, w, 3) uint8; shown as large as a cell, each pixel a square."""
    caption: str


@click.command(name="preview")
@click.argument("recipe")
@click.argument("out", type=Path, default=Path("preview.png"))
@click.option("--data", type=Path, multiple=True, default=(_DATA,), help="folder of training pictures; repeat")
@click.option("--scale", type=click.IntRange(2, 4), help="one of the recipe's; its first if not given")
@click.option("--pictures", type=click.IntRange(1, 40), default=5, show_default=True, help="rows")
@click.option("--seed", type=int, default=0, show_default=True, help="another one, another sheet")
def command(  # noqa: PLR0913 - one argument per option
    recipe: str, out: Path, data: tuple[Path, ...], scale: int | None, pictures: int, seed: int
) -> None:
    """Draw what the table [degrade] of RECIPE, a file or a bare name, does to its pictures, to the picture file OUT."""
    path = find_recipe(recipe)
    table = read_table(path)
    plan = read_degradation(table.get("degrade", {}))
    if "degrade" not in table:
        click.echo(f"{path.name} has no table [degrade]: these are the defaults")
    scale = scale or int(table["scales"][0])
    groups = list_photographs(data, tuple(table["folders"]))
    stills = [one for group in groups for one in group[:1] if one.suffix.lower() not in VIDEOS]
    if not stills:
        raise UsageError(f"{path.name} names folders without pictures", mend="degradations are drawn on pictures")
    chosen = stills[:: max(len(stills) // pictures, 1)][:pictures]
    rows = [still_row(plan, _crop(read_picture(one), _SIDE), scale, seed + row) for row, one in enumerate(chosen)]
    rows += video_rows(plan, read_picture(chosen[0]), scale, seed)
    try:
        sheet(rows).save(out)
    except (OSError, ValueError) as error:
        raise ResourceError(f"{out} cannot be written: {error}", mend="name another file, as in sheet.png") from error
    click.echo(f"{out}  {len(chosen)} pictures, x{scale}")


def read_table(path: Path) -> dict[str, Any]:
    """All of a recipe's TOML. Raises UsageError when it is none, or does not say its folders and scales."""
    try:
        table: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} cannot be read as a recipe: {error}", mend="see training/recipes/") from error
    for key in ("folders", "scales"):
        if not isinstance(table.get(key), list) or not table[key]:
            raise UsageError(f"{path.name} does not say {key!r}", mend=f"add a line `{key} = [...]`")
    if not isinstance(table.get("degrade", {}), dict):
        raise UsageError(f"{path.name}: degrade = {table['degrade']!r}", mend="it is a table: [degrade]")
    return table


def still_row(plan: Degradation, picture: NDArray[np.uint8], scale: int, seed: int) -> list[Cell]:
    """The picture, its target, the first order alone and both: the first's draws are the same in the two."""
    target, low, record = make_pair(plan, picture, scale, torch.Generator().manual_seed(seed))
    half, _ = first_order(plan.first, to_float(target), torch.Generator().manual_seed(seed))
    name = "the same, unsharp-masked: what is learned" if plan.target == "usm" else "what is learned"
    return [
        Cell(picture, f"high resolution, seed {seed}"),
        Cell(target, name),
        Cell(to_8bit(half), _caption(half, [one for one in record if one.stage == "first"])),
        Cell(low, _caption(low, [one for one in record if one.stage != "first"])),
    ]


def video_rows(plan: Degradation, picture: NDArray[np.uint8], scale: int, seed: int) -> list[list[Cell]]:
    """A row per codec: the middle frame's luma before the codec and after three qualities, with the PSNR between."""
    random = torch.Generator().manual_seed(seed)
    side_hw = tuple(min(side * 3 // 4, _SIDE) // scale * scale for side in picture.shape[:2])
    motion = make_motion([picture], _FRAMES, (side_hw[0], side_hw[1]), random)
    low, record = film(plan.video, motion.frames, scale, random)
    rows = []
    for codec, qualities in _QUALITIES.items():
        row = [Cell(_grey(low.y[_FRAMES // 2]), f"luma before the codec; {_caption(low.y[0], record)}")]
        for quality in qualities:
            coded = transcode(low, Coding(codec=codec, quality=quality))
            said = f"{codec} {'q' if codec == 'mjpeg' else 'CRF'} {quality}: {psnr_db(low.y, coded.y):.2f} dB"
            row.append(Cell(_grey(coded.y[_FRAMES // 2]), said))
        rows.append(row)
    return rows


def sheet(rows: Sequence[Sequence[Cell]]) -> Image.Image:
    """The cells side by side, a row below the other, each row as high as its longest caption asks."""
    written = [[_lines(cell.caption) for cell in cells] for cells in rows]
    heights = [_SIDE + max(map(len, lines)) * _LINE + 2 * _GAP for lines in written]
    page = Image.new("RGB", (len(rows[0]) * (_SIDE + _GAP) + _GAP, sum(heights) + _GAP), (250, 250, 248))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(11)
    top = _GAP
    for cells, texts, height in zip(rows, written, heights, strict=True):
        for column, (cell, lines) in enumerate(zip(cells, texts, strict=True)):
            left = _GAP + column * (_SIDE + _GAP)
            shown = Image.fromarray(cell.picture)
            factor = _SIDE / max(shown.size)
            size = max(round(shown.width * factor), 1), max(round(shown.height * factor), 1)
            page.paste(shown.resize(size, Image.Resampling.NEAREST), (left, top))
            for line, text in enumerate(lines):
                pen.text((left, top + _SIDE + 2 + line * _LINE), text, (20, 20, 20), font)
        top += height
    return page


def _lines(caption: str) -> list[str]:
    return [line for part in caption.split("\n") for line in textwrap.wrap(part, _WRAP)]


def _caption(picture: NDArray[Any], record: Record | list[Any]) -> str:
    steps = "\n".join(str(step) for step in record) or "nothing"
    return f"{picture.shape[1]}x{picture.shape[0]}\n{steps}"


def _grey(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Limited-range luma as a picture to look at: (H, W) to (H, W, 3) uint8, full range."""
    full = np.rint((luma - 16.0) * (255.0 / 219.0)).clip(0, 255).astype(np.uint8)
    return np.repeat(full[..., None], 3, axis=2)


def _crop(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The middle of the picture, `side` square or what a smaller picture has, both sides multiples of 12."""
    height, width = (min(length, side) // 12 * 12 for length in picture.shape[:2])
    if not height or not width:
        raise UsageError(f"a picture of {picture.shape[1]}x{picture.shape[0]} is too small", mend="12 on each side do")
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]
