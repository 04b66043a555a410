"""Every key of the viewer: one table, from which the `?` overlay and the table in docs/viewer.md are made.

The keys are mpv's where mpv has them; Tab, c and a are free there.
"""

from dataclasses import dataclass
from typing import Literal

Action = Literal[
    "pause", "step", "back_5", "on_5", "back_60", "on_60", "layout", "blink", "governor", "stats", "screenshot",
    "fullscreen", "leave_fullscreen", "zoom", "select", "keys", "quit",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Key:
    """One action, the keys that do it (Qt's names), and what it does in words."""

    action: Action
    names: tuple[str, ...]
    words: str
    label: str = ""
    """How the keys are written, where not one after the other."""


KEYS: tuple[Key, ...] = (
    Key("pause", ("Space", "P"), "pause or go on; at the end, play again"),
    Key("step", (".",), "pause, and show the next frame"),
    Key("back_5", ("Left",), "5 seconds back"),
    Key("on_5", ("Right",), "5 seconds on"),
    Key("back_60", ("Down",), "1 minute back"),
    Key("on_60", ("Up",), "1 minute on"),
    Key("layout", ("Tab", "C"), "next layout: wipe, side by side, blink"),
    Key("blink", ("A",), "while held: bicubic alone"),
    Key("governor", ("Y",), "governor on or off"),
    Key("stats", ("I",), "numbers on or off"),
    Key("screenshot", ("S",), "write what is shown to a PNG here"),
    Key("fullscreen", ("F",), "full screen on or off (also double click, of a single source)"),
    Key("leave_fullscreen", ("Esc",), "leave full screen"),
    Key(
        "zoom",
        ("Return", "Enter"),
        "of several sources the selected one alone, or all again (also double click)",
        "Enter",
    ),
    Key(
        "select",
        tuple(f"Ctrl+{digit}" for digit in range(1, 10)),
        "select a source (also click): keys are for it",
        "Ctrl+1 … 9",
    ),
    Key("keys", ("?",), "this list"),
    Key("quit", ("Q",), "quit"),
)
_WORDS = {"Left": "←", "Right": "→", "Up": "↑", "Down": "↓", "Space": "space"}


def label(key: Key) -> str:
    """How the keys of one action are written: `space p`."""
    return key.label or " ".join(_WORDS.get(name, name if len(name) > 1 else name.lower()) for name in key.names)


def overlay_lines() -> list[str]:
    """The `?` overlay."""
    width = max(len(label(key)) for key in KEYS)
    return [f"{label(key):<{width}}  {key.words}" for key in KEYS]


def markdown_table() -> str:
    """The table of docs/viewer.md."""
    rows = [f"| {label(key)} | {key.words} |" for key in KEYS]
    return "\n".join(["| key | what it does |", "| --- | --- |", *rows, ""])
