"""`rtsr eval` on real test sets: the yardstick is right, and the shipped weights keep what their cards promise."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rtsr.cli import main
from rtsr.errors import SourceError, UsageError
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
    rows = evaluate(shared / "eval" / "Set5", list(MODELS), scale)
    assert [row.model for row in rows] == list(MODELS)
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
    assert len(printed["md"].splitlines()) == 4
    assert len({len(line) for line in printed["md"].splitlines()}) == 1


def test_equal_pictures_are_valid_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (32, 32), (90, 90, 90)).save(tmp_path / "flat.png")
    assert main(["eval", str(tmp_path), "--models", "bicubic", "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["psnr_db"] is None, "infinite"


def test_rtsr_models_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert all(shown.count(f"| {name} ") == 3 for name in MODELS)
    assert main(["models", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {(row["model"], row["scale"]) for row in rows} == {(name, scale) for name in MODELS for scale in (2, 3, 4)}


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
