"""Rows as text: Markdown for people, CSV for sheets, JSON for programs."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def markdown(lines: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """A Markdown table whose bars line up; the first of `lines` is its head, the first `left` columns lean left."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * width if number < left else "-" * (width - 1) + ":" for number, width in enumerate(widths)]
    head, *body = (
        [cell.ljust(width) if number < left else cell.rjust(width) for number, (cell, width) in enumerate(cells)]
        for cells in (zip(line, widths, strict=True) for line in lines)
    )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rule, *body))


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line per row under a line of the first row's keys, no line end after the last; empty without rows."""
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().rstrip("\n")


def json_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """A list of objects; a number that JSON has not (infinite, not a number) is null."""
    return json.dumps([{key: _finite(value) for key, value in row.items()} for row in rows], indent=2)


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
