"""The table of `rtsr eval`: what each model reached on each set, what it costs, and how long it takes here.

Costs and speeds are of one Full-HD frame, the unit of edge-SR's tables (WACV 2022): 1920x1080 out of 960x540 at x2,
640x360 at x3, 480x270 at x4. Speed is the product's, as `rtsr bench` measures it: bytes in and out, colours included.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rtsr.config import Bench
from rtsr.errors import UsageError
from rtsr.jobs import bench
from rtsr.jobs.evaluate import BASELINE, Row, evaluate, list_pictures
from rtsr.jobs.machine import cores, cpu_model
from rtsr.jobs.table import csv_text, json_text, markdown
from rtsr.models import ModelCard, find_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

FULL_HD = 1920, 1080
"""Width and height of the frame whose cost is told."""
_SIZE = f"{FULL_HD[0]}x{FULL_HD[1]}"
_SECONDS = 0.5
"""Measured time per model and scale; a slow one takes as long as a few frames last."""


@dataclass(frozen=True, slots=True)
class Line:
    """One model at one scale on one set of pictures."""

    quality: Row
    card: ModelCard
    speed: bench.Row
    """Of a Full-HD frame, on `threads` threads."""
    threads: int

    @property
    def gmac(self) -> float:
        """10^9 multiply-accumulates of the luma of a Full-HD frame."""
        return self.card.macs_per_output_pixel * FULL_HD[0] * FULL_HD[1] / 1e9

    def as_dict(self) -> dict[str, Any]:
        """What programs get."""
        return asdict(self.quality) | {
            "parameters": self.card.parameters,
            "macs_per_output_pixel": self.card.macs_per_output_pixel,
            "full_hd_gmac": self.gmac,
            "full_hd_p50_ms": self.speed.p50_ms,
            "threads": self.threads,
            "device": self.speed.device,
            "precision": self.speed.precision,
            "watts": self.speed.watts,
            "rail": self.speed.rail,
        }


def report(folders: Sequence[Path], models: str, scales: Sequence[int]) -> list[Line]:
    """Measure quality on every folder and speed on this machine, scale by scale; bicubic leads each group.

    Args:
        folders: of pictures.
        models: comma list of names; `all` is every one that has the scale.
        scales: output side over input side, one or more.

    Raises:
        UsageError, SourceError, BackendError: as `rtsr.jobs.evaluate.evaluate` does.
    """
    if not folders or not scales:
        raise UsageError("nothing is named to be measured", mend="rtsr eval FOLDER --scale 2")
    for folder in folders:
        list_pictures(folder)  # a wrong name is told before the first hour is over
    names = {scale: bench.models_at(models, scale) for scale in dict.fromkeys(scales)}
    for scale, wanted in names.items():
        for name in (BASELINE, *wanted):
            find_model(name, scale)
    quality = {scale: [row for folder in folders for row in evaluate(folder, names[scale], scale)] for scale in names}
    return [line for scale, rows in quality.items() for line in _timed(rows, scale)]


def parse_scales(words: str) -> list[int]:
    """The scales in a comma list. Raises UsageError when one is no number."""
    try:
        return [int(word) for word in words.split(",")]
    except ValueError as error:
        raise UsageError(f"{words!r} is no list of scales", mend="write --scale 2,3,4") from error


def _timed(rows: Sequence[Row], scale: int) -> list[Line]:
    """Rows of one scale with their speeds: each model is timed once."""
    speeds = full_hd_speeds([row.model for row in rows], scale)
    return [Line(row, find_model(row.model, scale), speeds[row.model], cores()) for row in rows]


def full_hd_speeds(models: Sequence[str], scale: int) -> dict[str, bench.Row]:
    """How long each model takes for a Full-HD frame here, bicubic among them, on as many threads as there are cores."""
    size = f"{FULL_HD[0] // scale}x{FULL_HD[1] // scale}"
    names = ",".join(dict.fromkeys(models))
    options = Bench(models=names, sizes=size, scale=scale, threads=cores(), seconds=_SECONDS)
    return {speed.model: speed for speed in bench.bench(options)}


def as_markdown(lines: Sequence[Line]) -> str:
    """A table for people, with the gain over bicubic, and what its columns are."""
    quality = ["PSNR dB", "over bicubic", "PSNR as uint8", "SSIM"]
    table = [["model", "dataset", "scale", *quality, "parameters", "MACs per pixel", "GMAC", "ms", "W"]]
    base_db = 0.0
    for line in lines:
        row, speed = line.quality, line.speed
        base_db = row.psnr_db if row.model == BASELINE else base_db  # it leads each group
        numbers = f"{row.psnr_db:.2f}", f"{row.psnr_db - base_db:+.2f}", f"{row.psnr_uint8_db:.2f}", f"{row.ssim:.4f}"
        weights = f"{line.card.parameters:,}" if line.card.parameters else "none"
        watts = "not measured" if speed.watts is None else f"{speed.watts:.1f}"
        cost = weights, f"{line.card.macs_per_output_pixel:,}", f"{line.gmac:.2f}", f"{speed.p50_ms:.2f}", watts
        table.append([row.model, row.dataset, f"x{row.scale}", *numbers, *cost])
    return f"{markdown(table, left=3)}\n\n{legend(lines)}"


def legend(lines: Sequence[Line]) -> str:
    """What the columns of cost are, and on which machine."""
    rails = {line.speed.rail for line in lines} - {None}
    drawn = f"mean of {', '.join(sorted(map(str, rails)))} meanwhile" if rails else "no sensor here, see `rtsr doctor`"
    return (
        f"PSNR and SSIM: luma, by the float32 network. MACs: of luma, per output pixel; GMAC: per {_SIZE} frame.\n"
        f"{speed_legend([line.speed for line in lines], lines[0].threads)}. W: {drawn}."
    )


def speed_legend(speeds: Iterable[bench.Row], threads: int) -> str:
    """What the column `ms` is, and on which machine, without a final stop."""
    precisions = ", ".join(sorted({speed.precision for speed in speeds if speed.precision}))
    return (
        f"ms: median of one {_SIZE} frame, 8-bit luma and chroma in and out, {cpu_model()}, "
        f"{threads} threads{f', {precisions}' if precisions else ''}"
    )


FORMATS: dict[str, Callable[[Sequence[Line]], str]] = {
    "md": as_markdown,
    "csv": lambda lines: csv_text([line.as_dict() for line in lines]),
    "json": lambda lines: json_text([line.as_dict() for line in lines]),
}
"""How the table becomes text, by the name of the format."""
