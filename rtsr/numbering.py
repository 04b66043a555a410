"""Numbered pictures: `frames/%05d.png` stands for frames/00001.png, frames/00002.png, ..."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from rtsr.errors import UsageError

_NAME = r"(?:file://)?(.*/)?([^/%]*)%(0?)(\d*)d([^/%?]*\.(?i:png|jpe?g|tiff?|webp|bmp))"
_RATE = r"\?rate=([0-9./]+)"
_FASTEST = 10_000
URI = f"{_NAME}(?:{_RATE})?"
"""What names numbered pictures, and perhaps how many of them make a second."""


@dataclass(frozen=True, slots=True)
class Numbering:
    """Names that differ in a number."""

    folder: Path
    before: str
    digits: int
    """At least so many, with zeros in front."""
    after: str
    """The rest of the name with its suffix."""

    def path(self, number: int) -> Path:
        """Of the picture `number`."""
        return self.folder / f"{self.before}{number:0{self.digits}}{self.after}"

    def numbers(self) -> list[int]:
        """Of the pictures that are there, in their order.

        Raises:
            OSError: the folder cannot be read.
        """
        form = re.compile(rf"{re.escape(self.before)}(\d+){re.escape(self.after)}")
        found = (form.fullmatch(path.name) for path in self.folder.iterdir())
        numbers = (int(told[1]) for told in found if told is not None)
        return sorted(number for number in numbers if self.path(number).exists())  # `7.png` is no `%03d.png`

    def __str__(self) -> str:
        return str(self.folder / f"{self.before}%0{self.digits}d{self.after}")


def numbering_of(uri: str) -> Numbering | None:
    """What `uri` stands for; None where it has no number's place, or is no picture's name."""
    told = re.fullmatch(URI, uri, re.DOTALL)
    if told is None:
        return None
    digits = int(told[4] or 1) if told[3] else 1
    return Numbering(Path(told[1] or "."), told[2], min(digits, 18), told[5])


def rate_of(uri: str) -> Fraction | None:
    """How many pictures make a second; None where `uri` does not say.

    Raises:
        UsageError: it says what is no rate.
    """
    told = re.fullmatch(URI, uri, re.DOTALL)
    return None if told is None or told[6] is None else as_rate(told[6])


def as_rate(words: str) -> Fraction:
    """Frames in a second, exact: `24`, `29.97` or `30000/1001`. Raises UsageError where it is none."""
    try:
        rate = Fraction(words)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= _FASTEST:
        raise UsageError(f"{words!r} is no rate", mend="say frames in a second, as 24 or 30000/1001")
    return rate


def gaps(numbers: Sequence[int]) -> list[int]:
    """What is missing between the first and the last, at most the first few."""
    missing: list[int] = []
    for here, following in itertools.pairwise(numbers):
        missing += range(here + 1, min(following, here + 4))
        if len(missing) >= 3:
            break
    return missing[:3]
