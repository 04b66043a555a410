"""Does it stay small? A window on a stream that is cut again and again, watched from outside for as long as you like.

    python -m benchmarks.soak [--minutes 20] [--cut-every 30] [--fps 60] [--backend openvino]

Needs Xvfb. The stream is RTSP on this machine, as `tests/rtsp_server.py` serves it. Each sample is of the viewer's
process alone: resident memory, open files, threads. Memory is compared after the first tenth, which fills caches.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import machine
from tests.rtsp_server import RtspServer
from tests.system.test_viewer import x_server

_SAMPLE_S = 2.0
_SIZE = (320, 180)


@dataclass(frozen=True, slots=True)
class Sample:
    """The viewer at one moment."""

    at_s: float
    rss_kib: int
    files: int
    threads: int


def main(words: list[str] | None = None) -> int:
    """Run it and print what was seen; 1 where it grew."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--cut-every", type=float, default=30.0, metavar="S")
    parser.add_argument("--fps", type=int, default=60)
    parser.add_argument("--backend", default="openvino")
    options = parser.parse_args(words)
    with x_server() as display, RtspServer(_SIZE, options.fps) as server:
        samples, cuts, said = _watch(display, server, options)
    return _report(samples, cuts, said)


def _watch(display: str, server: RtspServer, options: argparse.Namespace) -> tuple[list[Sample], int, str]:
    command = [sys.executable, "-m", "rtsr", "view", server.url, "--backend", options.backend]
    process = subprocess.Popen(
        command, env={**os.environ, "DISPLAY": display}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    samples: list[Sample] = []
    began_s = cut_s = time.monotonic()
    cuts = 0
    while time.monotonic() - began_s < options.minutes * 60 and process.poll() is None:
        time.sleep(_SAMPLE_S)
        now_s = time.monotonic()
        if samples or server.clients:
            samples.append(_sample(process.pid, now_s - began_s))
        if now_s - cut_s >= options.cut_every:
            server.cut()
            cuts, cut_s = cuts + 1, now_s
    process.terminate()
    said, _ = process.communicate(timeout=30)
    return samples, cuts, said


def _sample(pid: int, at_s: float) -> Sample:
    status = Path(f"/proc/{pid}/status").read_text()
    rss, threads = (int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("VmRSS", "Threads"))  # type: ignore[index]
    return Sample(at_s, rss, len(os.listdir(f"/proc/{pid}/fd")), threads)


def _report(samples: list[Sample], cuts: int, said: str) -> int:
    print(machine.line())
    if len(samples) < 12:
        print(f"the viewer ended too early, and said:\n{said}")
        return 1
    settled = [sample for sample in samples if sample.at_s > samples[-1].at_s / 10]
    count = len(settled) // 6 or 1
    parts = [settled[at : at + count] for at in range(0, len(settled), count)][:6]
    print("\n| minutes | resident MiB, median | open files | threads |\n| ---: | ---: | ---: | ---: |")
    for part in parts:
        rss = np.median([sample.rss_kib for sample in part]) / 1024
        files, threads = ({getattr(sample, name) for sample in part} for name in ("files", "threads"))
        print(f"| {part[-1].at_s / 60:.1f} | {rss:.1f} | {_range(files)} | {_range(threads)} |")
    first, last = (np.median([sample.rss_kib for sample in part]) for part in (parts[0], parts[-1]))
    growth = last / first - 1
    back = len(re.findall(r"is back after", said))
    print(f"\nresident memory {growth:+.1%} from the first part to the last; {cuts} cuts, {back} returns")
    print(next((line for line in said.splitlines() if "frames shown" in line), "the viewer said nothing at its end"))
    steady = all(
        np.median([getattr(sample, name) for sample in parts[0]])
        == np.median([getattr(sample, name) for sample in parts[-1]])
        for name in ("files", "threads")
    )
    return 0 if growth < 0.03 and steady and back >= cuts - 1 else 1


def _range(values: set[int]) -> str:
    return f"{min(values)}" if len(values) == 1 else f"{min(values)} to {max(values)}"


if __name__ == "__main__":
    sys.exit(main())
