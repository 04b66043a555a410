"""What the documentation promises is what the code has."""

import re
from pathlib import Path

from rtsr import errors
from rtsr.jobs.doctor import _LIBRARIES

ROOT = Path(__file__).parents[2]


def test_every_exit_code_is_documented_and_no_other() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.RtsrError)]
    codes = {0, errors.EXIT_INTERRUPTED, errors.EXIT_SECOND_INTERRUPT, *(kind.exit_code for kind in kinds)}
    page = (ROOT / "docs/exit-codes.md").read_text("utf-8")
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == codes


def test_the_set_up_installs_every_library_that_doctor_asks_for() -> None:
    words = set(re.findall(r"[\w.+-]+", (ROOT / "bin/setup").read_text("utf-8")))
    assert set(_LIBRARIES.values()) <= words
