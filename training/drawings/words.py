"""Words that mean nothing, in three scripts, with figures and stops: all letters come up, and nobody wrote them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_FIGURES = "0123456789"


@dataclass(frozen=True, slots=True)
class Script:
    """Letters that make words."""

    name: str
    consonants: str
    vowels: str

    @property
    def letters(self) -> str:
        """All of them, small and capital."""
        return self.consonants + self.vowels + (self.consonants + self.vowels).upper()


SCRIPTS = (
    Script("Latin", "bcdfghjklmnpqrstvwxzçñß", "aeiouyäéöüåø"),
    Script("Greek", "βγδζθκλμνξπρστφχψ", "αεηιουωάέίό"),
    Script("Cyrillic", "бвгджзйклмнпрстфхцчшщ", "аеёиоуыэюя"),
)
_SHARES = (0.6, 0.15, 0.25)


def draw_script(random: np.random.Generator) -> Script:
    """One of SCRIPTS, Latin more often than not."""
    return SCRIPTS[int(random.choice(len(SCRIPTS), p=_SHARES))]


def word(script: Script, random: np.random.Generator) -> str:
    """One to four syllables, at times capital or all capitals; or a number."""
    if random.random() < 0.1:
        return "".join(random.choice(list(_FIGURES), random.integers(1, 6)))
    made = ""
    for _ in range(random.integers(1, 5)):
        made += str(random.choice(list(script.consonants))) + str(random.choice(list(script.vowels)))
        if random.random() < 0.4:
            made += str(random.choice(list(script.consonants)))
    style = random.random()
    return made.upper() if style < 0.06 else made.capitalize() if style < 0.25 else made


def line(script: Script, random: np.random.Generator, count: int) -> str:
    """`count` words with stops between some and at the end."""
    words = [word(script, random) + str(random.choice(["", "", "", "", ",", ";", ":", "-"])) for _ in range(count)]
    return " ".join(words).rstrip(",;:-") + str(random.choice([".", "?", "!", "...", ""]))
