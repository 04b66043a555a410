"""Free fonts out of Debian packages: which, whose and under which licence, and what they can write."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PIL import ImageFont

from rtsr.errors import SourceError
from training.photographs.debs import ARCHIVES, download, extract, name_and_version
from training.photographs.licences import read_copyright

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from training.drawings.words import Script

LEARNED = ("fonts-comic-neue", "fonts-dejavu-core", "fonts-freefont-ttf", "fonts-hack", "fonts-lato",
           "fonts-liberation", "fonts-open-sans", "fonts-play")  # fmt: skip
"""Packages of Debian's `main`, all free by its guidelines: OFL, Apache, Bitstream Vera, GPL with the font exception."""
TESTED = ("fonts-ebgaramond", "fonts-roboto-unhinted")
"""Packages whose fonts are only measured with."""
_ARCHIVE = replace(ARCHIVES[0], packages=LEARNED + TESTED)
_SUFFIXES = frozenset({".ttf", ".otf"})
_NOT_A_CHARACTER = "\uffff"
_PROBE_PX = 24


@dataclass(frozen=True, slots=True)
class Font:
    """One font file."""

    path: Path
    package: str
    """Name and version."""
    licence: str
    """As the package's copyright file names it."""
    tested: bool
    """Kept for the pictures that are measured with."""

    def writes(self, script: Script) -> bool:
        """Whether it has a glyph for every letter of a script."""
        font = ImageFont.truetype(self.path, _PROBE_PX)
        missing = bytes(font.getmask(_NOT_A_CHARACTER))
        return all(bytes(font.getmask(letter)) != missing for letter in script.letters)

    def at(self, size_px: int) -> ImageFont.FreeTypeFont:
        """The font at a size in pixels from line to line, about."""
        return ImageFont.truetype(self.path, size_px)


def load_fonts(debs: Path | None, work: Path) -> list[Font]:
    """The fonts of the packages in the folder `debs`; None brings the known ones from Debian. In order of name.

    Packages of other names count as learned from. Raises SourceError when there is no font of both kinds, and what
    `training.photographs.debs` raises.
    """
    if debs is None:
        folder = work / "debs"
        folder.mkdir()
        packages: Sequence[Path] = download(_ARCHIVE.packages, folder, work, (_ARCHIVE,))
    else:
        packages = sorted(debs.glob("*.deb"))
    fonts = [font for package in packages for font in _fonts_of(package, work)]
    if {font.tested for font in fonts} != {True, False}:
        raise SourceError(
            f"{debs or 'Debian'} gives no fonts to learn from, or none to measure with",
            mend=f"bring one of {', '.join(LEARNED)}, and one of {', '.join(TESTED)}",
        )
    return fonts


def _fonts_of(package: Path, work: Path) -> list[Font]:
    folder = extract(package, work)
    name, version = name_and_version(package)
    text = folder / "usr" / "share" / "doc" / name / "copyright"
    told = text.read_text("utf-8", errors="replace") if text.is_file() else ""
    paths = sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES and not path.is_symlink())
    return [Font(path, f"{name} {version}", _licence(told, path), name in TESTED) for path in paths]


def _licence(copyright_text: str, font: Path) -> str:
    """What the last paragraph that names the file calls its licence, as DEP-5 says; other folders' `*` are not ours."""
    said = "not told"
    for paragraph in read_copyright(copyright_text):
        names = [pattern.rpartition("/") for pattern in paragraph.patterns]
        ours = [last for folder, _, last in names if last != "*" or folder in {"", "*"}]
        if any(fnmatch.fnmatchcase(font.name, last) for last in ours):
            said = paragraph.fields.get("license", "").split("\n")[0].strip() or said
    return said
