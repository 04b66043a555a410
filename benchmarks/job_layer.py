"""What working in segments costs: `rtsr encode` against `rtsr encode --no-segments`, and how soon a killed one goes on.

`python -m benchmarks.job_layer CLIP`. The clip is repeated by stream copy to `--seconds`. Wall times of whole processes
in interleaved pairs, their ratios and the median. Then an encode is killed when half of its segments are finished, and
begun again: the time to its first new frame is printed.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks import machine

TARGET, RESUME_S = 1.03, 2.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--ffmpeg", default="ffmpeg")
    parser.add_argument("--seconds", default="60")
    parser.add_argument("--model", default="esr-tr-k5c2")
    parser.add_argument("--preset", default="veryfast")
    parser.add_argument("--pairs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / f"film{options.clip.suffix}"
        loop = ["-stream_loop", "-1", "-i", str(options.clip), "-t", options.seconds, "-c", "copy", "-map", "0:v:0"]
        quiet = ["-hide_banner", "-loglevel", "error", "-nostdin"]
        subprocess.run([options.ffmpeg, *quiet, *loop, str(film)], check=True)
        output = Path(folder) / "out.mkv"
        command = [sys.executable, "-m", "rtsr", "encode", str(film), str(output), "-y"]
        command += ["--model", options.model, "-preset", options.preset, "--progress"]
        pairs = [
            (_wall_s([*command, "none", "--no-segments"]), _wall_s([*command, "none"])) for _ in range(options.pairs)
        ]
        bytes_of = []
        for more in (["--no-segments"], []):
            subprocess.run([*command, "none", *more], check=True)
            bytes_of.append(output.stat().st_size)
        output.unlink()
        resumed_s = _resumed_s([*command, "json"], output)
    seconds = np.array(pairs)
    ratios = seconds[:, 1] / seconds[:, 0]
    print(machine.line())
    print(f"{options.clip.name} for {options.seconds} s, {options.model}, {options.preset}")
    print(f"one pass {np.median(seconds[:, 0]):.2f} s, {bytes_of[0] / 1e6:.2f} MB", end="; ")
    print(f"segments {np.median(seconds[:, 1]):.2f} s, {bytes_of[1] / 1e6:.2f} MB")
    print(f"ratio of wall times: {np.median(ratios):.3f} [{ratios.min():.3f} to {ratios.max():.3f}], ", end="")
    print(f"{options.pairs} pairs, target at most {TARGET:g}")
    print(f"a killed encode gives its next frame {resumed_s:.2f} s after it is begun again, target {RESUME_S:g} s")


def _wall_s(command: list[str]) -> float:
    began_s = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began_s


def _resumed_s(command: list[str], output: Path) -> float:
    """From the start of the second process to its first line of progress, which follows a frame."""
    job = output.with_name(f"{output.name}.rtsr")
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while run.poll() is None and len(list(job.glob("*.segment"))) < 2:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    began_s = time.perf_counter()
    again = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    told = json.loads(next(iter(again.stdout or ()), "{}"))
    resumed_s = time.perf_counter() - began_s - told["elapsed_s"] + 1 / max(told["fps"], 1e-6)
    again.kill()
    again.wait()
    return resumed_s


if __name__ == "__main__":
    main()
