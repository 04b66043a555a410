"""Matplotlib's one door: a figure, and a PNG that appears under its name when it is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtsr.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

COLOURS = ("#0072b2", "#e69f00", "#cc79a7", "#009e73", "#56b4e9", "#d55e00", "#f0e442", "#999999")
"""Okabe and Ito's, which most colour-blind people can tell apart."""
_DPI = 130


def new_figure(size_in: tuple[float, float]) -> Any:  # noqa: ANN401 - matplotlib's types stop here
    """An empty figure, drawn without a display. Raises UsageError where matplotlib is missing."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError("matplotlib is not installed, which draws", mend='pip install "rtsr[eval]"') from error
    return Figure(figsize=size_in, layout="constrained", dpi=_DPI)


def save_figure(figure: Any, output: Path) -> None:  # noqa: ANN401 - matplotlib's
    """Write `figure` as a PNG. Raises UsageError where that cannot be."""
    part = output.with_name(f"{output.stem}.part{output.suffix}")
    try:
        figure.savefig(part, format="png")
        part.replace(output)
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}", mend="choose another place") from error
    finally:
        part.unlink(missing_ok=True)
