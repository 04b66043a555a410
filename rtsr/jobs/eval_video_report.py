"""The table of `rtsr eval --video`: every clip, then the mean over them, and what each column is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from rtsr.jobs.eval_report import speed_legend
from rtsr.jobs.eval_video_plan import LANCZOS
from rtsr.jobs.machine import cores
from rtsr.jobs.table import csv_text, json_text, markdown
from rtsr.jobs.video_metrics import SSIM_EVERY, VMAF_MODELS
from rtsr.sinks.roundtrip import CODECS, METER

if TYPE_CHECKING:
    from rtsr.jobs.evaluate_video import Result, Row

_MEASURES = ("low_kbps", "psnr_y_db", "ssim_y", "vmaf", "vmaf_neg", "flicker", "again_kbps", "master_kbps")
_ABSENT = "not measured"


def means(rows: Sequence[Row]) -> list[Row]:
    """One row for each scale, codec, CRF and model that all clips have: every clip counts alike.

    Its clip is `mean of N`, its frames and cuts are sums.
    """
    groups: dict[tuple[int, str, float, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.scale, row.codec, row.crf, row.model), []).append(row)
    clips = len({row.clip for row in rows})
    made = [_mean(group) for group in groups.values() if len(group) == clips]
    return sorted(made, key=lambda row: row.scale)


def _mean(rows: Sequence[Row]) -> Row:
    values: dict[str, Any] = {name: _mean_of([getattr(row, name) for row in rows]) for name in _MEASURES}
    frames, cuts = sum(row.frames for row in rows), sum(row.cuts for row in rows)
    return replace(rows[0], clip=f"mean of {len(rows)}", frames=frames, cuts=cuts, **values)


def _mean_of(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def as_dicts(result: Result) -> list[dict[str, Any]]:
    """What programs get: rows of clips, then means where there are several clips."""
    return [asdict(row) | {"full_hd_p50_ms": _speed_ms(result, row)} for row in _all_rows(result)]


def _all_rows(result: Result) -> list[Row]:
    return [*result.rows, *(means(result.rows) if len({row.clip for row in result.rows}) > 1 else ())]


def _speed_ms(result: Result, row: Row) -> float | None:
    speed = result.speeds.get((row.scale, row.model))
    return None if speed is None else speed.p50_ms


def as_markdown(result: Result) -> str:
    """A table for people, and what its columns are."""
    measured = ["PSNR-Y dB", "SSIM-Y", "VMAF", "VMAF-neg", "flicker", "again kbit/s", "ms"]
    table = [["clip", "scale", "codec", "CRF", "model", "kbit/s", *measured]]
    for row in _all_rows(result):
        vmafs = [_ABSENT if value is None else f"{value:.2f}" for value in (row.vmaf, row.vmaf_neg)]
        quality = [f"{row.psnr_y_db:.2f}", f"{row.ssim_y:.4f}", *vmafs, f"{row.flicker:.3f}"]
        speed_ms = _speed_ms(result, row)
        cost = [f"{row.again_kbps:.0f}", _ABSENT if speed_ms is None else f"{speed_ms:.2f}"]
        condition = [row.clip, f"x{row.scale}", row.codec, f"{row.crf:g}", row.model]
        table.append([*condition, f"{row.low_kbps:.0f}", *quality, *cost])
    return f"{markdown(table, left=5)}\n\n{legend(result)}"


def legend(result: Result) -> str:
    """What was measured of what, by what, in sentences."""
    plan, rows = result.plan, result.rows
    coders = "; ".join(CODECS[name].words for name in dict.fromkeys(encode.codec for encode in plan.encodes))
    lines = [
        f"Master: decoded 8-bit luma of the first {plan.frames} frames of a clip at most, cut to multiples of twice "
        "the scale.",
        f"The small picture: exact bicubic of each plane, encoded by {coders} on one thread, which spends kbit/s.",
        f"Models run as in `rtsr view` and `rtsr encode`, not in float32: {_backends(rows)}.",
        "PSNR-Y: whole frame, code values as decoded, peak 255, of the mean squared error over all frames. "
        f"SSIM-Y: of each {SSIM_EVERY}th frame.",
        _vmaf_line(result),
        f"flicker: mean of |e(t) - e(t-1)|, e = upscaled - master, in code values; {_cuts(rows)} left out.",
        f"again: {METER} of the upscaled luma. It spends on the masters: {_masters(rows)}.",
    ]
    if result.speeds:
        lines.append(f"{speed_legend(result.speeds.values(), cores())}; {LANCZOS}, which is no model, has none.")
    return "\n".join(lines)


def _backends(rows: Sequence[Row]) -> str:
    by_backend = groupby(sorted({(row.backend, row.model) for row in rows}), key=lambda pair: pair[0])
    return "; ".join(f"{', '.join(model for _, model in pairs)} by {backend}" for backend, pairs in by_backend)


def _vmaf_line(result: Result) -> str:
    if result.vmaf.ffmpeg is None:
        return f"VMAF, VMAF-neg: not measured: {result.vmaf.reason}."
    return f"VMAF, VMAF-neg: {' and '.join(VMAF_MODELS)} (trained for 1080p), mean over frames, {result.vmaf.reason}."


def _cuts(rows: Sequence[Row]) -> str:
    counts = {(row.scale, row.clip): row.cuts for row in rows}
    cuts = max((sum(n for (scale, _), n in counts.items() if scale == one) for one, _ in counts), default=0)
    return f"{cuts} cut{'' if cuts == 1 else 's'} between scenes"


def _masters(rows: Sequence[Row]) -> str:
    """By clip; scales crop a few pixels differently, and the first one stands for all."""
    rates = {row.clip: row.master_kbps for row in reversed(rows)}
    return ", ".join(f"{clip} {rate:.0f} kbit/s" for clip, rate in reversed(rates.items()))


FORMATS: dict[str, Callable[[Result], str]] = {
    "md": as_markdown,
    "csv": lambda result: csv_text(as_dicts(result)),
    "json": lambda result: json_text(as_dicts(result)),
}
"""How the table becomes text, by the name of the format."""
