"""The walk-through of docs/fine-tuning.md: every command is run, on small inputs of the same names."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rtsr.models import parse_card
from tests.unit.test_drawings import needs_dpkg, package
from tests.unit.test_own_video import panned, write

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "fine-tuning.md").read_text("utf-8")
OWN, DRAWN = (block.strip().splitlines() for block in re.findall(r"```\n(.*?)```", PAGE, re.DOTALL))
SIDE = {"steps": "4", "check_every": "2", "crop_px": "24", "shots": "8"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with what the page names, and the recipes of the same names with few steps."""
    (tmp_path / "CLIPS").mkdir()
    write(tmp_path / "CLIPS" / "yard.mkv", panned(0, 60, (120, 160)))
    write(tmp_path / "CLIPS" / "door.mp4", panned(1, 60, (120, 160)), codec="libx264", crf="16")
    shutil.copyfile(tmp_path / "CLIPS" / "door.mp4", tmp_path / "in.mp4")
    for name in ("own-video", "text", "line-art"):
        text = (ROOT / "training" / "recipes" / f"{name}.toml").read_text("utf-8")
        for key, value in SIDE.items():
            text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, flags=re.MULTILINE)
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    start = [sys.executable, "-m", "rtsr"] if command[0] == "rtsr" else [sys.executable]
    quiet = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environment = {**quiet, "PYTHONPATH": str(ROOT), "RTSR_MODELS": str(folder / "models")}
    done = subprocess.run(
        [*start, *command[1:]], cwd=folder, env=environment, capture_output=True, text=True, timeout=170
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_from_clips_to_an_encode_by_the_page(place: Path) -> None:
    for line in OWN:
        done = run(shlex.split(line), place)
        assert done.returncode == 0, done.stderr
        if "training" in line:
            report = done.stdout
    assert (place / "out.mkv").stat().st_size > 1000
    said = (place / "runs" / "own-video_x2.md").read_text("utf-8")
    assert said in report
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in said.splitlines() if row.startswith("|")]
    assert [row[0] for row in rows[2:]] == ["door.mp4", "yard.mkv", "all"]
    assert rows[0][3:] == ["bicubic", "compact-video", "own-video", "gain"]
    assert "clean master, lossless" in rows[3][1]
    for row in rows[2:]:
        bicubic, before, after, gain = map(float, row[3:])
        assert 15 < min(bicubic, before, after) < max(bicubic, before, after) < 60
        assert gain == pytest.approx(after - before, abs=0.011)
    card = parse_card(place / "runs" / "own-video_x2.toml")
    assert card.name == "own-video"
    assert not list((place / "runs").glob("*.checkpoint"))


def test_what_got_no_better_is_not_recommended(place: Path) -> None:
    recipe = place / "own-video"
    recipe.write_text(re.sub(r"^(rate|last_rate) = .*$", r"\1 = 0.0", recipe.read_text("utf-8"), flags=re.MULTILINE))
    done = run(["python", "-m", "training", "own-video", "--data", "CLIPS"], place)
    assert done.returncode == 0, done.stderr
    assert "NOT better than compact-video" in done.stdout
    assert "--model compact-video --scale 2" in done.stdout
    assert "models import" not in done.stdout


def test_bad_clips_stop_the_command_unless_they_are_to_be_skipped(place: Path, shared: Path) -> None:
    shutil.copyfile(shared / "video" / "bbb_480i_tff_anamorphic.ts", place / "CLIPS" / "old.ts")
    command = ["python", "-m", "training", "own-video", "--data", "CLIPS"]
    done = run(command, place)
    assert done.returncode == 3
    assert "old.ts is interlaced" in done.stderr
    assert not list((place / "runs").glob("*.onnx"))
    done = run([*command, "--skip-bad"], place)
    assert done.returncode == 0, done.stderr
    assert "left out: CLIPS/old.ts is interlaced" in done.stdout
    assert "1 of 3 clips are left out" in done.stdout


def test_the_recipe_does_not_learn_from_the_shared_photographs_by_accident(place: Path) -> None:
    done = run(["python", "-m", "training", "own-video"], place)
    assert done.returncode == 2
    assert "--data FOLDER" in done.stderr


@needs_dpkg
def test_from_fonts_to_a_table_by_the_page(place: Path, shared: Path) -> None:
    (place / "debs").mkdir()
    package(place / "debs", "fonts-dejavu-core", "DejaVuSans.ttf", "DejaVuSerif.ttf")
    package(place / "debs", "fonts-roboto-unhinted", "DejaVuSansMono.ttf")
    (place / "TRAIN" / "cc0").mkdir(parents=True)
    for photograph in sorted((shared / "train" / "free" / "cc0").iterdir())[::12]:
        shutil.copyfile(photograph, place / "TRAIN" / "cc0" / photograph.name)
    for line in DRAWN:
        command = shlex.split(line)
        if "training.drawings" in line:  # no network
            command += ["--debs", "debs", "--count", "8", "--test", "1"]
        if command[2] == "training":
            command += ["--sets", "none"]
        done = run(command, place)
        assert done.returncode == 0, done.stderr
    assert re.search(r"^\| text +\| text-test", done.stdout, re.MULTILINE)
    assert re.search(r"^\| line-art +\| line-art-test", done.stdout, re.MULTILINE)
