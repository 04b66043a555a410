"""Every network on this machine's NVIDIA GPU by every way that runs there, against what the card can do at most.

    python -m benchmarks.gpu [--json gpu.json] [--minutes 7.5] [--backends tensorrt,torch-graph] [--models imdn-light]

Prints tables in Markdown: time on the card, with copies one by one and in flow, power, likeness to the CPU reference,
and the goals. It ends in time: what is important comes first, and what was left out is counted. Each backend runs in
a process of its own, so that one that crashes or hangs costs its own rows only. Without a GPU: a sentence, exit code 5.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import machine
from benchmarks.gpu_limits import Limits
from benchmarks.gpu_rows import BACKENDS, BEGUN, JOB_S, Job, Row, goals_of, goals_text, jobs_of, limits_text, table
from rtsr.errors import BackendError, RtsrError, UsageError, nearest
from rtsr.jobs.bench import check_writable, write_whole
from rtsr.jobs.machine import fingerprint, version
from rtsr.models import MODELS

if TYPE_CHECKING:
    from collections.abc import Sequence

_LIMITS_S = 90
"""Patience with the first process: the driver may start, torch may load."""
_GRACE_S = 5.0
"""For a process to end by itself."""
_LEAST_S = 8.0
"""Under which starting a process is not worth it."""
_TRIES = 3
"""Of a backend whose process ended early; each time without the job that it was at."""
_PACKAGES = ("torch", "triton", "tensorrt", "tensorrt_rtx", "cuda-bindings", "onnx")


@dataclass(slots=True)
class Clock:
    """How much of the time is left."""

    end_s: float

    @property
    def left_s(self) -> float:
        """Seconds, never less than 0."""
        return max(0.0, self.end_s - time.monotonic())


def share_s(backend: str, backends: Sequence[str], left_s: float) -> float:
    """What a backend may take of the time that is left for it and those after it."""
    after = backends[list(backends).index(backend) :]
    return left_s * BACKENDS[backend] / sum(BACKENDS[one] for one in after)


def measure_limits() -> Limits:
    """Of the first GPU, in a process of its own. Raises BackendError."""
    command = [sys.executable, "-m", "benchmarks.gpu_limits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LIMITS_S)
    except subprocess.TimeoutExpired as error:
        raise BackendError(f"the GPU did not answer for {_LIMITS_S} s", mend="look at: nvidia-smi; dmesg") from error
    if done.returncode == 0:
        return Limits(**json.loads(done.stdout.splitlines()[-1]))
    problem, _, mend = _last_line(done.stderr).partition(". ")
    raise BackendError(problem, mend=mend.rstrip(".") or "see what is above")


def measure(
    backend: str, jobs: Sequence[Job], seconds: float, folder: Path, device: str = "cuda"
) -> tuple[list[Row], list[Job]]:
    """The rows of a backend, and the jobs that there was no time for."""
    rows: list[Row] = []
    clock, left = Clock(time.monotonic() + seconds), list(jobs)
    for attempt in range(_TRIES):
        if not left or clock.left_s < _LEAST_S:
            break
        found, why = _run(left, clock.left_s, folder / f"{backend}-{attempt}.jsonl", device)
        rows += [row for row in found if row.problem != BEGUN]
        begun = [row.job for row in found if row.problem == BEGUN]
        finished = {row.job for row in rows}
        lost = [job for job in begun if job not in finished]
        rows += [Row(job, problem=why or "its process ended without a word") for job in lost]
        left = [job for job in left if job not in finished and job not in lost]
        if not why:
            break
        if not begun:  # it does not even start: the next one would not either
            return [*rows, *(Row(job, problem=why) for job in left[:1])], left[1:]
    return rows, left


def _run(jobs: Sequence[Job], seconds: float, path: Path, device: str) -> tuple[list[Row], str]:
    """What one process wrote, and why it ended early; empty when it did not."""
    command = [sys.executable, "-m", "benchmarks.gpu_backend", str(path), f"{seconds:.1f}", device]
    given = json.dumps([asdict(job) for job in jobs])
    why = ""
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, check=False, timeout=seconds + _GRACE_S
        )
        if done.returncode != 0:
            why = _ending(done.returncode, done.stderr)
    except subprocess.TimeoutExpired:
        why = "the time was over before it was done"
    return read_rows(path), why


def _ending(code: int, told: str) -> str:
    """Why a process ended early, in words; `told` is what it wrote to stderr."""
    if code < 0:
        return f"its process was ended by signal {-code}"
    if "Timeout (" in told:  # the first words of faulthandler's watchdog
        return f"it hung for {JOB_S} s"
    return _last_line(told) or f"its process ended with code {code}"


def read_rows(path: Path) -> list[Row]:
    """What a process of `benchmarks.gpu_backend` wrote; a line that is cut off is left out."""
    rows = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            fields: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        rows.append(Row(**{**fields, "job": Job(**fields["job"])}))
    return rows


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def report(limits: Limits, rows: Sequence[Row], left: Sequence[Job], took_s: float) -> str:
    """Everything, as Markdown."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES if version(name) is not None)
    failed = [row for row in rows if row.problem]
    parts = [f"{machine.line()}\n{limits_text(limits)}\npackages: {packages or 'none of a GPU'}"]
    if len(failed) < len(rows):
        parts += [table(rows, limits), goals_text(goals_of(rows, limits))]
    if failed:
        parts.append("\n".join(["Not measured:", *(f"- {row.job}: {row.problem}" for row in failed)]))
    if left:
        counts = {backend: sum(job.backend == backend for job in left) for backend in BACKENDS}
        words = ", ".join(f"{count} of {backend}" for backend, count in counts.items() if count)
        parts.append(f"Left out for want of time: {words}.")
    return "\n\n".join([*parts, f"Took {took_s:.0f} s."])


