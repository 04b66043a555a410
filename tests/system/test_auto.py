"""`--model auto` and `--quality` by their commands: the ladder is measured here, with two small networks."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from rtsr.cli import main
from rtsr.jobs import ladder
from rtsr.models import MODELS
from rtsr.sources import open_source
from tests.system.clips import made, shown_s
from tests.system.test_viewer import display, environment, wait_for  # noqa: F401 - a fixture

NAMES = ("bicubic", "esr-max-k5c2", "esr-tr-k5c2")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RTSR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(ladder, "SECONDS", 0.02)
    monkeypatch.setattr(ladder, "is_busy", lambda: False)
    monkeypatch.setattr("rtsr.jobs.machine.is_busy", lambda: False)
    for name in set(MODELS) - set(NAMES):
        monkeypatch.delitem(MODELS, name)
    return tmp_path / "cache"


def run(caplog: pytest.LogCaptureFixture, *arguments: object) -> tuple[int, str]:
    """(exit code, what was logged)."""
    caplog.clear()
    caplog.set_level("INFO")
    return main([str(argument) for argument in arguments]), caplog.text


def test_a_real_clip_is_encoded_by_what_was_chosen(shared: Path, tmp_path, caplog, capsys):
    clip, out = shared / "video" / "bbb_960x540_60fps_vp9.webm", tmp_path / "out.mp4"
    wish = ("encode", clip, out, "-t", "0.1", "--model", "auto", "--quality", "fast", "-preset", "ultrafast")
    code, logged = run(caplog, *wish)
    assert code == 0
    assert "measuring once how fast 2 networks are here, about 1 s" in logged
    told = re.search(r"(\S+)( is the (best|fastest) network|, no super-resolution)", logged)
    assert told is not None
    badge = capsys.readouterr().err
    assert " · auto" in badge
    assert told[1] in badge
    assert len(shown_s(out)) == 6
    code, again = run(caplog, *wish, "-y")
    assert code == 0
    assert "measuring" not in again
    assert again.splitlines()[-1] == logged.splitlines()[-1]


def test_a_dry_run_tells_the_choice_too_and_writes_nothing(tmp_path, capsys, caplog):
    code, logged = run(caplog, "encode", "pattern:64x36", tmp_path / "o.mp4", "--dry-run", "--quality", "best")
    assert code == 0
    assert "SR esr-tr-k5c2 x2 · OpenVINO" in capsys.readouterr().out
    assert "esr-tr-k5c2 is the best network for clean pictures within any time (best): +1." in logged
    assert "180 frames in about" in logged
    assert not (tmp_path / "o.mp4").exists()


@pytest.mark.parametrize(
    ("codec", "lossy"), [("libx264", True), ("mjpeg", True), ("ffv1", False), ("ffvhuff", False), ("rawvideo", False)]
)
def test_a_lossy_codec_makes_it_video(codec, lossy, tmp_path, caplog):
    form = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    suffix = {"rawvideo": "nut", "ffvhuff": "avi"}.get(codec, "mkv")
    clip = made(tmp_path / f"in.{suffix}", codec=codec, pix_fmt=form)
    source = open_source(str(clip))
    source.close()
    assert source.info.lossy is lossy
    code, logged = run(caplog, "encode", clip, tmp_path / "o.mkv", "--model", "auto", "--progress", "none")
    assert code == 0
    assert ("since none for compressed video is there" in logged) is lossy


def test_the_viewer_chooses_off_screen_and_says_so(caplog, capsys):
    code, logged = run(caplog, "view", "pattern:64x36?live=yes", "--quality", "fast", "--headless-frames", "2")
    assert code == 0
    assert " network" in logged
    assert "every 33.3 ms" in logged
    assert "2 frames shown" in capsys.readouterr().out


WINDOW = f"""
from rtsr.jobs import ladder
from rtsr.models import MODELS
for name in set(MODELS) - {{*{NAMES!r}}}:
    del MODELS[name]
