"""The card of a trained model: what it is, what it was made from, what it measures."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from rtsr.jobs.evaluate import measure
from rtsr.models import parse_card
from rtsr.models.text import card_text
from rtsr.nets.families import count, family_of, numbers_of

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from training.recipe import Recipe
    from training.train import Trained

SETS = ("Set5", "Set14", "BSD100", "Kodak24")


def describe(recipe: Recipe, trained: Trained, sha256: dict[str, str], data: Sequence[Path]) -> dict[str, Any]:
    """The card's table, still without measurements."""
    shape = trained.net.shape
    counts = count(family_of(trained.net), shape)
    return {
        "name": recipe.name,
        "scale": shape.scale,
        "net": recipe.net,
        **_content(recipe),
        **{key: one for key, one in numbers_of(trained.net).items() if key != "scale"},
        **asdict(counts),
        "macs_per_output_pixel": -(-counts.macs_per_input_pixel // shape.scale**2),
        "receptive_field_px": 2 * shape.reach + 1,
        "sha256": sha256,
        "training": {
            "recipe": f"{recipe.name}.recipe.toml",
            "data": _named(data, recipe.folders),
            "crops_learned": trained.crops_learned,
            "crops_held_out": trained.crops_held_out,
            "licences": licences(data, recipe.folders),
            "best_step": trained.best_step,
            "held_out_psnr_db": round(trained.held_out_psnr_db, 3),
            "torch": torch.__version__.partition("+")[0],
            **trained.facts,
        },
    }


def _content(recipe: Recipe) -> dict[str, str]:
    """The card's key `content`, where the pictures were not clean."""
    kinds = (("footage", "video"), ("own", "video"), ("degrade", "degraded"))
    return next(({"content": kind} for table, kind in kinds if getattr(recipe, table, None) is not None), {})


def _named(data: Sequence[Path], folders: tuple[str, ...]) -> str:
    """As in `cc0 of free`; where the folders are the roots themselves, these alone."""
    roots = " and ".join(root.resolve().name for root in data)
    inner = ", ".join(folder for folder in folders if folder != ".")
    return f"{inner} of {roots}" if inner else roots


def licences(data: Sequence[Path], folders: tuple[str, ...]) -> dict[str, int]:
    """How many crops of the training sets stand under which licence, by their SOURCES.csv; none without it."""
    counts: Counter[str] = Counter()
    for sources in (root / "SOURCES.csv" for root in data):
        if sources.is_file():
            with sources.open(encoding="utf-8", newline="") as file:
                rows = csv.DictReader(file)
                counts.update(row["licence"] for row in rows if row["file"].partition("/")[0] in folders)
    return dict(sorted(counts.items()))


def write_card(path: Path, table: dict[str, Any]) -> None:
    """Write a card's TOML, and read it back as the product will."""
    path.write_text(card_text(table), "utf-8")
    parse_card(path)


def remeasure(path: Path, sets: Path, tell: Callable[[str], None]) -> None:
    """Write into a card what its model reaches on the test sets below `sets`; a set that is missing is left out."""
    quality = {}
    for name in SETS:
        if not (sets / name).is_dir():
            tell(f"{sets / name} is missing: not measured")
            continue
        row = measure(sets / name, [parse_card(path)])[0]
        quality[name] = {
            "psnr_db": round(row.psnr_db, 3), "psnr_uint8_db": round(row.psnr_uint8_db, 3), "ssim": round(row.ssim, 4)
        }  # fmt: skip
        tell(f"{row.model} x{row.scale}  {name}  {row.psnr_db:.3f} dB  SSIM {row.ssim:.4f}")
    write_card(path, {**tomllib.loads(path.read_text("utf-8")), "quality": quality})