def as_json(limits: Limits, rows: Sequence[Row], left: Sequence[Job]) -> str:
    """Everything, for programs."""
    packages = {name: version(name) for name in _PACKAGES}
    table = {
        "machine": {**fingerprint(), "gpu_packages": packages},
        "limits": asdict(limits),
        "rows": [asdict(row) for row in rows],
        "goals": [asdict(goal) for goal in goals_of(rows, limits)],
        "left_out": [asdict(job) for job in left],
    }
    return json.dumps(table, indent=2) + "\n"


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line. Raises UsageError on a name that there is not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there, too")
    parser.add_argument("--minutes", type=float, default=7.5, help="until the last row, about")
    parser.add_argument("--backends", default=",".join(BACKENDS), help="comma list")
    parser.add_argument("--models", default="all", help="comma list")
    options = parser.parse_args(given)
    options.backends = _names(options.backends, BACKENDS, "--backends")
    options.models = list(MODELS) if options.models == "all" else _names(options.models, MODELS, "--models")
    if not 0 < options.minutes <= 600:
        raise UsageError(f"--minutes {options.minutes:g} is not between 0 and 600", mend="7.5 is a good value")
    return options


def _names(words: str, known: dict[str, Any], flag: str) -> list[str]:
    names = [name.strip() for name in words.split(",") if name.strip()]
    for name in names or [""]:
        if name not in known:
            raise UsageError(f"{flag}: there is no {name!r}", mend=nearest(name, known))
    return [name for name in known if name in names]  # in the order of importance


def main(given: Sequence[str] | None = None) -> int:
    """Measure and print."""
    try:
        options = arguments(given)
        if options.json is not None:
            check_writable(options.json)
        began_s = time.monotonic()
        clock = Clock(began_s + options.minutes * 60)
        limits = measure_limits()
        rows: list[Row] = []
        left: list[Job] = []
        with tempfile.TemporaryDirectory() as folder:
            for backend in options.backends:
                jobs = jobs_of(backend, options.models)
                print(f"{backend}: {len(jobs)} engines, {clock.left_s:.0f} s left", file=sys.stderr, flush=True)
                found, over = measure(backend, jobs, share_s(backend, options.backends, clock.left_s), Path(folder))
                rows, left = rows + found, left + over
        print(report(limits, rows, left, time.monotonic() - began_s))
        if options.json is not None:
            write_whole(options.json, as_json(limits, rows, left))
    except RtsrError as error:
        print(f"{error.problem}. {error.mend}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
