"""`rtsr eval` on real test sets: the yardstick is right, and the shipped weights keep what their cards promise."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rtsr.cli import main
from rtsr.errors import SourceError, UsageError
from rtsr.jobs.eval_plot import plot
from rtsr.jobs.eval_report import report
from rtsr.jobs.evaluate import evaluate, list_pictures
from rtsr.models import MODELS, find_model, parse_models

BICUBIC = {
    ("Set5", 2): (33.67, 0.9301), ("Set14", 2): (30.22, 0.8688),
    ("Set5", 3): (30.40, 0.8686), ("Set14", 3): (27.53, 0.7739),
    ("Set5", 4): (28.43, 0.8108), ("Set14", 4): (25.99, 0.7022),
}  # fmt: skip
"""PSNR and SSIM that the test data's README gives for MATLAB's bicubic; the papers' are within 0.02 dB of them."""

FLOORS = {
    ("esr-tm-k5c2", 2): 34.65, ("esr-tm-k7c4", 2): 35.40, ("esr-tr-k5c2", 2): 35.40,
    ("esr-tm-k7c4", 3): 31.6, ("esr-tm-k7c4", 4): 29.5, ("ecbsr-m4c8", 2): 36.5, ("ecbsr-m4c16", 2): 36.9,
    ("esr-tr-k7c5", 2): 35.9, ("esr-cnn-c4d3s6", 2): 36.3, ("espcn-d16s32", 2): 36.5, ("fsrcnn-56-12-4", 2): 36.5,
    ("ecbsr-m10c16", 2): 37.2, ("imdn-light", 2): 37.5, ("span-48", 2): 37.5,
}  # fmt: skip
"""Set5 PSNR in dB: what training was asked to reach."""


