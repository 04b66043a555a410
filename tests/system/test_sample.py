"""`rtsr encode --sample`: pieces of a film, what the whole would take by them, and a comparison to look at."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from rtsr.cli import main
from rtsr.config import Upscale
from rtsr.sources import open_source
from rtsr.upscalers import open_upscaler
from tests.films import film
from tests.system.clips import shown_s
from tests.system.test_viewer import x_server

MODEL = "esr-tm-k5c2"
QUICK = ("--model", MODEL, "-preset", "ultrafast")


@pytest.fixture(autouse=True)
def _no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Eight seconds at 25 fps."""
    (tmp_path / "in").mkdir()
    return film(tmp_path / "in/a.mp4", times=range(200))


def lumas(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray()[: frame.height] for frame in container.decode(video=0)]


def test_the_comparison_is_bicubic_beside_the_encoded_result(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.mp4"
    assert main(["encode", str(source), str(output), *QUICK, "-crf", "40", "--sample", "2x1s"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "o.sample.mkv"]
    shown = lumas(tmp_path / "o.sample.mkv")
    assert len(shown) == 50
    assert shown_s(tmp_path / "o.sample.mkv") == [Fraction(n, 25) for n in range(50)]
    assert shown[0].shape == (96, 256)
    assert main(["encode", str(source), str(output), *QUICK, "-crf", "40", "-ss", "1.5", "-t", "1"]) == 0
    encoded = lumas(output)
    opened = open_source(str(source), start_s=Fraction(3, 2), length_s=Fraction(1))
    bicubic = open_upscaler(Upscale(model="bicubic"), opened.info)
    plain = [bicubic.upscale(frame).y for frame in opened.frames()]
    for picture, left, right in zip(shown[:25], plain, encoded, strict=True):
        assert off(picture[:, :128], left) < 2 < off(picture[:, :128], right)
        assert off(picture[:, 128:], right) < 2 < off(picture[:, 128:], left)


def off(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_a_turned_film_is_beside_itself_as_it_is_shown(tmp_path: Path, shared: Path) -> None:
    source = shared / "video/phone_720p_rotated.mp4"
    assert main(["encode", str(source), str(tmp_path / "o.mp4"), *QUICK, "--sample", "1x0.1s"]) == 0
    with av.open(str(tmp_path / "o.sample.mkv")) as container, av.open(str(source)) as before:
        stream, came = container.streams.video[0], before.streams.video[0]
        assert next(container.decode(stream)).rotation == next(before.decode(came)).rotation
        assert (stream.width, stream.height) == (
            2 * came.width,
            4 * came.height,
        )  # stored on top of each other


def test_the_estimate_is_near_what_the_whole_takes(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "o.mp4"
    command = ["encode", str(source), str(output), *QUICK]
    assert main([*command, "--sample", "3x2s", "--progress", "json"]) == 0
    told = {one["event"]: one for one in map(json.loads, capsys.readouterr().out.splitlines())}
    foretold = told["estimate"]["bytes"]
    assert foretold["least"] <= foretold["about"] <= foretold["most"]
    assert told["comparison"]["file"] == str(tmp_path / "o.sample.mkv")
    assert main(command) == 0
    assert 0.7 < foretold["about"] / output.stat().st_size < 1.3


def test_it_says_that_it_is_an_estimate(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encode", str(source), f"{tmp_path}/", *QUICK, "--sample", "2x0.5s"]) == 0
    said = capsys.readouterr()
    assert re.search(r"size: about [\d.]+ kB \([\d.]+ kB by the smallest piece, [\d.]+ kB by the largest\)", said.out)
    assert re.search(r"time: about [\d.]+ s \([\d.]+ s by the quickest, [\d.]+ s by the slowest\)", said.out)
    assert "an estimate" in said.out
    assert "bicubic on the left" in said.out
    assert "piece 2 of 2, at 5.8 s" in said.err
    assert "there is no display" in said.err
    assert (tmp_path / f"a.{MODEL}.2x.sample.mkv").exists()


def test_what_is_there_stays(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, comparison = tmp_path / "o.mp4", tmp_path / "o.sample.mkv"
    output.write_text("mine")
    comparison.write_text("mine too")
    command = ["encode", str(source), str(output), *QUICK, "--sample", "1x0.2s"]
    assert main(command) == 2
    assert "o.sample.mkv exists" in capsys.readouterr().err
    assert comparison.read_text() == "mine too"
    assert main([*command, "-y"]) == 0
    assert output.read_text() == "mine"
    assert len(lumas(comparison)) == 5


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["{in}/a.mp4", "{out}/o.mp4", "--sample", "3x5s"], 2, "takes 15 s, and "),
        (["{in}/a.mp4", "{out}/o.mp4", "--sample", "five"], 2, "write COUNTxLENGTH"),
        (["{in}/a.mp4", "{out}/o.mp4", "--sample", "0x5s"], 2, "write COUNTxLENGTH"),
        (["{in}/a.mp4", "{out}/o.mp4", "--sample", "1x0s"], 2, "write COUNTxLENGTH"),
        (["{in}/a.mp4", "{out}/no/o.mp4", "--sample", "1x1s"], 2, "does not exist"),
        (["{in}/a.mp4", "-", "--sample", "1x1s"], 2, "--sample"),
        (["{in}/a.mp4", "{out}/%05d.png", "--sample", "1x1s"], 2, "--sample"),
        (["-", "{out}/o.mp4", "--sample", "1x1s"], 2, "takes pieces of one file"),
        (["{in}", "{out}", "--sample", "1x1s"], 2, "looks at one film"),
        (["{in}/none.mp4", "{out}/o.mp4", "--sample", "1x1s"], 3, "none.mp4"),
    ],
)
def test_bad_input_gets_one_sentence(
    source: Path, tmp_path: Path, arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    given = [one.replace("{in}", str(source.parent)).replace("{out}", str(out)) for one in arguments]
    assert main(["encode", *given]) == code
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()) == 2
    assert not list(out.iterdir())


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with x_server() as name:
        yield name


def test_with_a_display_the_viewer_shows_the_pieces(source: Path, tmp_path: Path, display: str) -> None:
    environment = {**os.environ, "DISPLAY": display, "PYTHONPATH": str(Path(__file__).parents[2])}
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    run = subprocess.Popen(
        [sys.executable, "-m", "rtsr", "encode", str(source), str(tmp_path / "o.mp4"), *QUICK, "--sample", "2x1s"],
        env={**environment, "TMPDIR": str(scratch)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    found = subprocess.run(
        ["xdotool", "search", "--sync", "--onlyvisible", "--name", "2 pieces of .*a.mp4 - rtsr$"],
        env=environment, capture_output=True, text=True, timeout=90, check=True,
    ).stdout.split()  # fmt: skip
    subprocess.run(["xdotool", "windowfocus", "--sync", found[0]], env=environment, check=True)
    time.sleep(1)
    subprocess.run(["xdotool", "key", "q"], env=environment, check=True)
    out, said = run.communicate(timeout=60)
    assert run.returncode == 0, said
    assert "Traceback" not in said
    assert "size: about" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "scratch"]
    assert not list(scratch.iterdir())
