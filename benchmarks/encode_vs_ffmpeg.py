"""`rtsr encode` against an ffmpeg command that scales by bicubic and encodes alike.

`python -m benchmarks.encode_vs_ffmpeg [CLIP]`. Both are whole processes, start-up included, in interleaved pairs; the
ratio of wall times of each pair, and their median. With a clip as argument its first frames, scaled to 960x540 and
repeated where it is shorter, are used; without, the product's own pattern.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import numpy as np

from benchmarks import machine
from rtsr.sinks.encoder import Encoder
from rtsr.sinks.tone import Tone
from rtsr.sinks.video import open_video
from rtsr.sources.pattern import open_pattern

TARGET = 1.35
_SCALE = "scale=2*iw:2*ih:flags=bicubic"
_QUIET = ["-hide_banner", "-loglevel", "error", "-nostdin"]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clip", nargs="?", type=Path)
    parser.add_argument("--model", default="esr-tm-k5c2")
    parser.add_argument("--preset", default="veryfast")
    parser.add_argument("--crf", default="18")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--size", default="960x540")
    parser.add_argument("--pairs", type=int, default=5)
    options = parser.parse_args()
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        parser.error("ffmpeg is not here: sudo apt-get install ffmpeg")
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "in.mp4"
        _make_clip(ffmpeg, options, clip)
        like = ["-c:v", "libx264", "-preset", options.preset, "-crf", options.crf, "-y"]
        upscaled, scaled = Path(folder) / "rtsr.mp4", Path(folder) / "ffmpeg.mp4"
        rtsr = [sys.executable, "-m", "rtsr", "encode", str(clip), str(upscaled)]
        rtsr += ["--model", options.model, "--progress", "none", *like]
        reference = [ffmpeg, *_QUIET, "-i", str(clip), "-vf", _SCALE, "-c:a", "copy", *like, str(scaled)]
        seconds = np.array([(_wall_s(reference), _wall_s(rtsr)) for _ in range(options.pairs + 1)])[1:]
        sizes = (scaled.stat().st_size / 1e6, upscaled.stat().st_size / 1e6)
    ratios = seconds[:, 1] / seconds[:, 0]
    reference_s, rtsr_s = np.median(seconds, axis=0)
    print(machine.line())
    print(subprocess.run([ffmpeg, "-version"], capture_output=True, text=True, check=True).stdout.splitlines()[0])
    print(f"{options.clip or 'pattern:'}, {options.frames} frames, {options.size} x2, {' '.join(like[:-1])}")
    print(f"ffmpeg, scale bicubic: {reference_s:.2f} s, {options.frames / reference_s:.1f} fps, {sizes[0]:.2f} MB")
    print(f"rtsr, {options.model}: {rtsr_s:.2f} s, {options.frames / rtsr_s:.1f} fps, {sizes[1]:.2f} MB")
    print(f"ratio of wall times: {np.median(ratios):.3f} [{ratios.min():.3f} to {ratios.max():.3f}], ", end="")
    print(f"{options.pairs} pairs, target at most {TARGET:g}")


def _make_clip(ffmpeg: str, options: argparse.Namespace, path: Path) -> None:
    if options.clip is not None:
        size = options.size.replace("x", ":")
        take = ["-frames:v", str(options.frames), "-an", "-sn", "-vf", f"scale={size}:flags=bicubic,format=yuv420p"]
        read = ["-stream_loop", "-1", "-i", str(options.clip)]
        made = ["-c:v", "libx264", "-crf", "18", "-y", str(path)]
        subprocess.run([ffmpeg, *_QUIET, *read, *take, *made], check=True)
        return
    source = open_pattern(f"pattern:{options.size}?fps=30&seconds={Fraction(options.frames, 30)}")
    sink = open_video(
        str(path), source.info, Encoder("libx264", crf=18), Tone(Fraction(options.frames, 30), Fraction(0))
    )
    for frame in source.frames():
        sink.write(frame)
    sink.finish()
    sink.close()


def _wall_s(command: list[str]) -> float:
    began_s = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began_s


if __name__ == "__main__":
    main()
