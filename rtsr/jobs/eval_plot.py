"""Quality against speed, as the cover figure of edge-SR (WACV 2022) draws it: who is up and to the right is better.

A panel for each scale and set; where a sensor measures power, one more beside it with the energy that a frame costs.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtsr.jobs.eval_report import FULL_HD, Line
from rtsr.jobs.evaluate import BASELINE
from rtsr.jobs.figure import COLOURS, new_figure, save_figure
from rtsr.jobs.label_places import label_points
from rtsr.jobs.machine import cpu_model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

log = logging.getLogger(__name__)
_PANEL_IN = 8.2, 5.6
_REAL_TIME_FPS = (24, 30, 60)
_UNIT = f"{FULL_HD[1]}p"
_BASELINE_AREA = 45
_SHOWN_PARAMETERS = (1_000, 10_000, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class _Axis:
    """What a panel's level axis shows."""

    value: Callable[[Line], float]
    words: str
    marks: tuple[tuple[float, str], ...]
    """Upright lines: where, and what they are."""
    better: int
    """+1 where more is better, -1 where less is."""


def plot(lines: Sequence[Line], output: Path) -> None:
    """Draw the table of `rtsr.jobs.eval_report.report` to a PNG.

    Raises UsageError: matplotlib is missing, or `output` cannot be written.
    """
    groups = _groups(_comparable(lines))
    scales = list(dict.fromkeys(scale for scale, _ in groups))
    kinds = [_speed_axis(), *([_energy_axis(lines)] if all(line.speed.watts for line in lines) else [])]
    columns = [(kind, dataset) for dataset in dict.fromkeys(dataset for _, dataset in groups) for kind in kinds]
    figure = new_figure((_PANEL_IN[0] * len(columns), _PANEL_IN[1] * len(scales)))
    panels = figure.subplots(len(scales), len(columns), squeeze=False)
    for row, scale in zip(panels, scales, strict=True):
        for axes, (kind, dataset) in zip(row, columns, strict=True):
            _prepare(axes, groups[scale, dataset], kind)
            axes.set_ylabel(f"PSNR of luma on {dataset}, dB")
            axes.set_title(
                f"x{scale}, {dataset}; area of a circle: parameters; line: nobody is better at both", fontsize=9
            )
    figure.suptitle(
        f"rtsr on {cpu_model()}, {lines[0].threads} threads: {FULL_HD[0]}x{FULL_HD[1]} out, luma and chroma",
        fontsize=10,
    )
    figure.draw_without_rendering()  # places the panels, so that labels can be placed in them
    figure.set_layout_engine("none")
    for row, scale in zip(panels, scales, strict=True):
        for axes, (kind, dataset) in zip(row, columns, strict=True):
            _label(axes, groups[scale, dataset], kind)
    save_figure(figure, output)


def _comparable(lines: Sequence[Line]) -> list[Line]:
    """Without networks that clean what is degraded: on whole pictures they lie decibels below bicubic, and the axis
    would show little but that. Where nothing else was asked for, they stay.
    """
    others = [line for line in lines if line.card.content != "degraded"]
    if all(line.quality.model == BASELINE for line in others):
        return list(lines)
    for name in sorted({line.quality.model for line in lines if line.card.content == "degraded"}):
        log.info("%s is not drawn: it learned to clean degraded pictures, and these are not; the table has it", name)
    return others


def _groups(lines: Sequence[Line]) -> dict[tuple[int, str], list[Line]]:
    """What belongs into one panel, by scale and data set; two folders of one name are told apart by number."""
    groups: dict[tuple[int, str], list[Line]] = {}
    for line in lines:
        if line.quality.model == BASELINE:  # it leads each group
            name, number = line.quality.dataset, 2
            while (line.card.scale, name) in groups:
                name, number = f"{line.quality.dataset} ({number})", number + 1
            group = groups.setdefault((line.card.scale, name), [])
        group.append(line)
    return groups


def _speed_axis() -> _Axis:
    words = f"{_UNIT} frames per second, by the median time of one"
    return _Axis(
        lambda line: 1e3 / line.speed.p50_ms, words, tuple((rate, f"{_UNIT} {rate} fps") for rate in _REAL_TIME_FPS), +1
    )


