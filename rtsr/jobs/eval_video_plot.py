"""Quality after a codec against what the codec spends: PSNR and VMAF-neg, and under each the gain over bicubic.

All models get the same encoded pictures, so their points stand above each other, at one bit rate for each CRF. The
curves of a figure of rates lie close together; the gain over bicubic tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtsr.errors import UsageError
from rtsr.jobs.eval_video_plan import LANCZOS
from rtsr.jobs.eval_video_report import means
from rtsr.jobs.evaluate import BASELINE
from rtsr.jobs.figure import COLOURS, new_figure, save_figure

if TYPE_CHECKING:
    from pathlib import Path

    from rtsr.jobs.evaluate_video import Result, Row

_PANEL_IN = 6.4, 3.6
_MARKERS = "osD^vP*X<>"
_GREY = COLOURS[-1]


@dataclass(frozen=True, slots=True)
class _Measure:
    """What a column of panels shows."""

    value: Callable[[Row], float]
    words: str


_PSNR = _Measure(lambda row: row.psnr_y_db, "PSNR of luma, dB")
_NEG = _Measure(lambda row: row.vmaf_neg or 0.0, "VMAF v0.6.1neg")


def plot_video(result: Result, output: Path) -> None:
    """Draw the means of a run to a PNG: two rows of panels for each scale and codec.

    Raises UsageError: matplotlib is missing, nothing is measured, or `output` cannot be written.
    """
    rows = means(result.rows)
    if not rows:
        raise UsageError("there is nothing to draw", mend="let the run come to its end")
    groups: dict[tuple[int, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.scale, row.codec), []).append(row)
    measures = [_PSNR, *([_NEG] if all(row.vmaf_neg is not None for row in rows) else [])]
    figure = new_figure((_PANEL_IN[0] * len(measures), 2 * _PANEL_IN[1] * len(groups)))
    panels = figure.subplots(2 * len(groups), len(measures), squeeze=False)
    for number, ((scale, codec), group) in enumerate(groups.items()):
        for column, measure in enumerate(measures):
            above, below = panels[2 * number][column], panels[2 * number + 1][column]
            _draw(above, group, measure)
            above.set_title(f"x{scale} after {codec}: {measure.words}", fontsize=10)
            above.set_ylabel(measure.words)
            _draw(below, group, _gain(group, measure))
            below.set_ylabel(f"{measure.words},\nover {BASELINE}")
            below.set_xlabel("kbit/s of the encoded small picture")
        panels[2 * number][0].legend(fontsize=8, framealpha=0.8)
    clips = list(dict.fromkeys(row.clip for row in result.rows))
    figure.suptitle(_title(clips, rows[0].frames), fontsize=10)
    save_figure(figure, output)


def _title(clips: Sequence[str], frames: int) -> str:
    named = ", ".join(clips) if len(clips) <= 3 else f"{len(clips)} clips"
    return f"mean over {named} ({frames} frames)" if len(clips) > 1 else f"{named} ({frames} frames)"


def _gain(rows: Sequence[Row], measure: _Measure) -> _Measure:
    base = {row.crf: measure.value(row) for row in rows if row.model == BASELINE}
    return _Measure(lambda row: measure.value(row) - base[row.crf], measure.words)


def _draw(axes: Any, rows: Sequence[Row], measure: _Measure) -> None:  # noqa: ANN401 - matplotlib's
    """A line for each model, the references in grey, over bit rates told by their CRF too."""
    from matplotlib.ticker import NullLocator

    models = list(dict.fromkeys(row.model for row in rows))
    networks = [model for model in models if model not in (BASELINE, LANCZOS)]
    for model in models:
        points = sorted((row.low_kbps, measure.value(row)) for row in rows if row.model == model)
        across, up = zip(*points, strict=True)
        if model in networks:
            number = networks.index(model)
            look = {"color": COLOURS[number % (len(COLOURS) - 1)], "marker": _MARKERS[number % len(_MARKERS)]}
        else:
            look = {"color": _GREY, "marker": ".", "linestyle": "-" if model == BASELINE else ":"}
        axes.plot(across, up, linewidth=1.4, markersize=5, label=model, **look)
    rates = {row.low_kbps: row.crf for row in rows}
    axes.set_xscale("log")
    axes.set_xticks(list(rates), [f"{rate:.0f}\nCRF {crf:g}" for rate, crf in rates.items()], fontsize=8)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(visible=True, alpha=0.3)
