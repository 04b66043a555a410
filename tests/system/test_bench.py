"""`rtsr bench` by its command: what it prints, what it writes, what it refuses. No time is asserted."""

import json
import subprocess
import sys

import pytest

from rtsr.cli import main
from rtsr.config import Bench
from rtsr.jobs import bench
from rtsr.models import MODELS

TINY = ["bench", "--size", "32x24", "--seconds", "0.01"]
ROW = {"model", "backend", "width", "height", "scale", "fps", "p50_ms", "p95_ms", "p99_ms", "watts"}


def test_writes_rows_and_fingerprint(tmp_path):
    path = tmp_path / "bench.json"
    command = [sys.executable, "-m", "rtsr", *TINY, "--models", "esr-tm-k5c2", "--json", str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    written = json.loads(path.read_text())
    assert [row["model"] for row in written["rows"]] == ["bicubic", "esr-tm-k5c2"]
    for row in written["rows"]:
        assert row.keys() >= ROW
        assert (row["width"], row["height"], row["scale"]) == (32, 24, 2)
        assert row["fps"] > 0
        assert 0 < row["p50_ms"] <= row["p95_ms"] <= row["p99_ms"]
        assert row["watts"] is None or row["watts"] > 0
        assert (row["watts"] is None) == (row["rail"] is None)
    assert [row["backend"] for row in written["rows"]] == ["bicubic", "openvino"]
    assert written["rows"][0]["ratio"] == 1
    assert written["machine"].keys() >= {"cpu", "cores", "os", "python", "packages", "openvino", "rtsr"}
    assert [child.name for child in tmp_path.iterdir()] == ["bench.json"]
    assert "esr-tm-k5c2" in run.stdout
    assert "x bicubic" in run.stdout
    picture = written["picture"]
    assert [row["model"] for row in picture["rows"]] == ["bicubic", "esr-tm-k5c2"]
    assert {(row["width"], row["height"], row["scale"]) for row in picture["rows"]} == {(256, 256, 4)}
    assert all(row["frames"] >= 3 for row in written["rows"] + picture["rows"])
    assert picture["published"]["ms"] == 20
    assert "Published, not measured here: about 20 ms on an RTX 3070" in run.stdout


def test_a_network_without_x4_has_no_latency_of_a_picture(monkeypatch):
    monkeypatch.setitem(MODELS, "esr-tm-k5c2", (2,))
    rows = bench.bench_picture(Bench(models="esr-tm-k5c2", seconds=0.01))
    assert [row.model for row in rows] == ["bicubic"]


def test_bicubic_alone(capsys):
    assert main([*TINY, "--backend", "bicubic"]) == 0
    size, power, picture, _ = capsys.readouterr().out.split("\n\n", 3)
    assert size.count("bicubic") == 3  # the column, the model, the backend
    assert "256x256" in picture
    assert "counter" in power or "readings" in power or "not measured, no sensor can be read here" in power


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--size", "32"], "'32' is not a size"),
        (["--size", "0x4"], "is not a size"),
        (["--models", "esr-tm-k5c3"], "did you mean esr-tm-k5c2"),
        (["--seconds", "0"], "--seconds 0"),
        (["--scale", "9"], "no scale 9"),
        (["--json", "no/such/folder/x.json"], "cannot be written"),
        (["--json", "/"], "is a folder"),
    ],
)
def test_nonsense_is_refused_before_anything_is_measured(options, words, capsys):
    assert main([*TINY, *options]) == 2
    printed = capsys.readouterr()
    assert words in printed.err
    assert printed.out == ""
