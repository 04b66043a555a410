"""Quality against speed, as the cover figure of edge-SR (WACV 2022) draws it: who is up and to the right is better."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtsr.config import Bench
from rtsr.jobs.bench import Row as Speed
from rtsr.jobs.bench import bench
from rtsr.jobs.figure import COLOURS, new_figure, save_figure
from rtsr.jobs.machine import cores, cpu_model

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rtsr.jobs.evaluate import Row

_SIZE = "960x540"
_REAL_TIME_FPS = (30, 60)


def plot(rows: Sequence[Row], output: Path) -> None:
    """Measure the speed of every model of `rows` on this machine, and draw PSNR over it.

    Args:
        rows: of one data set and scale, as `rtsr.jobs.evaluate.evaluate` gives them.
        output: a PNG.

    Raises:
        UsageError: matplotlib is missing, or `output` cannot be written.
    """
    figure = new_figure((7.5, 5.0))  # before the work is done
    models = ",".join(row.model for row in rows)
    speeds = {row.model: row for row in bench(Bench(models=models, sizes=_SIZE, scale=rows[0].scale, seconds=1.0))}
    axes = figure.subplots()
    for number, row in enumerate(rows):
        speed = speeds[row.model]
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(speed.fps, row.psnr_db, "s" if row.model == "bicubic" else "o", color=colour, markersize=8)
        axes.annotate(_label(row, speed), (speed.fps, row.psnr_db), (7, 4), textcoords="offset points", fontsize=8)
    for rate in _REAL_TIME_FPS:
        axes.axvline(rate, color="#999999", linestyle=":", linewidth=1)
        axes.annotate(f"{rate} fps", (rate, 0.01), xycoords=("data", "axes fraction"), fontsize=7, color="#666666")
    axes.set_xscale("log")
    axes.margins(0.2)
    axes.grid(visible=True, which="both", alpha=0.25)
    axes.set_xlabel(f"frames per second, {_SIZE} at x{rows[0].scale}, luma and chroma")
    axes.set_ylabel(f"PSNR on {rows[0].dataset}, dB")
    axes.set_title(f"rtsr x{rows[0].scale} on {cpu_model()}, {cores()} cores", fontsize=10)
    save_figure(figure, output)


def _label(row: Row, speed: Speed) -> str:
    """The model, and its watts where they are measured."""
    return row.model if speed.watts is None else f"{row.model}, {speed.watts:.1f} W"
