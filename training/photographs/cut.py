"""From packages to crops: which pictures are taken, how far each is reduced, where it is cut, what is written of it."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from rtsr.errors import SourceError
from rtsr.metrics import luma
from training.photographs.debs import extract, name_and_version
from training.photographs.licences import find_grant, read_copyright
from training.photographs.looks import CELL_PX, best_squares, contrast, detail, fingerprint, is_photograph, mirrored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from training.photographs.licences import Grant

_COLUMNS = ("file", "licence", "author", "source", "original_file", "original_size", "scale_applied",
            "crop_x_y_w_h_after_scale", "detail_score")  # fmt: skip
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".bmp"}
_LEAST_PX = 900
"""Shorter side of an original; half of it must hold a crop worth the name."""
_CROP_PX = 480
_PX_PER_CROP = 700_000
_CROPS = 12
"""Most crops of one photograph."""
_COARSE = 24.0
"""Mean of JPEG's quantiser for luma, 8x8, from which its blocks survive a reduction by 2: quality 79 and less."""
_LEAST_DETAIL = 1.0
"""Mean of a crop; with less it is sky or haze."""
_CRISP_PART, _CRISP = 0.05, 3.5
"""Part of a crop's cells that must have that much detail. A flower before a blurred meadow has, the meadow has not."""
_SAME = 0.9
"""Correlation of fingerprints from which two pictures are taken for one."""
_DRAWN = frozenset((Path(__file__).parent / "drawn.txt").read_text("utf-8").splitlines())
"""Names, in lower case and without suffix, of pictures that measure like photographs, and are none."""


