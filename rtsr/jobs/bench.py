"""How fast the networks are here, in one run with bicubic: the ratio is what can be compared between machines.

Each upscaler gets a slice of time in each of several rounds, so that a machine that slows down or is busy for a while
slows all of them alike.

`bench_picture` is the same for one small picture at x4, the case in which an article on a network of this kind tells
its latency; that published number stands beside ours, measured elsewhere.
"""

import json
import logging
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field, replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

from rtsr.config import DEFAULT_MODEL, Bench, Upscale
from rtsr.errors import UsageError
from rtsr.frame import Frame, StreamInfo
from rtsr.jobs.energy import Power, columns, feet, main_power, open_sensors, powers_of, with_idle
from rtsr.jobs.idle import IdleWatch, keep_idle, read_idle
from rtsr.jobs.machine import fingerprint
from rtsr.jobs.table import markdown
from rtsr.models import known_models, parse_models, scales_of
from rtsr.power import Probe
from rtsr.power.meter import Drawn, Span
from rtsr.sources.pattern import open_pattern
from rtsr.stages import Upscaler
from rtsr.upscalers import open_upscaler, refuse_absent

log = logging.getLogger(__name__)
BASELINE = "bicubic"
_ROUNDS = 8
_WARM_UP_FRAMES = 3
_FRAMES = 8
"""Different frames that are upscaled in turn."""
_LEAST_FRAMES = 3
"""Measured of an upscaler, however slow it is."""
PICTURE_SIZE, PICTURE_SCALE = "256x256", 4
PUBLISHED: dict[str, Any] = {
    "model": "IMDN, simplified as in KAIR, 893,936 parameters, RGB",
    "device": "RTX 3070",
    "ms": 20.0,
    "source": "the article that describes its use in real time; copies included",
}
"""What was published for a picture of `PICTURE_SIZE` at `PICTURE_SCALE`. Not measured here."""


@dataclass(frozen=True, slots=True)
class Row:
    """One upscaler at one input size."""

    model: str
    backend: str
    width: int
    """Of the input, in luma samples."""
    height: int
    scale: int
    fps: float
    """Frames over the time spent in `upscale`: colour planes included, decoding and showing not."""
    p50_ms: float
    p95_ms: float
    p99_ms: float
    watts: float | None
    """Mean over its slices, of the rail named in `rail`; None where nothing measures."""
    joules_per_frame: float | None
    """Of the same rail, all that it feeds included."""
    rail: str | None
    ratio: float
    """Its median time over that of bicubic in the same run."""
    frames: int
    device: str
    precision: str
    reason: str
    """Why bicubic ran in the network's place; empty otherwise."""
    powers: tuple[Power, ...] = ()
    """Of every sensor that was read."""


@dataclass(slots=True)
class _Runner:
    """One upscaler and what was measured of it so far."""

    model: str
    upscaler: Upscaler
    frames: Iterator[Frame]
    """Without end."""
    times_ms: list[float] = field(default_factory=list)
    spans: list[tuple[Drawn, ...]] = field(default_factory=list)


def bench(options: Bench) -> list[Row]:
    """Measure every model at every size, bicubic first.

    Raises:
        UsageError: a model, a size or the time makes no sense.
        BackendError: the named backend, a model's file, or what measures the power of the idle machine is missing.
    """
    sizes = parse_sizes(options.sizes)
    models = list(dict.fromkeys((BASELINE, *models_at(options.models, options.scale))))
    if options.backend == "bicubic":
        models = [BASELINE]
    if not 0 < options.seconds <= 3600:
        raise UsageError(f"--seconds {options.seconds:g} is not between 0 and 3600", mend="2 is a good value")
    refuse_absent(_wish(DEFAULT_MODEL, options))
    probes = open_sensors(options.device)
    try:
        watch = IdleWatch(probes) if options.power_baseline else None
        rows = []
        for size in sizes:
            log.info("measuring %s at %dx%d, about %.0f s", ", ".join(models), *size, options.seconds * len(models))
            rows += at_size(size, models, options, probes)
        if watch is not None:
            keep_idle(watch.finish())
        idle = read_idle() if probes else {}
        return [replace(row, powers=with_idle(row.powers, idle)) for row in rows]
    finally:
        for probe in probes:
            probe.close()


def bench_picture(options: Bench) -> list[Row]:
    """Measure one picture of 256x256 to 1024x1024 by every model of `options` that has x4; raises as `bench` does."""
    names = [name for name in parse_models(options.models) if PICTURE_SCALE in (scales_of(name) or (PICTURE_SCALE,))]
    picture = replace(options, models=",".join(names) or BASELINE, sizes=PICTURE_SIZE, scale=PICTURE_SCALE)
    return bench(replace(picture, power_baseline=False))


def models_at(names: str, scale: int) -> list[str]:
    """The models in a comma list; `all` is every one that has this scale. Raises UsageError when it names none."""
    wanted, known = parse_models(names), known_models()
    return [name for name in wanted if scale in known[name]] if wanted == list(known) else wanted


def parse_sizes(words: str) -> list[tuple[int, int]]:
    """(width, height) of each member of a comma list of `WxH`."""
    sizes = []
    for size in words.split(","):
        match = re.fullmatch(r"\s*(\d{1,5})x(\d{1,5})\s*", size, re.ASCII)
        if match is None or not (int(match[1]) and int(match[2])):
            raise UsageError(f"{size!r} is not a size", mend="write --size 640x360,960x540")
        sizes.append((int(match[1]), int(match[2])))
    return list(dict.fromkeys(sizes))


