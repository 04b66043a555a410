"""The page of `rtsr explain` for edge-SR: above, a row for each candidate; below, what all together do to a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rtsr.jobs.explain import kernels, orientation, spectrum_db
from rtsr.jobs.figure import COLOURS, new_figure, save_figure

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rtsr.jobs.explain import Choice, Filters

_FLOOR_DB = -50.0
_CELL_IN = 2.35
_HEAD_IN = 0.5
_CLEAR = 0.15
"""Below this the lines of a kernel have no direction worth a word."""


def draw(name: str, filters: Filters, choice: Choice, output: Path) -> None:
    """Write the page as a PNG under its name when it is complete. Raises UsageError."""
    count = len(filters.value)
    columns = _columns(filters, choice)
    width_in = max(len(columns), 4) * _CELL_IN * 1.16
    rows_in = count * _CELL_IN, width_in / 4 * 0.95
    figure = new_figure((width_in, sum(rows_in) + _HEAD_IN))
    figure.suptitle(_headline(name, filters), fontsize=11)
    parts: Any = figure.subfigures(2, 1, height_ratios=rows_in)
    above, below = parts
    grid = above.subplots(count, len(columns), squeeze=False)
    for column, paint in enumerate(columns):
        for row in range(count):
            paint(grid[row][column], row)
    _together(below, choice, filters.kind)
    save_figure(figure, output)


def _headline(name: str, filters: Filters) -> str:
    rule = {
        "max": r"the largest candidate wins: $y = \max_c\ V_c x$",
        "tm": r"template matching: $y = \sum_c\ V_c x \cdot p_c,\ p = \mathrm{softmax}_c(K_c x)$",
        "tr": r"attention: $y = \sum_c\ V_c x \cdot p_c,\ p = \mathrm{softmax}_c(Q_c x \cdot K_c x)$",
    }
    note = f"dashed square: the band that the input can hold, 1/{filters.scale} of the output's; lines at 0° are level"
    return f"{name}   {rule[filters.kind]}\n{note}"


def _columns(filters: Filters, choice: Choice) -> list[Any]:
    """What paints each column, given axes and the number of the candidate."""
    columns: list[Any] = []
    for letter, phases in (("V", filters.value), ("Q", filters.query), ("K", filters.key)):
        if phases is None:
            continue
        spread = kernels(phases)
        bound = float(np.abs(spread).max())
        peak = max(10 ** (spectrum_db(kernel, 1.0).max() / 20) for kernel in spread)
        reference = float(filters.scale**2) if letter == "V" else peak  # 0 dB: an unchanged picture
        columns.append(_kernel_column(letter, spread, bound))
        columns.append(_spectrum_column(letter, spread, (reference, filters.scale)))
    columns.append(_share_column(filters.kind, choice.share))
    return columns


def _kernel_column(letter: str, spread: NDArray[np.float32], bound: float) -> Any:  # noqa: ANN401 - matplotlib's types stop here
    def paint(axes: Any, row: int) -> None:  # noqa: ANN401 - matplotlib's
        angle_deg, clear = orientation(spread[row])
        words = f"lines at {angle_deg:.0f}°, {clear:.0%} clear" if clear >= _CLEAR else "no direction"
        show(
            axes,
            spread[row],
            f"${letter}_{row + 1}$: {words}",
            cmap="RdBu_r",
            vmin=-bound,
            vmax=bound,
            interpolation="nearest",
        )

    return paint


def _spectrum_column(letter: str, spread: NDArray[np.float32], against: tuple[float, int]) -> Any:  # noqa: ANN401 - matplotlib's
    reference, scale = against

    def paint(axes: Any, row: int) -> None:  # noqa: ANN401 - matplotlib's
        level = spectrum_db(spread[row], reference)
        box = (-0.5, 0.5, 0.5, -0.5)
        show(axes, level, f"spectrum of ${letter}_{row + 1}$, dB", cmap="magma", vmin=_FLOOR_DB, vmax=5, extent=box)
        square(axes, 0.5 / scale, color="white", linestyle="--", linewidth=0.9)

    return paint


def _share_column(kind: str, share: NDArray[np.float32]) -> Any:  # noqa: ANN401 - matplotlib's
    def paint(axes: Any, row: int) -> None:  # noqa: ANN401 - matplotlib's
        words = "taken at" if kind == "max" else "mean"
        title = f"$p_{row + 1}$ on the picture, {words} {share[row].mean():.0%}"
        show(axes, share[row], title, cmap="viridis", vmin=0, vmax=1)

    return paint


def _together(below: Any, choice: Choice, kind: str) -> None:  # noqa: ANN401 - matplotlib's
    """Result, who wins where, and what differs from bicubic."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    first, second, third, fourth = below.subplots(1, 4)
    count = len(choice.share)
    show_pictures(first, second, choice.bicubic, choice.made)
    colours = ListedColormap([COLOURS[number % len(COLOURS)] for number in range(count)])
    winner = choice.share.argmax(axis=0)
    certain = (choice.share.max(axis=0) - 1 / count) / max(1 - 1 / count, 1e-6)
    painted = 1 - certain[..., None] * (1 - colours(winner)[..., :3])
    words = "who wins" if kind == "max" else "who has the most say; white: all alike"
    show(third, painted, words, bar=False, interpolation="nearest")
    key = ScalarMappable(Normalize(-0.5, count - 0.5), colours)
    colour_bar(third, key).set_ticks(range(count), labels=[f"{number + 1}" for number in range(count)])
    show_gain(fourth, choice.made, choice.bicubic)


def show_pictures(first: Any, second: Any, bicubic: NDArray[np.float32], made: NDArray[np.float32]) -> None:  # noqa: ANN401 - matplotlib's
    """Bicubic and the network's picture, (H, W) float32, studio swing, 0..1 of 255, on the same greys."""
    grey = {"cmap": "gray", "vmin": 16 / 255, "vmax": 235 / 255, "bar": False}
    show(first, bicubic, "bicubic, for comparison", **grey)
    show(second, made, "what the network makes", **grey)


def show_gain(axes: Any, made: NDArray[np.float32], bicubic: NDArray[np.float32]) -> None:  # noqa: ANN401 - matplotlib's
    """What the network adds to bicubic; arguments as `show_pictures` has them."""
    difference = (made - bicubic) * 255
    bound = max(1.0, float(np.percentile(np.abs(difference), 99.5)))
    show(axes, difference, "network minus bicubic, levels of 255", cmap="RdBu_r", vmin=-bound, vmax=bound)


def square(axes: Any, half: float, **how: Any) -> None:  # noqa: ANN401 - matplotlib's
    """The outline of a square around (0, 0)."""
    axes.plot([-half, half, half, -half, -half], [-half, -half, half, half, -half], **how)


def show(axes: Any, values: NDArray[Any], title: str, **how: Any) -> Any:  # noqa: ANN401 - matplotlib's
    """One picture with its title and, without `bar=False`, its colour bar; gives what was drawn."""
    bar = how.pop("bar", True)
    shown = axes.imshow(values, **how)
    axes.set_title(title, fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])
    if bar:
        colour_bar(axes, shown)
    return shown


def colour_bar(axes: Any, shown: Any) -> Any:  # noqa: ANN401 - matplotlib's
    """A bar beside `axes` that says which colour is which value."""
    bar = axes.figure.colorbar(shown, ax=axes, shrink=0.8, fraction=0.05, pad=0.02)
    bar.ax.tick_params(labelsize=7)
    return bar
