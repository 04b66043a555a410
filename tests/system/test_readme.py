"""Every command of the README is run, on small inputs of the same names."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```\n(.*?)```", README, re.DOTALL)
SET_UP = [line.split("#")[0].split() for line in BLOCKS[0].strip().splitlines()]
COMMANDS = [line for block in BLOCKS[1:] for line in block.strip().splitlines()]
QUIET = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
ENVIRONMENT = {**QUIET, "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the commands name: in.mp4, mine.onnx, PICTURES, CLIPS and frames."""
    folder = tmp_path_factory.mktemp("readme")
    _run(["rtsr", "encode", "pattern:64x36?seconds=2", "in.mp4", "--model", "bicubic"], folder)
    shutil.copyfile(ROOT / "rtsr" / "models" / "esr-max-k5c2_x2.onnx", folder / "mine.onnx")
    (folder / "PICTURES").mkdir()
    Image.effect_noise((64, 48), 60).convert("RGB").save(folder / "PICTURES" / "noise.png")
    (folder / "CLIPS").mkdir()
    shutil.copyfile(folder / "in.mp4", folder / "CLIPS" / "in.mp4")
    (folder / "frames").mkdir()
    for number in range(1, 4):
        Image.effect_noise((64, 48), 60).convert("RGB").save(folder / "frames" / f"{number:05}.png")
    return folder


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rtsr", *command[1:]] if command[0] == "rtsr" else [sys.executable, *command[1:]]
    environment = {**ENVIRONMENT, "RTSR_MODELS": str(folder / "models"), "RTSR_CACHE": str(folder / "cache")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=170)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def _pipe(line: str, folder: Path) -> None:
    """As a shell runs it; every program of it must succeed."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("needs ffmpeg: apt-get install ffmpeg")
    programs = line.replace("rtsr encode", f"{sys.executable} -m rtsr encode").replace("out.mkv", "out.mkv -y")
    command = ["bash", "-o", "pipefail", "-c", programs]
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_of_the_readme_works(place: Path, line: str) -> None:
    if "|" in line:
        _pipe(line, place)
        return
    command = shlex.split(line)
    for output in ("out.mp4", "out.mkv"):
        (place / output).unlink(missing_ok=True)
    if command[:2] == ["rtsr", "bench"]:
        command += ["--seconds", "0.2"]
    if "-ss" in command:  # the clip is 2 s long, not 1:30
        command[command.index("-ss") + 1] = "0:01"
    if command[:2] == ["rtsr", "view"] and "--headless-frames" not in command:
        command += ["--headless-frames", "3"]
    done = _run(command, place)
    assert done.returncode == 0, done.stderr
    if "view.png" in command:
        assert (place / "view.png").stat().st_size > 1000


def test_the_viewer_script_of_the_readme_works(place: Path) -> None:
    assert "python run_viewer.py --source /dev/video0" in README
    script = [sys.executable, str(ROOT / "run_viewer.py"), "--source", "pattern:", "--headless-frames", "3"]
    done = subprocess.run(script, cwd=place, env=ENVIRONMENT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_two_set_up_commands_are_there_and_the_demo_runs(tmp_path: Path) -> None:
    assert SET_UP == [["bin/demo"], ["bin/test"]]
    if not (ROOT / ".venv/bin/pip").exists():
        pytest.skip("bin/demo would set a whole environment up: there is no .venv in this checkout")
    clip = tmp_path / "own.mkv"
    _run(["rtsr", "encode", "pattern:64x36?seconds=0.5", str(clip), "--model", "bicubic"], tmp_path)
    done = subprocess.run(["bin/demo", str(clip)], cwd=ROOT, env=QUIET, capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stderr
    made = [
        Path(line.split(": ", 1)[1].strip()) for line in done.stdout.splitlines() if "demo/" in line and ": " in line
    ]
    assert {path.suffix for path in made} == {".mkv", ".png"}
    for path in made:
        assert path.stat().st_size > 0
        path.unlink()


def test_an_installation_is_small_and_without_torch_and_opencv(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(".venv", ".git", "demo", "build", "*.egg-info"))
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    pip = [str(tmp_path / "venv/bin/pip"), "--disable-pip-version-check", "-q", "install"]
    subprocess.run([*pip, "-c", str(ROOT / "constraints.txt"), str(checkout)], check=True, timeout=170)
    site = next((tmp_path / "venv/lib").glob("python*/site-packages"))
    names = {path.name for path in site.iterdir()}
    assert "rtsr" in names
    assert names.isdisjoint({"torch", "cv2"})
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < 700e6
    done = subprocess.run(
        [str(tmp_path / "venv/bin/rtsr"), "encode", "pattern:64x36?seconds=0.2", str(tmp_path / "o.mp4")],
        env=QUIET,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