@pytest.mark.parametrize(("dataset", "scale"), BICUBIC, ids=str)
def test_bicubic_is_the_literatures(shared: Path, dataset: str, scale: int) -> None:
    (row,) = evaluate(shared / "eval" / dataset, ["bicubic"], scale)
    psnr_db, ssim = BICUBIC[dataset, scale]
    assert row.psnr_db == pytest.approx(psnr_db, abs=0.02)
    assert row.ssim == pytest.approx(ssim, abs=1e-3)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_weights_reach_their_floors_and_their_cards(shared: Path, scale: int) -> None:
    models = [name for name, scales in MODELS.items() if scale in scales]
    rows = evaluate(shared / "eval" / "Set5", models, scale)
    assert [row.model for row in rows] == models
    for row in rows:
        assert row.psnr_db >= FLOORS.get((row.model, scale), 0.0), row
        card = next(one for one in find_model(row.model, scale).quality if one.dataset == "Set5")
        assert row.psnr_db == pytest.approx(card.psnr_db, abs=2e-3)
        assert row.psnr_uint8_db == pytest.approx(card.psnr_uint8_db, abs=2e-3)
        assert row.ssim == pytest.approx(card.ssim, abs=2e-4)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of a colour and a greyscale picture of odd sizes, and things that are no pictures."""
    random = np.random.default_rng(0)
    folder = tmp_path / "mine"
    folder.mkdir()
    Image.fromarray(random.integers(0, 256, (41, 53, 3), dtype=np.uint8)).save(folder / "colour.png")
    Image.fromarray(random.integers(0, 256, (47, 38), dtype=np.uint8)).save(folder / "grey.BMP")
    (folder / "notes.txt").write_text("no picture")
    (folder / "folder.png").mkdir()
    return folder


def test_the_command_prints_every_format(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    printed = {}
    for form in ("md", "csv", "json"):
        assert main(["eval", str(pictures), "--models", "esr-tm-k5c2", "--scale", "3", "--format", form]) == 0
        printed[form] = capsys.readouterr().out
    rows = json.loads(printed["json"])
    assert [(row["model"], row["dataset"], row["scale"], row["images"]) for row in rows] == [
        ("bicubic", "mine", 3, 2), ("esr-tm-k5c2", "mine", 3, 2)
    ]  # fmt: skip
    assert all(isinstance(row[key], float) for row in rows for key in ("psnr_db", "psnr_uint8_db", "ssim"))
    assert [row["psnr_db"] for row in csv.DictReader(io.StringIO(printed["csv"]))] == [
        str(row["psnr_db"]) for row in rows
    ]
    table, legend = printed["md"].split("\n\n")
    assert len(table.splitlines()) == 4
    assert len({len(line) for line in table.splitlines()}) == 1
    assert "threads" in legend
    assert "1920x1080" in legend


def test_cost_and_time_stand_beside_quality(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["eval", str(pictures), "--models", "esr-tr-k5c2", "--format", "json"]) == 0
    bicubic, row = json.loads(capsys.readouterr().out)
    card = find_model("esr-tr-k5c2", 2)
    assert row["parameters"] == card.parameters
    assert row["full_hd_gmac"] == pytest.approx(card.macs_per_output_pixel * 1920 * 1080 / 1e9)
    assert row["full_hd_p50_ms"] > 0
    assert row["threads"] >= 1
    assert (row["watts"] is None) == (row["rail"] is None)
    assert bicubic["parameters"] == 0


def test_several_folders_and_scales_and_their_figure(pictures: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / pictures.name
    other.mkdir(parents=True)
    Image.effect_noise((60, 60), 50).save(other / "noise.png")
    lines = report([pictures, other], "esr-tm-k5c2", [2, 3, 2])
    assert [(line.quality.model, line.quality.scale) for line in lines] == [
        (name, scale) for scale in (2, 3) for _ in range(2) for name in ("bicubic", "esr-tm-k5c2")
    ]
    assert [line.quality.images for line in lines[::2]] == [2, 1, 2, 1]
    assert {line.speed.width * line.speed.scale for line in lines} == {1920}
    plot(lines, tmp_path / "one.png")
    plot([replace(line, speed=replace(line.speed, watts=20.0, rail="board")) for line in lines], tmp_path / "two.png")
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "two.png") as two:
        assert one.height == two.height, "a row for each scale"
        assert 2 * one.width == two.width, "energy beside speed where power is measured"
        assert len(np.unique(np.asarray(one.convert("RGB")).reshape(-1, 3), axis=0)) > 100


def test_what_cleans_degraded_pictures_stretches_no_axis(
    pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    lines = report([pictures], "esr-tm-k5c2,realesr-compact", [2])
    plot(lines, tmp_path / "all.png")
    assert "realesr-compact is not drawn" in caplog.text
    plot([line for line in lines if line.quality.model != "realesr-compact"], tmp_path / "others.png")
    assert (tmp_path / "all.png").read_bytes() == (tmp_path / "others.png").read_bytes()
    caplog.clear()
    plot([line for line in lines if line.quality.model != "esr-tm-k5c2"], tmp_path / "alone.png")
    assert not caplog.text


def test_the_command_takes_several_of_both(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(pictures)
    assert main(["eval", folder, folder, "--models", "bicubic", "--scale", "2,4", "--format", "json"]) == 0
    assert [row["scale"] for row in json.loads(capsys.readouterr().out)] == [2, 2, 4, 4]
    for wish, words in ((["eval"], "DIR... is missing"), (["eval", folder, "--scale", "2,x"], "no list of scales")):
        assert main(wish) == 2
        assert words in capsys.readouterr().err


def test_all_models_are_those_that_have_the_scale(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtsr.models.MODELS", {"bicubic": (2, 3, 4), "esr-tm-k5c2": (2,)})
    assert [line.quality.model for line in report([pictures], "all", [3])] == ["bicubic"]
    with pytest.raises(UsageError, match="no scale 3"):
        report([pictures], "esr-tm-k5c2", [3])


def test_a_bad_wish_is_told_before_anything_is_measured(pictures: Path) -> None:
    with pytest.raises(SourceError, match="absent"):
        report([pictures, pictures / "absent"], "all", [2])
    with pytest.raises(UsageError, match="no scale 7"):
        report([pictures], "all", [2, 7])
    with pytest.raises(UsageError, match="nothing is named"):
        report([], "all", [2])


def test_a_figure_that_cannot_be_written_is_one_sentence(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wish = ["eval", str(pictures), "--models", "bicubic", "--plot", str(pictures / "no" / "figure.png")]
    assert main(wish) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_equal_pictures_are_valid_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (32, 32), (90, 90, 90)).save(tmp_path / "flat.png")
    assert main(["eval", str(tmp_path), "--models", "bicubic", "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["psnr_db"] is None, "infinite"


def test_rtsr_models_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert all(shown.count(f"| {name} ") == len(scales) for name, scales in MODELS.items())
    assert main(["models", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {(row["model"], row["scale"]) for row in rows} == {
        (name, scale) for name, scales in MODELS.items() for scale in scales
    }


def test_bad_input_is_one_sentence_and_its_mend(pictures: Path, tmp_path: Path) -> None:
    text = pictures / "notes.txt"
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (tmp_path / "absent", text, empty):
        with pytest.raises(SourceError):
            evaluate(folder, ["bicubic"], 2)
    with pytest.raises(UsageError, match="did you mean esr-tm-k5c2"):
        evaluate(pictures, ["esr-tm-k5c"], 2)
    with pytest.raises(UsageError, match="2, 3 or 4"):
        evaluate(pictures, ["bicubic"], 5)
    with pytest.raises(UsageError, match="no model"):
        parse_models(" , ")
    assert parse_models("all") == list(MODELS)


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 30])
def test_a_broken_picture_is_named(pictures: Path, content: bytes) -> None:
    (pictures / "broken.png").write_bytes(content)
    with pytest.raises(SourceError, match=r"broken\.png"):
        evaluate(pictures, ["bicubic"], 2)


def test_a_truncated_picture_is_named(pictures: Path) -> None:
    whole = (pictures / "colour.png").read_bytes()
    (pictures / "cut.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"cut\.png"):
        evaluate(pictures, ["bicubic"], 2)


def test_a_tiny_picture_is_named_with_the_size_needed(tmp_path: Path) -> None:
    Image.new("RGB", (14, 40)).save(tmp_path / "tiny.png")
    with pytest.raises(SourceError, match=r"tiny\.png is too small"):
        evaluate(tmp_path, ["bicubic"], 2)


def test_a_deep_picture_is_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((40, 40), 40_000, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(SourceError, match="more than 8 bits"):
        evaluate(tmp_path, ["bicubic"], 2)


def test_pictures_are_found_by_suffix_in_order(pictures: Path) -> None:
    assert [path.name for path in list_pictures(pictures)] == ["colour.png", "grey.BMP"]
