"""Pictures as compressed video: pairs that belong together, the same every time, never of a held-out photograph."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rtsr.errors import SourceError, UsageError
from training.card import describe
from training.data import Pair, bicubic_error
from training.footage import Footage, load_footage, read_footage
from training.recipe import CropRecipe
from training.train_crops import Run, train_crops

RECIPE = CropRecipe(
    net="ecbsr", name="tiny", shape={"blocks": 1, "channels": 4}, scales=(2,), folders=("cc0",), held_out=2,
    steps=4, batch=2, crop_px=16, check_every=2,
    footage={
        "sequences": 1, "frames": 4, "kept": 2, "side_px": 128, "clean": 0.0, "order": {"blur": 0.0, "noise": 0.0},
    },
)  # fmt: skip


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("free")
    (root / "cc0").mkdir()
    random = np.random.default_rng(0)
    y, x = np.mgrid[:200, :220]
    for name, tone in (("dark", 60), ("light", 190)):
        waves = sum(np.sin(x * a + y * b + c) for a, b, c in random.uniform(-0.6, 0.6, (6, 3)))
        rgb = np.clip(tone + 9 * waves[..., None] + np.zeros(3), 0, 255).astype(np.uint8)
        Image.fromarray(rgb).save(root / "cc0" / f"{name}.png")
    Image.new("RGB", (90, 90)).save(root / "cc0" / "dark_1.png")  # a crop of a photograph, too small for a frame
    return root


def test_pairs_are_frames_before_and_after_a_codec(photographs: Path) -> None:
    told: list[str] = []
    learned, held_out = load_footage(RECIPE, 2, (photographs,), told.append)
    assert told == ["1 of 2 pictures are smaller than 128x128 and left out"]
    assert [len(learned), len(held_out)] == [2, 2]
    tones = [pair.high.mean().item() for pair in (learned[0], held_out[0])]
    assert abs(tones[0] - tones[1]) > 0.2  # two photographs, on two sides
    for pair in learned + held_out:
        assert (pair.low.shape, pair.high.shape) == ((64, 64), (128, 128))
        assert bicubic_error(pair, 2) < 0.02**2  # 34 dB: the same place of the same frame
        levels = pair.low * 255
        assert torch.equal(levels, levels.round())  # what a decoder gives


def test_the_same_recipe_gives_the_same_pairs_and_more_compression_worse_ones(photographs: Path) -> None:
    def lows(**order: object) -> torch.Tensor:
        footage = {**RECIPE.footage, "order": {**RECIPE.footage["order"], **order}}
        recipe = dataclasses.replace(RECIPE, footage=footage)
        return torch.stack([pair.low for pair in load_footage(recipe, 2, (photographs,), lambda _: None)[0]])

    codecs = {"h264": 0.0, "h265": 0.0, "mjpeg": 1.0}
    fine, again, coarse = (lows(codecs=codecs, mjpeg_q=[q, q]) for q in (2, 2, 31))
    assert torch.equal(fine, again)
    assert (coarse - fine).abs().mean() > 1 / 255


def test_a_broken_file_is_named_and_left_out_only_when_asked(photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "cc0").mkdir()
    (tmp_path / "cc0" / "dark_2.png").write_bytes(b"no picture")
    roots, told = (photographs, tmp_path), list[str]()
    with pytest.raises(SourceError, match=r"dark_2\.png"):
        load_footage(RECIPE, 2, roots, told.append)
    learned, _ = load_footage(RECIPE, 2, roots, told.append, skip_bad=True)
    assert len(learned) == 2
    assert "dark_2.png" in told[0]
    assert told[1] == "1 of 3 files are left out"


def test_a_master_is_what_its_encoder_left(photographs: Path) -> None:
    """Both of a pair change with it: what is shrunk has been encoded before."""

    def pairs(**more: object) -> list[Pair]:
        recipe = dataclasses.replace(RECIPE, footage={**RECIPE.footage, "clean": 1.0, **more})
        return load_footage(recipe, 2, (photographs,), lambda _: None)[0]

    for plain, coded in zip(pairs(), pairs(master=1.0, master_crf=[30, 30]), strict=True):
        lost = (plain.high - coded.high).square().mean().sqrt().item()
        assert 0.3 / 255 < lost < 6 / 255
        assert not torch.equal(plain.low, coded.low)


def test_stills_have_their_part_of_all_pixels_and_are_only_shrunk(photographs: Path) -> None:
    recipe = dataclasses.replace(RECIPE, footage={**RECIPE.footage, "stills": 0.25})
    pairs = load_footage(recipe, 2, (photographs,), lambda _: None)[0]
    *filmed, still = pairs
    assert still.high.numel() / sum(pair.high.numel() for pair in pairs) == pytest.approx(0.25, abs=0.01)
    assert bicubic_error(still, 2) < min(bicubic_error(pair, 2) for pair in filmed)


def test_a_network_learns_from_it(photographs: Path, tmp_path: Path) -> None:
    trained = train_crops(RECIPE, 2, Run((photographs,), tmp_path / "run"), lambda _: None)
    assert (trained.crops_learned, trained.crops_held_out, trained.finished) == (2, 2, True)
    assert describe(RECIPE, trained, {}, (photographs,))["content"] == "video"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"frame": 3}, "did you mean frames"),
        ({"frames": 0}, "positive"),
        ({"side_px": 3}, "64 or more"),
        ({"frames": 2, "kept": 3}, "has 2 frames"),
        ({"clean": 2}, "0 to 1"),
        ({"clean": True}, "of type float"),
        ({"frames": 2.5}, "of type int"),
        ({"order": {"crf": [40, 20]}}, "smaller number first"),
        ({"master": 1.5}, "0 to 1"),
        ({"stills": 1.0}, "0 to 0.9"),
        ({"master_crf": [10, 60]}, "51 or less"),
        ({"paths": {"still": -1.0}}, "0 to 1"),
        ({"paths": {"zoom": [-2.0, 0.0]}}, "0.5 or less"),
        ({"paths": {"pan": 1.0}}, "did you mean pan_px"),
        ({"order": {"codec": 1}}, "did you mean codecs"),
    ],
)
def test_a_wrong_table_is_refused_with_its_mend(table: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_footage(table)
    assert words in f"{caught.value.problem} {caught.value.mend}"


def test_pictures_that_are_all_too_small_are_refused(photographs: Path) -> None:
    recipe = dataclasses.replace(RECIPE, footage={"side_px": 480})
    with pytest.raises(SourceError, match="no picture is as large as 480x480"):
        load_footage(recipe, 2, (photographs,), lambda _: None)


def test_an_empty_table_has_the_defaults() -> None:
    assert read_footage({}) == Footage()