ladder.SECONDS = 0.02
from rtsr.cli import main
raise SystemExit(main(["view", "pattern:320x180?fps=30&seconds=1", "--model", "auto", "--screenshot", "w.png"]))
"""


def test_the_window_chooses_once_and_keeps_it_when_it_plays_again(display: str, tmp_path):  # noqa: F811 - the fixture
    process = subprocess.Popen(
        [sys.executable, "-c", WINDOW],
        env=environment(DISPLAY=display), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip

    def press(*names: str) -> None:
        keys = ["xdotool", "search", "--sync", "--onlyvisible", "--name", " - rtsr$", "windowfocus", "--sync"]
        subprocess.run(
            [*keys, "key", *names], env=environment(DISPLAY=display), check=True, capture_output=True, timeout=60
        )

    try:
        press("s")
        wait_for(tmp_path / "rtsr-shot0001.png")
        press("Right", "Right", "space", "s")  # beyond the end, and from the beginning
        wait_for(tmp_path / "rtsr-shot0002.png")
        press("q")
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, err
    assert "frames shown" in out
    assert err.count("is the best network for clean pictures within half of a frame's time (best)") == 1, err
    assert (tmp_path / "w.png").stat().st_size > 1000


def test_pictures_are_enlarged_by_the_best(tmp_path, caplog):
    Image.effect_noise((48, 32), 60).convert("RGB").save(tmp_path / "in.png")
    code, logged = run(caplog, "image", tmp_path / "in.png", tmp_path / "out.png", "--quality", "best")
    assert code == 0
    assert "esr-tr-k5c2 is the best network for clean pictures within any time (best)" in logged
    code, _ = run(caplog, "image", tmp_path / "in.png", tmp_path / "named.png", "--model", "esr-tr-k5c2")
    assert code == 0
    assert (tmp_path / "out.png").read_bytes() == (tmp_path / "named.png").read_bytes()


def test_the_file_is_that_of_the_named_model(tmp_path, caplog):
    for name, wish in (("auto.mkv", ("--quality", "best")), ("named.mkv", ("--model", "esr-tr-k5c2"))):
        code, _ = run(caplog, "encode", "pattern:64x36?seconds=0.2", tmp_path / name, *wish, "--progress", "none")
        assert code == 0
    assert (tmp_path / "auto.mkv").stat().st_size == (tmp_path / "named.mkv").stat().st_size


def test_bench_feeds_the_ladder(tmp_path, caplog, cache):
    code, _ = run(caplog, "bench", "--size", "960x540", "--seconds", "0.02")
    assert code == 0
    assert len(list(cache.iterdir())) == 1
    code, logged = run(caplog, "encode", "pattern:64x36", tmp_path / "o.mp4", "--dry-run", "--model", "auto")
    assert code == 0
    assert "measuring" not in logged


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("encode", "a", "b", "--quality", "best", "--model", "esr-tr-k5c2"), "--quality chooses a network"),
        (("image", "a", "b", "--content", "clean", "--model", "bicubic"), "--content chooses a network"),
        (("view", "pattern:", "--headless-frames", "1", "--content", "video"), "no network has learned"),
        (("encode", "pattern:", "o.mp4", "--model", "auto", "--backend", "bicubic"), "runs no network"),
        (("encode", "pattern:", "o.mp4", "--model", "auto", "--scale", "5"), "no network has scale 5"),
        (("encode", "pattern:", "o.mp4", "--quality", "good"), "'good' is not one of"),
    ],
)
def test_what_makes_no_sense_is_one_sentence_and_code_2(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(list(arguments)) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err
    assert not list(tmp_path.glob("o*"))


def test_nothing_is_measured_for_a_source_that_cannot_be_opened(tmp_path, caplog):
    code, logged = run(caplog, "encode", tmp_path / "none.mp4", tmp_path / "o.mp4", "--model", "auto")
    assert code == 3
    assert "measuring" not in logged
