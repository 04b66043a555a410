"""Damaged media files through `rtsr encode`: each ends in time, with a documented exit code and nothing left behind.

`python -m benchmarks.fuzz_encode [--count 500] [--seed 1] [--only N]`. Each file has a process of its own, forked from
this one, which has imported what an encode needs; its memory and its time are bounded. Prints a table of exit codes,
and each fault with the number by which `--only` runs it again. Exit code 1 when there is a fault.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import re
import resource
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fuzz_mutations import mutated
from benchmarks.fuzz_seeds import seeds

DOCUMENTED = (0, 1, 2, 3, 4, 5, 6)
"""Exit codes that a file alone can lead to; 75, 130 and 141 are of signals and pipes."""
_MEMORY_B = 2 << 30
_CPU_S = 60
_WALL_S = 120.0
_SUFFIXES = {".ts": ".mkv", ".avi": ".mkv", ".nut": ".mkv", ".y4m": ".mp4", ".webm": ".webm", ".mov": ".mov"}
"""Of the output, by that of the input."""


_PIPED = (".y4m", ".nut")
"""Every second of these comes through standard input."""


@dataclass
class Case:
    """One file and how it ended."""

    number: int
    source: str
    damage: str
    code: int = -1
    """Exit code; the negative number of a signal."""
    elapsed_s: float = 0.0
    said: str = ""
    faults: list[str] = field(default_factory=list)


def _child(folder: Path, source: Path, output: Path) -> None:
    """In the forked process: bounds, then the command line as a user gives it. Does not return."""
    log = os.open(folder / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    piped = source.suffix in _PIPED and int(folder.name) % 2 == 1
    os.dup2(os.open(source if piped else os.devnull, os.O_RDONLY), 0)
    resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY_B, _MEMORY_B))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from rtsr.cli import main

    argv = [
        "encode",
        "-" if piped else str(source),
        str(output),
        "--model",
        "bicubic",
        "-preset",
        "ultrafast",
        "--progress",
        "none",
    ]
    if output.suffix == ".webm":
        argv[argv.index("-preset") :] = ["-c:v", "libsvtav1", "-preset", "12", "--progress", "none"]
    code = 1
    try:
        code = main(argv)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _judge(case: Case, folder: Path, source: Path, output: Path) -> None:
    """Add what is wrong to `case.faults`."""
    said = case.said
    if case.code < 0:
        case.faults.append(f"ended by signal {signal.Signals(-case.code).name}")
    elif case.code not in DOCUMENTED:
        case.faults.append(f"exit code {case.code}")
    if "Traceback" in said or "This is a fault of rtsr" in said:
        case.faults.append("a fault of rtsr")
    if case.code not in (0, 4) and output.exists():
        case.faults.append("a partial output under its final name")
    if case.code in (0, 4) and not output.exists():
        case.faults.append("no output")
    if case.code not in (0, -9) and not said.strip():
        case.faults.append("nothing said")
    for path in folder.iterdir():
        if path.name not in (source.name, output.name, "said") and path.name not in said:
            case.faults.append(f"left behind without a word: {path.name}")


def _seeds(folder: Path) -> list[Path]:
    """Made in a process of their own, so that no encoder's threads have been in the one that forks."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            os.environ["SVT_LOG"] = "1"
            (folder / "order").write_text("\n".join(str(path) for path in seeds(folder)))
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(pid, 0)[1]:
        raise RuntimeError("the seeds could not be made")
    return [Path(line) for line in (folder / "order").read_text().splitlines()]


def run_all(numbers: list[int], seed: int, jobs: int) -> list[Case]:
    """Run the files `numbers`, at most `jobs` at once."""
    import rtsr.cli
    import rtsr.jobs.direct
    import rtsr.jobs.encode
    import rtsr.sources.file  # noqa: F401 - what every child would import

    done: list[Case] = []
    with tempfile.TemporaryDirectory() as place:
        made = Path(place) / "seeds"
        made.mkdir()
        paths = _seeds(made)
        sources = [path.read_bytes() for path in paths]
        running: dict[int, tuple[Case, Path, Path, Path, float]] = {}
        waiting = list(numbers)
        while waiting or running:
            while waiting and len(running) < jobs:
                number = waiting.pop(0)
                which, damage, data = mutated(number, seed, sources)
                folder = Path(place) / str(number)
                folder.mkdir()
                name = paths[which].name
                source = folder / f"in{Path(name).suffix}"
                source.write_bytes(data)
                output = folder / f"out{_SUFFIXES.get(source.suffix, source.suffix)}"
                pid = os.fork()
                if not pid:
                    _child(folder, source, output)
                running[pid] = Case(number, name, damage), folder, source, output, time.monotonic()
            done += _collected(running)
    return sorted(done, key=lambda case: case.number)


def _collected(running: dict[int, tuple[Case, Path, Path, Path, float]]) -> list[Case]:
    """Whatever has ended, or is ended because its time is over; waits a little."""
    done: list[Case] = []
    time.sleep(0.01)
    for pid, (case, folder, source, output, began_s) in list(running.items()):
        late = time.monotonic() - began_s > _WALL_S
        if late:
            os.kill(pid, signal.SIGKILL)
        ended, status = os.waitpid(pid, 0 if late else os.WNOHANG)
        if not ended:
            continue
        del running[pid]
        case.elapsed_s = time.monotonic() - began_s
        case.code = os.waitstatus_to_exitcode(status)
        case.said = (folder / "said").read_text(errors="replace")
        if late:
            case.faults.append(f"not ended after {_WALL_S:.0f} s")
        else:
            _judge(case, folder, source, output)
        done.append(case)
    return done


def table(cases: list[Case]) -> str:
    """How often each exit code came, by kind of file."""
    codes = sorted({case.code for case in cases})
    by_kind: dict[str, collections.Counter[int]] = {}
    for case in cases:
        by_kind.setdefault(Path(case.source).suffix, collections.Counter())[case.code] += 1
    lines = [f"| file | {' | '.join(map(str, codes))} |", f"| --- |{' --- |' * len(codes)}"]
    lines += [f"| {kind} | {' | '.join(str(found[code]) for code in codes)} |" for kind, found in by_kind.items()]
    total = collections.Counter(case.code for case in cases)
    lines.append(f"| all | {' | '.join(str(total[code]) for code in codes)} |")
    return "\n".join(lines)


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="run this one, and print what it said")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, help="also write every case to this file")
    options = parser.parse_args()
    numbers = list(range(options.count)) if options.only is None else [options.only]
    began_s = time.monotonic()
    cases = run_all(numbers, options.seed, options.jobs)
    if options.json:
        options.json.write_text(json.dumps([vars(case) for case in cases], indent=1))
    faulty = [case for case in cases if case.faults]
    for case in cases if options.only is not None else faulty:
        said = re.sub(r"\S*/(in|out)\b", r"\1", case.said.strip())
        print(f"{case.number} ({case.source}, {case.damage}): code {case.code}, {'; '.join(case.faults)}\n{said}\n")
    slowest = max(cases, key=lambda case: case.elapsed_s)
    print(table(cases))
    print(
        f"{len(cases)} files in {time.monotonic() - began_s:.0f} s, the slowest {slowest.elapsed_s:.1f} s "
        f"(number {slowest.number}); {len(faulty)} faults"
    )
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