def at_size(size: tuple[int, int], models: Sequence[str], options: Bench, probes: Sequence[Probe] | None) -> list[Row]:
    """Measure models in turns at one size (width, height); times are told over that of the first. Raises as `bench`."""
    with ExitStack() as stack:
        source = stack.enter_context(closing(open_pattern(f"pattern:{size[0]}x{size[1]}")))
        frames = list(islice(source.frames(), _FRAMES))
        runners = []
        for model in models:
            upscaler = open_upscaler(_wish(model, options), source.info)
            runners.append(_Runner(model, stack.enter_context(closing(upscaler)), cycle(frames)))
        for runner in runners:
            _run(runner, options.seconds, _WARM_UP_FRAMES)
            runner.times_ms.clear()
        for _ in range(_ROUNDS):
            for runner in runners:
                if len(runner.times_ms) < _LEAST_FRAMES or sum(runner.times_ms) < options.seconds * 1e3:
                    _slice(runner, options.seconds / _ROUNDS, probes or ())
        return _rows(runners, source.info)


def _wish(model: str, options: Bench) -> Upscale:
    if model == BASELINE:
        return Upscale(model=model, scale=options.scale, backend="bicubic", threads=options.threads)
    return Upscale(
        model=model,
        scale=options.scale,
        backend=options.backend,
        device=options.device,
        require=options.require,
        precision=options.precision,
        threads=options.threads,
    )


def _slice(runner: _Runner, seconds: float, probes: Sequence[Probe]) -> None:
    span = Span(probes)
    _run(runner, seconds, on_frame=span.tick)
    runner.spans.append(span.end())


def _run(
    runner: _Runner, seconds: float, most_frames: int | None = None, on_frame: Callable[[], None] = lambda: None
) -> None:
    """Upscale one frame after the other until the time is over, one at least; `on_frame` is not timed."""
    end_s = time.perf_counter() + seconds
    for frame in islice(runner.frames, most_frames):
        began_s = time.perf_counter()
        runner.upscaler.upscale(frame)
        now_s = time.perf_counter()
        runner.times_ms.append((now_s - began_s) * 1e3)
        if now_s >= end_s:
            return
        on_frame()


def _rows(runners: Sequence[_Runner], info: StreamInfo) -> list[Row]:
    base_ms = float(np.median(runners[0].times_ms))
    on_gpu = any(runner.upscaler.badge.gpu is not None for runner in runners)
    rows = []
    for runner in runners:
        badge, times_ms = runner.upscaler.badge, np.array(runner.times_ms)
        p50, p95, p99 = (float(value) for value in np.percentile(times_ms, (50, 95, 99)))
        powers = powers_of(runner.spans, times_ms.size)
        main = main_power(powers, on_gpu=on_gpu)
        rows.append(
            Row(
                model=runner.model,
                backend=badge.backend.lower() if badge.is_sr else BASELINE,
                width=info.width,
                height=info.height,
                scale=badge.scale,
                fps=float(1e3 / times_ms.mean()),
                p50_ms=p50,
                p95_ms=p95,
                p99_ms=p99,
                watts=main.watts if main is not None else None,
                joules_per_frame=main.joules_per_frame if main is not None else None,
                rail=main.rail if main is not None else None,
                ratio=p50 / base_ms,
                frames=times_ms.size,
                device=badge.device,
                precision=badge.precision,
                reason=badge.reason,
                powers=powers,
            )
        )
    return rows


def as_table(rows: Sequence[Row]) -> str:
    """A table for people."""
    head, *powers = columns([row.powers for row in rows])
    lines = [["model", "backend", "input", "scale", "fps", "p50 ms", "p95 ms", "p99 ms", "x bicubic", *head]]
    for row, drawn in zip(rows, powers, strict=True):
        size, scale = f"{row.width}x{row.height}", f"x{row.scale}"
        times = (f"{value:.2f}" for value in (row.p50_ms, row.p95_ms, row.p99_ms, row.ratio))
        lines.append([row.model, row.backend, size, scale, f"{row.fps:.1f}", *times, *drawn])
    return "\n".join([markdown(lines, left=4), "", *feet([row.powers for row in rows])])


def as_picture_table(rows: Sequence[Row]) -> str:
    """A table of what `bench_picture` gives, and the published number."""
    lines = [["model", "backend", "p50 ms", "p95 ms", "x bicubic"]]
    lines += [[row.model, row.backend, f"{row.p50_ms:.2f}", f"{row.p95_ms:.2f}", f"{row.ratio:.2f}"] for row in rows]
    head = f"One picture of {PICTURE_SIZE} at x{PICTURE_SCALE}, 8-bit luma and chroma in and out, copies included:"
    foot = (
        f"Published, not measured here: about {PUBLISHED['ms']:g} ms on an {PUBLISHED['device']}, {PUBLISHED['model']} "
        f"({PUBLISHED['source']})."
    )
    return f"{head}\n\n{markdown(lines, left=2)}\n\n{foot}"


def as_json(rows: Sequence[Row], picture: Sequence[Row]) -> str:
    """Rows, those of `bench_picture` with the published number, and the machine they were measured on."""
    table = {
        "machine": fingerprint(),
        "rows": [asdict(row) for row in rows],
        "picture": {"rows": [asdict(row) for row in picture], "published": PUBLISHED},
    }
    return json.dumps(table, indent=2) + "\n"


def check_writable(path: Path) -> None:
    """Refuse before the work is done. Raises UsageError."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder", mend="name a file")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise _unwritable(path, error) from error


def write_whole(path: Path, text: str) -> None:
    """Write a file that appears under its name only when it is complete. Raises UsageError."""
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(text, "utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{path} cannot be written ({(error.strerror or str(error)).lower()})",
        mend="name a file in a folder that exists and is yours",
    )
