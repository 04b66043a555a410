"""The table of keys."""

from pathlib import Path
from typing import get_args

from PyQt6.QtGui import QKeySequence

from rtsr.viewer.keys import KEYS, Action, markdown_table, overlay_lines

DOCS = Path(__file__).parents[2] / "docs" / "viewer.md"


def test_every_action_has_one_row_and_no_key_does_two_things() -> None:
    assert sorted(key.action for key in KEYS) == sorted(get_args(Action))
    names = [name for key in KEYS for name in key.names]
    assert len(set(names)) == len(names)


def test_qt_knows_every_key() -> None:
    for key in KEYS:
        for name in key.names:
            assert QKeySequence(name).count() == 1, name


def test_the_docs_hold_this_table() -> None:
    assert markdown_table() in DOCS.read_text(encoding="utf-8"), f"paste this into {DOCS.name}:\n{markdown_table()}"


def test_the_overlay_names_every_action() -> None:
    assert len(overlay_lines()) == len(KEYS)
