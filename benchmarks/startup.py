"""How long importing and `--help` take, as fresh processes: `python -m benchmarks.startup`."""

import argparse
import subprocess
import sys
import time

import numpy as np

from benchmarks import machine

BARE = ["-c", "pass"]
CASES = {"import rtsr": (["-c", "import rtsr"], 150.0), "rtsr --help": (["-m", "rtsr", "--help"], 300.0)}
"""What is run, and the most milliseconds it may take, Python's own start included."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    commands = {"python -c pass": BARE} | {name: arguments for name, (arguments, _) in CASES.items()}
    times_ms = np.array([[_wall_ms(arguments) for arguments in commands.values()] for _ in range(rounds + 1)])[1:]
    print(machine.line())
    for name, column in zip(commands, times_ms.T, strict=True):
        target = f", target below {CASES[name][1]:g}" if name in CASES else ""
        print(f"{name}: {np.median(column):.0f} ms [{column.min():.0f} to {column.max():.0f}]{target}")


def _wall_ms(arguments: list[str]) -> float:
    began_s = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began_s) * 1e3


if __name__ == "__main__":
    main()