def _energy_axis(lines: Sequence[Line]) -> _Axis:
    words = f"millijoules per {_UNIT} frame, {lines[0].speed.rail}"
    return _Axis(lambda line: (line.speed.watts or 0.0) * line.speed.p50_ms, words, (), -1)


def _prepare(axes: Any, lines: Sequence[Line], kind: _Axis) -> None:  # noqa: ANN401 - matplotlib's
    """Everything but the words of panel and points."""
    from matplotlib.ticker import LogLocator, NullFormatter

    across, up = [kind.value(line) for line in lines], [line.quality.psnr_db for line in lines]
    families = list(dict.fromkeys(line.card.net for line in lines))
    for place, line in zip(zip(across, up, strict=True), lines, strict=True):
        plain = line.quality.model == BASELINE
        colour = COLOURS[
            (families.index(line.card.net) - 1) % len(COLOURS)
        ]  # bicubic, the first, takes the last one, grey
        look = {"marker": "s" if plain else "o", "color": colour, "edgecolors": "#333333", "linewidths": 0.6}
        axes.scatter(*place, _BASELINE_AREA if plain else _area(line.card.parameters), **look)
    front = _front(list(zip(across, up, strict=True)), kind.better)
    axes.plot(*zip(*front, strict=True), color="#999999", linewidth=1, zorder=0)
    axes.set_xscale("log")
    marks = [where for where, _ in kind.marks[:2]]
    axes.set_xlim(0.72 * min([*across, *marks]), 1.5 * max([*across, *marks]))
    margin = max(0.15 * (max(up) - min(up)), 0.1)
    axes.set_ylim(min(up) - margin, max(up) + margin)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.grid(visible=True, which="minor", alpha=0.12)
    for where, words in kind.marks:
        axes.axvline(where, color="#555555", linestyle="--", linewidth=0.9, zorder=0)
        how = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "rotation": 90, "va": "bottom"}
        axes.annotate(words, (where, 0.01), (2, 0), fontsize=7, color="#555555", annotation_clip=True, **how)
    axes.set_xlabel(kind.words)
    _size_key(axes, lines, "upper right" if kind.better > 0 else "lower right")


def _size_key(axes: Any, lines: Sequence[Line], corner: str) -> None:  # noqa: ANN401 - matplotlib's
    """Circles of round numbers of parameters, as far as this panel has them, in the corner where nobody can be."""
    most = max(line.card.parameters for line in lines)
    shown = [count for count in _SHOWN_PARAMETERS if count < 3 * most]
    for count in shown:
        axes.scatter([], [], _area(count), color="#dddddd", edgecolors="#333333", linewidths=0.6, label=f"{count:,}")
    if shown:
        room = 0.7 + 0.0025 * _area(shown[-1])
        how = {"labelspacing": room, "borderpad": room, "handletextpad": room, "framealpha": 0.8}
        axes.legend(title="parameters", loc=corner, fontsize=7, title_fontsize=7, **how)


def _label(axes: Any, lines: Sequence[Line], kind: _Axis) -> None:  # noqa: ANN401 - matplotlib's
    points = [(kind.value(line), line.quality.psnr_db) for line in lines]
    radii = [math.sqrt(_area(line.card.parameters) / math.pi) for line in lines]
    label_points(axes, points, [_words(line) for line in lines], radii)


def _words(line: Line) -> str:
    """The model, and its watts where they are measured."""
    watts = line.speed.watts
    return line.quality.model if watts is None else f"{line.quality.model}, {watts:.1f} W"


def _area(parameters: int) -> float:
    """Of a marker, in square points: 40 times the weights make it 5 times as large, so that small ones can be seen."""
    return 24.0 * math.pow(max(parameters, 100) / 400, 0.44)


def _front(points: Sequence[tuple[float, float]], better: int) -> list[tuple[float, float]]:
    """The points that no other beats in both, from the best along the level axis on."""
    front: list[tuple[float, float]] = []
    for across, up in sorted(points, key=lambda point: (-better * point[0], -point[1])):
        if not front or up > front[-1][1]:
            front.append((across, up))
    return front
