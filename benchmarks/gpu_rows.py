"""What `benchmarks.gpu` measures, in which order, and what its tables and goals say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.gpu_limits import Floor, Limits, floor_of
from rtsr.jobs.table import markdown
from rtsr.models import MODELS, find_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BACKENDS = {
    "tensorrt": 0.35,
    "triton-esr": 0.1,
    "torch-graph": 0.2,
    "torch-compile": 0.25,
    "torch-eager": 0.1,
}
"""What is measured, the most telling first, and its share of the time; what one leaves over the next ones have."""
SIZES = (((960, 540), 2), ((1920, 1080), 2), ((1280, 720), 2), ((256, 256), 4))
"""(width, height) that goes in, and scale."""
_FIRST = (
    ("imdn-light", (960, 540), 2),
    ("esr-tm-k7c4", (1920, 1080), 2),
    ("esr-tr-k5c2", (1920, 1080), 2),
    ("esr-max-k5c2", (1920, 1080), 2),
    ("span-48", (960, 540), 2),
)
"""Model, size and scale of what there are goals for, or what people take."""
_FUSED = "triton-esr"
_IMDN_MS, _FUSED_MS, _FUSED_FLOORS, _HIDDEN, _IMDN_DB, _ESR_CODES = 4.0, 0.015, 2.0, 0.9, 50.0, 1
NOT_MEASURED = "not measured"
JOB_S = 75
"""Of a job, after which its process ends itself: a compiler or a driver hangs."""
BEGUN = "begun"
"""The problem of a row that a process writes before it measures: what is left of one that crashed or hung."""


@dataclass(frozen=True, slots=True)
class Job:
    """One engine to measure."""

    backend: str
    model: str
    width: int
    """Of the input, in luma samples."""
    height: int
    scale: int

    def __str__(self) -> str:
        enlarged = f"{self.width * self.scale}x{self.height * self.scale}"
        return f"{self.model} {self.width}x{self.height} -> {enlarged} on {self.backend}"


@dataclass(frozen=True, slots=True)
class Row:
    """What was found of one engine. A number is None where it was not measured."""

    job: Job
    what: str = ""
    """Library and arithmetic, as "TensorRT-RTX 1.5.0.114 fp16"."""
    opened_s: float | None = None
    """From the model's name to an engine that has made one picture: building and compiling, if there was any."""
    device_ms: float | None = None
    """A picture on the card, without copies."""
    single_ms: float | None = None
    """A picture from the machine's memory and back, one after the other."""
    flow_ms: float | None = None
    """The same with as many under way as the engine takes: what the product does."""
    watts: float | None = None
    """Of the whole card in that time."""
    worst: int | None = None
    """Largest difference from the CPU reference, in code values of 8 bit."""
    psnr_db: float | None = None
    """Against the CPU reference, both rounded to 8 bit; None where they are equal."""
    problem: str = ""
    """Why there are no numbers, in words."""

    @property
    def joules(self) -> float | None:
        """Energy of the whole card for a picture."""
        return None if self.watts is None or self.flow_ms is None else self.watts * self.flow_ms / 1e3

    @property
    def hidden(self) -> float | None:
        """Pictures per second with copies over those without."""
        return None if self.device_ms is None or not self.flow_ms else self.device_ms / self.flow_ms


@dataclass(frozen=True, slots=True)
class Goal:
    """What was aimed at, and whether it was reached; None where nothing was measured."""

    aim: str
    reached: bool | None
    found: str


def jobs_of(backend: str, models: Iterable[str]) -> list[Job]:
    """Every engine of a backend, the most important first."""
    names = [name for name in models if name != "bicubic" and (backend != _FUSED or find_model(name, 2).net == "esr")]
    rest = ((name, size, scale) for size, scale in SIZES for name in names if scale in MODELS[name])
    wanted = dict.fromkeys([*(one for one in _FIRST if one[0] in names), *rest])
    return [Job(backend, name, *size, scale) for name, size, scale in wanted]


def table(rows: Sequence[Row], limits: Limits) -> str:
    """The rows that hold numbers, as Markdown."""
    head = ["model", "backend", "input", "scale", "device ms", "floor ms", "x floor", "one by one ms", "in flow ms",
            "device fps", "fps", "fps ratio", "W", "mJ/frame", "PSNR dB", "worst", "opened s"]  # fmt: skip
    lines = [head]
    for row in rows:
        if row.problem:
            continue
        job, floor = row.job, _floor(row.job, limits)
        flow_fps = None if not row.flow_ms else 1e3 / row.flow_ms
        device_fps = None if not row.device_ms else 1e3 / row.device_ms
        times = None if row.device_ms is None else row.device_ms / floor.device_ms
        millijoules = None if row.joules is None else row.joules * 1e3
        lines.append([
            job.model, f"{job.backend}, {row.what}", f"{job.width}x{job.height}", f"x{job.scale}",
            _told(row.device_ms, ".4f"), f"{floor.device_ms:.4f}", _told(times, ".1f"), _told(row.single_ms, ".3f"),
            _told(row.flow_ms, ".3f"), _told(device_fps, ".0f"), _told(flow_fps, ".0f"), _told(row.hidden, ".2f"),
            _told(row.watts, ".0f"), _told(millijoules, ".1f"), _likeness(row), _told(row.worst, "d"),
            _told(row.opened_s, ".1f"),
        ])  # fmt: skip
    return markdown(lines, left=4)


