"""A model that was imported, in every command that takes one."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rtsr.cli import main
from rtsr.models import FOLDER


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A model at x2 alone."""
    monkeypatch.setenv("RTSR_MODELS", str(tmp_path / "models"))
    assert main(["models", "import", str(FOLDER / "esr-tm-k5c2_x2.onnx"), "--name", "mine"]) == 0
    return "mine"


def test_it_encodes_and_enlarges_as_the_shipped_one(mine, tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)).save(tmp_path / "in.png")
    made = []
    for model in (mine, "esr-tm-k5c2"):
        clip, picture = tmp_path / f"{model}.mkv", tmp_path / f"{model}.png"
        quiet = ["--progress", "none", "--no-provenance"]  # which tells the model's name
        assert main(["encode", "pattern:64x48?seconds=0.2", str(clip), "--model", model, *quiet]) == 0
        assert main(["image", str(tmp_path / "in.png"), str(picture), "--model", model]) == 0
        made.append((Path(clip).stat().st_size, np.asarray(Image.open(picture)).tolist()))
    assert made[0] == made[1]


def test_it_is_viewed_measured_and_explained(mine, tmp_path, capsys):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (48, 48, 3), np.uint8)).save(tmp_path / "one.png")
    rows = tmp_path / "rows.json"
    assert main(["view", "pattern:64x48", "--headless-frames", "2", "--model", mine]) == 0
    bench = ["bench", "--models", mine, "--size", "64x48", "--seconds", "0.05", "--json", str(rows)]
    assert main(bench) == 0  # it has no x4, in which the picture is measured
    assert mine in {row["model"] for row in json.loads(rows.read_text("utf-8"))["rows"]}
    assert main(["eval", str(tmp_path), "--models", mine]) == 0
    assert "| mine " in capsys.readouterr().out
    assert main(["explain", mine, str(tmp_path / "out.png")]) == 0


def test_all_takes_it_where_it_has_the_scale(mine):
    from rtsr.jobs.bench import models_at

    assert models_at("all", 2)[-1] == mine
    assert mine not in models_at("all", 3)
