"""Every real clip into every container: what `rtsr encode` makes of it, or with which words it refuses.

`python -m benchmarks.encode_matrix FOLDER > docs/encode-matrix.md`. Whole clips at x2 and at x1.5, each in a process of
its own, by bicubic and the fastest presets, since what counts here is everything but the network: the audit that
follows each encode compares streams, tags, times and side data, and its verdict is the exit code.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine

CONTAINERS = ("mkv", "mp4", "mov", "webm")
SCALES = ("2", "1.5")
_WEBM = ("-c:v", "libsvtav1", "-preset", "12")
_OTHERS = ("-preset", "ultrafast")
_HEAD = """# What becomes of real clips

Made by `python -m benchmarks.encode_matrix FOLDER`: whole clips through `rtsr encode`, each followed by its audit of
streams, packets, tags, side data and every time. `audited`: nothing is missing. Numbers name the sentences below.
"""
_MEANINGS = {0: "audited", 2: "refused", 3: "refused", 4: "lost"}


@dataclass(frozen=True)
class Result:
    """Of one encode."""

    clip: str
    container: str
    scale: str
    code: int
    said: str

    @property
    def reason(self) -> str:
        """The first sentence of a refusal."""
        found = re.search(r"^rtsr: (.*?)\.?$", self.said, re.MULTILINE)
        return found.group(1) if found else self.said.strip()


def encode(clip: Path, container: str, scale: str, folder: Path, *more: str) -> Result:
    """Encode `clip` into `folder`."""
    output = folder / f"{clip.stem}.{scale}.{container}"
    fast = _WEBM if container == "webm" else _OTHERS
    command = [sys.executable, "-m", "rtsr", "encode", str(clip), str(output), "--model", "bicubic", "--scale", scale]
    done = subprocess.run(
        [*command, *fast, "--progress", "none", *more], capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode == 0 and not output.exists():
        raise RuntimeError(f"{output} was promised and is not there")
    output.unlink(missing_ok=True)
    said = "\n".join(line for line in done.stderr.splitlines() if done.returncode or "Svt" not in line)
    return Result(
        clip.name,
        container,
        scale,
        done.returncode,
        said.replace(str(folder) + "/", "").replace(str(clip.parent) + "/", ""),
    )


def matrix(clips: list[Path], *more: str) -> Iterator[Result]:
    """All of them, two at a time."""
    with tempfile.TemporaryDirectory() as place, ThreadPoolExecutor(2) as pool:
        wishes = [(clip, container, scale) for clip in clips for container in CONTAINERS for scale in SCALES]
        yield from pool.map(lambda wish: encode(*wish, Path(place), *more), wishes)


def main() -> None:
    """Run and print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    clips = sorted(path for path in options.folder.iterdir() if path.suffix in (".mp4", ".mkv", ".webm", ".ts", ".mov"))
    results = list(matrix(clips))
    print(_HEAD)
    reasons: list[str] = []
    print("| clip | scale |", " | ".join(CONTAINERS), "|")
    print("| --- | --- |", " | ".join("---" for _ in CONTAINERS), "|")
    for clip in clips:
        for scale in SCALES:
            row = [one for one in results if (one.clip, one.scale) == (clip.name, scale)]
            print(f"| {clip.name} | x{scale} |", " | ".join(_cell(one, reasons) for one in row), "|")
    print()
    for number, reason in enumerate(reasons, 1):
        print(f"{number}. {reason}")
    print(f"\n{sum(one.code == 0 for one in results)} of {len(results)} encodes audited.", machine.line())


def _cell(result: Result, reasons: list[str]) -> str:
    word = _MEANINGS.get(result.code, f"exit {result.code}")
    if result.code == 0:
        return word
    reason = f"{result.reason} (exit code {result.code})"
    if reason not in reasons:
        reasons.append(reason)
    return f"{word} ({reasons.index(reason) + 1})"


if __name__ == "__main__":
    main()