def limits_text(limits: Limits) -> str:
    """The card and what it can do at most, in a few lines."""
    product = "not measured (needs torch)" if limits.flops is None else f"{limits.flops / 1e12:.1f} TFLOP/s"
    return (
        f"GPU: {limits.gpu}, compute capability {limits.capability}, {limits.memory_bytes / 2**30:.1f} GiB, "
        f"driver for CUDA {limits.driver_cuda}\n"
        f"Limits of this run: copy on the card {limits.copy_bps / 1e9:.0f} GB/s (read and written), to the card "
        f"{limits.in_bps / 1e9:.1f} GB/s, from it {limits.out_bps / 1e9:.1f} GB/s, products of half-float matrices "
        f"{product}"
    )


def goals_of(rows: Sequence[Row], limits: Limits) -> list[Goal]:
    """What was aimed at, compared with the rows."""
    return [_fused_goal(rows, limits), _imdn_goal(rows), _copies_goal(rows, limits), *_likeness_goals(rows)]


def goals_text(goals: Sequence[Goal]) -> str:
    """The goals as Markdown."""
    verdicts = {True: "reached", False: "missed", None: NOT_MEASURED}
    lines = [["goal", "verdict", "found"], *([goal.aim, verdicts[goal.reached], goal.found] for goal in goals)]
    return markdown(lines, left=3)


def _floor(job: Job, limits: Limits) -> Floor:
    return floor_of(find_model(job.model, job.scale), (job.width, job.height), limits)


def _told(value: float | None, form: str) -> str:
    return NOT_MEASURED if value is None else format(value, form)


def _likeness(row: Row) -> str:
    return "equal" if row.worst == 0 else _told(row.psnr_db, ".1f")


def _fused_goal(rows: Sequence[Row], limits: Limits) -> Goal:
    aim = "fused eSR, 1080p to 4K: within 2x of its memory floor, or under 15 us"
    found = [
        (row.device_ms, _floor(row.job, limits).memory_ms, row.job.model)
        for row in rows
        if row.job.backend == _FUSED and row.job.width == 1920 and row.device_ms is not None
    ]
    if not found:
        return Goal(aim, None, "")
    reached = [device_ms <= max(_FUSED_MS, _FUSED_FLOORS * floor_ms) for device_ms, floor_ms, _ in found]
    words = [
        f"{model} {device_ms * 1e3:.1f} us, {device_ms / floor_ms:.1f}x" for device_ms, floor_ms, model in sorted(found)
    ]
    return Goal(aim, all(reached), f"{sum(reached)} of {len(reached)}: {'; '.join(words)}")


def _imdn_goal(rows: Sequence[Row]) -> Goal:
    aim = "IMDN in fp16, 540p to 1080p: under 4 ms"
    found = sorted(
        (row.device_ms, row.job.backend)
        for row in rows
        if row.job.model == "imdn-light" and row.job.width == 960 and row.device_ms is not None
    )
    if not found:
        return Goal(aim, None, "")
    return Goal(aim, found[0][0] < _IMDN_MS, "; ".join(f"{backend} {device_ms:.2f} ms" for device_ms, backend in found))


def _copies_goal(rows: Sequence[Row], limits: Limits) -> Goal:
    aim = "copies hidden: fps with copies at least 0.9 of those without"
    found = [(row.hidden, row) for row in rows if row.hidden is not None]
    if not found:
        return Goal(aim, None, "")
    missed = [row for share, row in found if share < _HIDDEN]
    bound = sum(_HIDDEN * _floor(row.job, limits).link_ms > (row.device_ms or 0.0) for row in missed)
    words = f"{len(found) - len(missed)} of {len(found)}"
    if bound:
        words += f"; of the others {bound} by the link: copying alone takes longer than the network"
    return Goal(aim, not missed, words)


def _likeness_goals(rows: Sequence[Row]) -> list[Goal]:
    seen = [row for row in rows if row.worst is not None]
    esr = [row.worst or 0 for row in seen if find_model(row.job.model, row.job.scale).net == "esr"]
    imdn = [row for row in seen if row.job.model == "imdn-light"]
    least_db = min((row.psnr_db for row in imdn if row.psnr_db is not None), default=None)
    return [
        Goal(
            "eSR: within 1 code value of the CPU reference",
            None if not esr else max(esr) <= _ESR_CODES,
            f"{sum(worst <= _ESR_CODES for worst in esr)} of {len(esr)}, worst {max(esr)}" if esr else "",
        ),
        Goal(
            "IMDN: above 50 dB against float32",
            None if not imdn else least_db is None or least_db > _IMDN_DB,
            "" if not imdn else "equal" if least_db is None else f"least {least_db:.1f} dB",
        ),
    ]