@dataclass(frozen=True, slots=True)
class Known:
    """Pictures that are elsewhere already."""

    forbidden: np.ndarray
    """(N, 576) float32, fingerprints of the evaluation sets, and mirrored."""
    numbers: dict[str, int]
    """NAME to the last number of its crops `NAME_n` in the set beside ours."""

    @staticmethod
    def read(sets: Path, beside: Path) -> Known:
        """Both from their folders. Raises SourceError when there are no evaluation pictures: none may slip in."""
        prints = []
        for path in sorted(sets.rglob("*.png")):
            with Image.open(path) as image:
                prints.append(fingerprint(image))
        if not prints:
            raise SourceError(f"no evaluation picture in {sets}", mend="say where they are: --sets DIR")
        numbers: dict[str, int] = {}
        for path in beside.rglob("*_*.webp"):
            name, _, number = path.stem.rpartition("_")
            if number.isdecimal():
                numbers[name] = max(numbers.get(name, 0), int(number))
        return Known(np.concatenate([prints, mirrored(np.array(prints))]), numbers)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A picture that may be taken by its licence and size."""

    path: Path
    source: str
    """Package and version."""
    grant: Grant
    size: tuple[int, int]
    """Width and height in pixels, as stored."""
    print: np.ndarray


@dataclass(frozen=True, slots=True)
class Crop:
    """A piece of a photograph."""

    factor: int
    """How far the photograph was reduced before."""
    rectangle: tuple[int, int, int, int]
    """Left, top, width and height in the reduced photograph."""
    detail: float
    picture: Image.Image


def cut_all(packages: list[Path], known: Known, work: Path, out: Path, say: Callable[[str], None]) -> None:
    """Write crops and SOURCES.csv of all photographs in `packages` to the folder `out`.

    The largest of pictures that look alike is taken, then the first by name, so the order of packages does not matter.
    Raises SourceError when nothing is left.
    """
    left_out: Counter[str] = Counter()
    found = [one for package in packages for one in _candidates(package, work, left_out)]
    found.sort(key=lambda one: (-one.size[0] * one.size[1], one.source, one.path.name))
    taken = np.concatenate([known.forbidden, np.zeros((2 * len(found), known.forbidden.shape[1]), np.float32)])
    many = len(known.forbidden)
    numbers = dict(known.numbers)
    rows: list[dict[str, str]] = []
    for one in found:
        if (taken[:many] @ one.print).max() >= _SAME:
            left_out["seen before, or of the evaluation sets"] += 1
            continue
        crops = _crops(one)
        if not crops:
            left_out["not a photograph, not sharp, or damaged"] += 1
            continue
        taken[many : many + 2] = np.stack([one.print, mirrored(one.print)[0]])
        many += 2
        rows += _write(one, crops, numbers, out)
    if not rows:
        raise SourceError("no picture of these packages can be taken", mend=f"left out: {dict(left_out)}")
    with (out / "SOURCES.csv").open("w", encoding="utf-8", newline="") as table:
        writer = csv.DictWriter(table, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: row["file"]))
    _tell(rows, left_out, say)


def _tell(rows: list[dict[str, str]], left_out: Counter[str], say: Callable[[str], None]) -> None:
    for folder, count in sorted(Counter(row["file"].split("/")[0] for row in rows).items()):
        sizes = [row["crop_x_y_w_h_after_scale"].split(",") for row in rows if row["file"].startswith(f"{folder}/")]
        say(f"{folder:10} {count:5} crops  {sum(int(w) * int(h) for *_, w, h in sizes) / 1e6:7.1f} Mpx")
    for reason, count in sorted(left_out.items()):
        say(f"left out   {count:5} pictures: {reason}")


def _candidates(package: Path, work: Path, left_out: Counter[str]) -> Iterator[Candidate]:
    """Pictures of a package that may be taken, each file content once."""
    folder = extract(package, work)
    name, version = name_and_version(package)
    text = folder / "usr" / "share" / "doc" / name / "copyright"
    paragraphs = read_copyright(text.read_text("utf-8", errors="replace")) if text.is_file() else []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in _SUFFIXES or path.is_symlink() or path.stem.lower() in _DRAWN:
            continue
        grant = find_grant(paragraphs, path, name)
        if not grant:
            left_out["licence not known, or not free enough"] += 1
            continue
        try:
            with Image.open(path) as image:
                if min(image.size) < _LEAST_PX:
                    left_out["too small"] += 1
                    continue
                size = image.size
                image.draft("L", (96, 96))
                yield Candidate(path, f"{name} {version}", grant, size, fingerprint(image))
        except OSError:
            left_out["cannot be read"] += 1


def _crops(one: Candidate) -> list[Crop]:
    """What is cut out of a picture: nothing when it is damaged, no photograph, or not sharp however far reduced."""
    try:
        with Image.open(one.path) as image:
            tables: dict[int, list[int]] = getattr(image, "quantization", {})
            whole = image.convert("RGBA" if image.has_transparency_data else "RGB").convert("RGB")
    except OSError:
        return []
    least_factor = 3 if tables and float(np.mean(tables[0])) >= _COARSE else 2
    for factor in range(least_factor, 5):
        size = (round(whole.width / factor), round(whole.height / factor))
        if min(size) < _LEAST_PX // 2:
            break
        if crops := list(_cut(whole.resize(size, Image.Resampling.LANCZOS), factor)):
            return crops
    return []


def _cut(reduced: Image.Image, factor: int) -> Iterator[Crop]:
    rgb = np.asarray(reduced)
    grey = luma(rgb).astype(np.float32)
    fine = contrast(grey)
    if not is_photograph(rgb, fine):
        return
    cells = detail(grey, fine)
    wide, high = (min(_CROP_PX, side) // CELL_PX for side in reduced.size)
    count = min(_CROPS, max(1, round(reduced.width * reduced.height / _PX_PER_CROP)))
    for left, top, mean in best_squares(cells, (wide, high), _LEAST_DETAIL, count):
        if np.quantile(cells[top : top + high, left : left + wide], 1.0 - _CRISP_PART) >= _CRISP:
            x, y, width, height = (CELL_PX * cell for cell in (left, top, wide, high))
            yield Crop(factor, (x, y, width, height), mean, reduced.crop((x, y, x + width, y + height)))


def _write(one: Candidate, crops: list[Crop], numbers: dict[str, int], out: Path) -> Iterator[dict[str, str]]:
    """Write the crops of a photograph; give their lines of SOURCES.csv.

    Why: `training.data` keeps crops of one NAME on one side of the held-out split. So a file name decides NAME, and
    numbers go on where the set beside ours, or another photograph of that name, ended: the same photograph in both sets
    is one to the split, and both can be copied into one folder.
    """
    name = re.sub(r"[^a-z0-9.-]+", "_", one.path.stem.lower()).strip("_") or "untitled"
    (out / one.grant.folder).mkdir(exist_ok=True)
    for crop in crops:
        number = numbers[name] = numbers.get(name, -1) + 1
        file = f"{one.grant.folder}/{name}_{number}.webp"
        crop.picture.save(out / file, lossless=True, method=4)
        row = (file, one.grant.licence, one.grant.author, one.source, one.path.name, "x".join(map(str, one.size)),
               f"{1 / crop.factor:.2f}", ",".join(map(str, crop.rectangle)), f"{crop.detail:.1f}")  # fmt: skip
        yield dict(zip(_COLUMNS, row, strict=True))
