"""The page of `rtsr explain` for any network: above, the first filters; below, what it looks at and what it makes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rtsr.jobs.explain import spectrum_db
from rtsr.jobs.explain_plot import show, show_gain, show_pictures, square
from rtsr.jobs.figure import COLOURS, new_figure, save_figure

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from rtsr.jobs.explain_plain import Field
    from rtsr.models import ModelCard

_WIDTH_IN = 14.0
_BELOW_IN = 3.3
_HEAD_IN = 0.5
_CELL_IN = 0.95
_FLOOR_DB = -30.0
_FAINTEST = -4
"""Of influence, in powers of ten of the strongest."""
_FLAT = 0.01
"""A filter whose taps add up to less than this part of their sizes gives nothing on flat areas."""
_HALF, _MOST = 0.5, 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """All that the page shows."""

    card: ModelCard
    filters: NDArray[np.float32] | None
    """(count, k, k) float32, of the first layer; None: it has none that looks at luma alone."""
    field: Field
    bicubic: NDArray[np.float32]
    """(S*H, S*W) float32, studio swing, 0..1 of 255."""
    made: NDArray[np.float32]
    """The same by the network."""


def draw(page: Page, output: Path) -> None:
    """Write the page as a PNG under its name when it is complete. Raises UsageError."""
    columns = 0 if page.filters is None else max(4, min(8, len(page.filters)))
    rows = 0 if page.filters is None else math.ceil(len(page.filters) / columns)
    heights_in = rows * _CELL_IN + 0.4 * bool(rows), _BELOW_IN
    figure = new_figure((_WIDTH_IN, sum(heights_in) + _HEAD_IN))
    figure.suptitle(_headline(page), fontsize=11)
    if page.filters is None:
        below = figure
    else:
        parts: Any = figure.subfigures(2, 1, height_ratios=heights_in)
        above, below = parts
        _filters(above, page.filters, (rows, columns))
    looks, grows, before, after, gain = below.subplots(1, 5)
    _field(looks, page.field)
    _growth(grows, page.field)
    show_pictures(before, after, page.bicubic, page.made)
    show_gain(gain, page.made, page.bicubic)
    save_figure(figure, output)


def _headline(page: Page) -> str:
    field = page.field
    theory, half, most = field.theory_px, field.side_px(_HALF), field.side_px(_MOST)
    beyond = "but is moved by more, as by a mean over the picture" if field.leaves_the_square else "and nothing beyond"
    return (
        f"{page.card}   {page.card.parameters:,} parameters, {page.card.macs_per_output_pixel:,} "
        f"multiply-accumulates per output pixel\n"
        f"an output pixel sees {theory}x{theory} input pixels {beyond}; "
        f"half of what counts lies in {half}x{half}, {_MOST:.0%} in {most}x{most}"
    )


def _filters(above: Any, filters: NDArray[np.float32], shape: tuple[int, int]) -> None:  # noqa: ANN401 - matplotlib's
    """Every filter of the first layer on the left, its spectrum at the same place on the right, each on one scale."""
    halves: Any = above.subfigures(1, 2)
    bound = float(np.abs(filters).max())
    peak = max(10 ** (spectrum_db(one, 1.0).max() / 20) for one in filters)
    flat = sum(abs(one.sum()) < _FLAT * np.abs(one).sum() for one in filters)
    count, side, _ = filters.shape
    blind = "all give" if flat == count else f"{flat} of them give" if flat else "none gives"
    words = f"the {count} filters of the first layer, {side}x{side}; {blind} nothing on flat areas"
    _grid(halves[0], shape, filters, words, cmap="RdBu_r", vmin=-bound, vmax=bound, interpolation="nearest")
    spectra = np.stack([spectrum_db(one, peak) for one in filters])
    words = "their spectra, dB below the strongest; middle: flat areas, edge: one pixel on, one off"
    _grid(halves[1], shape, spectra, words, cmap="magma", vmin=_FLOOR_DB, vmax=0)


def _grid(part: Any, shape: tuple[int, int], pictures: NDArray[Any], title: str, **how: Any) -> None:  # noqa: ANN401 - matplotlib's
    """Small pictures under one title beside one colour bar."""
    part.suptitle(title, fontsize=9)
    axes = part.subplots(*shape, squeeze=False)
    for number, cell in enumerate(axes.flat):
        if number < len(pictures):
            shown = show(cell, pictures[number], f"{number + 1}", bar=False, **how)
        else:
            cell.set_axis_off()
    part.colorbar(shown, ax=axes, fraction=0.05, pad=0.02).ax.tick_params(labelsize=7)


def _field(axes: Any, field: Field) -> None:  # noqa: ANN401 - matplotlib's
    """How much each pixel counts, with the square that the layers allow and the one that holds most of it."""
    reach = len(field.influence) / 2
    with np.errstate(divide="ignore"):
        powers = np.log10(field.influence / field.influence.max())
    title = f"what an output pixel looks at\nmean of {field.places} places, powers of 10"
    box = (-reach, reach, reach, -reach)
    show(axes, np.maximum(powers, _FAINTEST), title, cmap="inferno", vmin=_FAINTEST, vmax=0, extent=box)
    square(axes, field.theory_px / 2, color="white", linestyle="--", linewidth=1.2)
    square(axes, field.side_px(_MOST) / 2, color=COLOURS[4], linewidth=1.2)
    square(axes, field.side_px(_HALF) / 2, color=COLOURS[3], linewidth=1.2)
    axes.set_xlabel(f"dashed: all it can see; blue: {_MOST:.0%}; green: {_HALF:.0%}", fontsize=7)


def _growth(axes: Any, field: Field) -> None:  # noqa: ANN401 - matplotlib's
    """How much of the influence lies in squares that grow."""
    sides = range(1, len(field.influence) + 1, 2)
    axes.plot(sides, [field.share(side) for side in sides], "o-", color=COLOURS[0], markersize=3, linewidth=1.2)
    for share, colour in ((_HALF, COLOURS[3]), (_MOST, COLOURS[4])):
        side = field.side_px(share)
        axes.plot([side, side], [0, share], color=colour, linewidth=1.2)
        _upright(axes, side, f"{share:.0%}: {side}x{side}")
    axes.axvline(field.theory_px, color="#666666", linestyle="--", linewidth=1.2)
    _upright(axes, field.theory_px, "all it can see, by its layers")
    axes.set_ylim(0, 1.03)
    axes.set_xlim(0, sides[-1] + 1)
    axes.set_xticks(sides[1 :: max(1, len(sides) // 8)])
    axes.set_box_aspect(1)
    axes.tick_params(labelsize=7)
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.set_title("share of what counts\nin a square of this side, input pixels", fontsize=8)
    axes.grid(visible=True, alpha=0.25)


def _upright(axes: Any, side: int, words: str) -> None:  # noqa: ANN401 - matplotlib's
    """Words that climb along the right of a vertical line, so that lines close together keep theirs apart."""
    axes.annotate(
        words, (side, 0.03), (1, 0), textcoords="offset points", fontsize=7, rotation=90, va="bottom", ha="left"
    )
