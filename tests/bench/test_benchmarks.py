"""The scripts in benchmarks/ run, tiny, and print a machine line and a ratio. No time is asserted."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(module, *options):
    command = [sys.executable, "-m", f"benchmarks.{module}", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_machine():
    assert run("machine").startswith("machine: ")


def test_luma_vs_cv2():
    printed = run("luma_vs_cv2", "--size", "32x24", "--rounds", "1", "--calls", "2")
    assert "machine: " in printed
    assert "ratio: " in printed


def test_startup():
    printed = run("startup", "--rounds", "1")
    assert "import rtsr: " in printed
    assert "rtsr --help: " in printed


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg: apt-get install ffmpeg")
def test_encode_vs_ffmpeg():
    printed = run("encode_vs_ffmpeg", "--size", "64x48", "--frames", "5", "--pairs", "1")
    assert "machine: " in printed
    assert "ratio of wall times: " in printed


def test_the_page_of_quality_is_what_its_command_prints(shared):
    assert run("quality") == (ROOT / "docs/quality.md").read_text("utf-8")


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg: apt-get install ffmpeg")
def test_job_layer(shared):
    clip = shared / "video/webcam_640x480_fullrange.mkv"
    printed = run(
        "job_layer", str(clip), "--seconds", "20", "--pairs", "1", "--model", "bicubic", "--preset", "ultrafast"
    )
    assert "ratio of wall times: " in printed
    assert "gives its next frame" in printed
