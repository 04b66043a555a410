"""Pictures with a history: pairs that belong together, the same every time, never of a held-out photograph."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from rtsr.errors import SourceError, UsageError
from rtsr.metrics import luma
from training.data import bicubic_error
from training.learner import Learner
from training.recipe import RECIPES_FOLDER, CropRecipe, read_recipe
from training.stills import Still, load_stills
from training.train_crops import Run, flat_loss, train_crops

QUIET = {"blur": 0.0, "noise": 0.0, "jpeg": 0.0, "resize_up": 0.0, "resize_down": 0.0, "resize_filters": ["area"]}
"""Nothing but the resizing to size, by means over squares."""
RECIPE = CropRecipe(
    net="srvgg", name="tiny", shape={"width": 4, "convs": 1}, scales=(2,), folders=("cc0",), held_out=2,
    steps=4, batch=2, crop_px=16, check_every=2,
    stills={"versions": 2, "side_px": 64},
    degrade={"target": "plain", "final_sinc": 0.0, "first": QUIET, "second": QUIET},
)  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dark and a light photograph, hard-edged, and a crop of the dark one that is too small for a patch."""
    root = tmp_path_factory.mktemp("free")
    (root / "cc0").mkdir()
    y, x = np.mgrid[:90, :100]
    for name, tone in (("dark", 70), ("light", 190)):
        edges = np.sign(np.sin(x * 0.3 + y * 0.2)) + np.sign(np.sin(x * 0.11 - y * 0.23))
        rgb = (tone + 20 * edges[..., None] + np.array([0, 8, -8])).astype(np.uint8)
        Image.fromarray(rgb).save(root / "cc0" / f"{name}.png")
    Image.new("RGB", (40, 90)).save(root / "cc0" / "dark_1.png")
    return root


def load(photographs: Path, **changes: object) -> list[Still]:
    return load_stills(dataclasses.replace(RECIPE, **changes), 2, (photographs,), lambda _: None)[0]


def degraded(**changes: object) -> dict[str, object]:
    return {"degrade": {**RECIPE.degrade, **changes}}


def test_pairs_are_patches_before_and_after_the_chain(photographs: Path) -> None:
    told: list[str] = []
    learned, held_out = load_stills(RECIPE, 2, (photographs,), told.append)
    assert told == ["1 of 2 pictures are smaller than 64x64 and left out"]
    assert [len(learned), len(held_out)] == [2, 2]
    assert abs(learned[0].plain.mean() - held_out[0].plain.mean()) > 0.2  # two photographs, on two sides
    for still in learned + held_out:
        low, high = still.pair.low, still.pair.high
        assert (low.shape, high.shape, low.dtype) == ((32, 32), (64, 64), torch.float32)
        means = high.reshape(32, 2, 32, 2).mean((1, 3))
        assert (low - means).abs().max() < 1.5 / 255  # the same place, and luma on both sides; 8 bits between
        assert torch.equal(still.plain, high)
    assert not torch.equal(learned[0].plain, learned[1].plain)  # another patch


def test_the_luma_is_that_of_the_project(tmp_path: Path) -> None:
    """BT.601 studio swing over 255, as every other pair of training has it."""
    (tmp_path / "cc0").mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (64, 64), (200, 40, 90)).save(tmp_path / "cc0" / f"{name}.png")
    for still in load(tmp_path):
        wanted = float(luma(np.array([[[200, 40, 90]]], np.uint8))[0, 0]) / 255
        assert still.pair.high.mean().item() == pytest.approx(wanted, abs=1e-6)
        assert still.pair.low.mean().item() == pytest.approx(wanted, abs=1e-6)


def test_the_target_is_sharpened_when_the_plan_says_so_and_the_photograph_stays(photographs: Path) -> None:
    plain, sharp = load(photographs), load(photographs, **degraded(target="usm"))
    for before, after in zip(plain, sharp, strict=True):
        assert torch.equal(before.plain, after.plain)
        assert after.pair.high.std() > 1.02 * before.pair.high.std()


def test_the_same_recipe_gives_the_same_pairs_another_seed_others(photographs: Path) -> None:
    full = degraded(first={}, second={}, final_sinc=0.8)
    first, again, other = (load(photographs, **full, seed=seed) for seed in (1, 1, 2))
    assert all(torch.equal(one.pair.low, two.pair.low) for one, two in zip(first, again, strict=True))
    assert not any(torch.equal(one.pair.low, two.pair.low) for one, two in zip(first, other, strict=True))
    worse, better = (sum(bicubic_error(one.pair, 2) for one in some) for some in (first, load(photographs)))
    assert worse > 2 * better


def test_held_out_pictures_stay_when_more_are_learned(photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "cc0").mkdir()
    for name in ("dark.png", "light.png"):
        (tmp_path / "cc0" / name).write_bytes((photographs / "cc0" / name).read_bytes())
    few, more = (load_stills(RECIPE, 2, (root,), lambda _: None) for root in (tmp_path, photographs))
    assert all(torch.equal(one.pair.low, two.pair.low) for one, two in zip(few[1], more[1], strict=True))


def test_a_broken_file_is_named_and_left_out_only_when_asked(photographs: Path, tmp_path: Path) -> None:
    (tmp_path / "cc0").mkdir()
    (tmp_path / "cc0" / "dark_2.png").write_bytes(b"no picture")
    roots, told = (photographs, tmp_path), list[str]()
    with pytest.raises(SourceError, match=r"dark_2\.png"):
        load_stills(RECIPE, 2, roots, told.append)
    told.clear()
    learned, _ = load_stills(RECIPE, 2, roots, told.append, skip_bad=True)
    assert len(learned) == 2
    assert "dark_2.png" in told[0]
    assert told[1:] == ["1 of 3 files are left out", "1 of 2 pictures are smaller than 64x64 and left out"]


def test_a_network_learns_from_it(photographs: Path, tmp_path: Path) -> None:
    trained = train_crops(RECIPE, 2, Run((photographs,), tmp_path / "run"), lambda _: None)
    assert (trained.crops_learned, trained.crops_held_out, trained.finished) == (2, 2, True)


def test_an_empty_table_is_not_the_lack_of_one(photographs: Path) -> None:
    assert len(load(photographs, degrade={}, stills={"side_px": 64})) == 4


def test_pictures_that_are_all_too_small_are_refused(photographs: Path) -> None:
    with pytest.raises(SourceError, match="no picture is as large as 128x128"):
        load(photographs, stills={"side_px": 128})


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("[stills]\nversion = 3", "did you mean versions"),
        ("[stills]\nversions = 0", "positive"),
        ("[stills]\nside_px = 90", "crop_px = 48 needs 192 or more"),
        ("[stills]\nversions = true", "of type int"),
        ("[degrade]\ntarget = 'sharp'", "usm"),
        ("[degrade]\nfirst = 3", "it is a table"),
        ("[degrade.first]\nblur = 2", "a probability"),
        ("[degrade]\n[footage]", "leave out one of them"),
        ("[footage]\nframes = 0", "positive"),
        ("[footage]\nframe = 3", "did you mean frames"),
    ],
)
def test_a_wrong_table_is_refused_when_the_recipe_is_read(table: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    text = (RECIPES_FOLDER / "ecbsr-m4c8.toml").read_text("utf-8")
    other = "\n[degrade]" if table.startswith("[stills]") else ""
    path.write_text(f"{text}\n{table}{other}\n")
    with pytest.raises(UsageError) as caught:
        read_recipe(path)
    assert words in f"{caught.value.problem} {caught.value.mend}"


def test_stills_without_degrade_are_refused() -> None:
    with pytest.raises(UsageError, match=r"add \[degrade\]"):
        dataclasses.replace(RECIPE, degrade=None)


def test_the_recipe_of_this_project_is_sound() -> None:
    recipe = read_recipe(RECIPES_FOLDER / "realesr-compact.toml")
    assert isinstance(recipe, CropRecipe)
    assert recipe.degrade == {"target": "usm"}
    assert recipe.folders == ("cc0",)


def test_the_loss_on_flat_pictures_is_that_of_pictures_as_large_as_the_network_sees() -> None:
    """A network that makes its own borders of zeros is right in the middle only if the middle is looked at."""
    learner = Learner(RECIPE, 2, None)
    weights = learner.weights()
    levels = torch.tensor([0.1, 0.9])[:, None, None, None]
    found = flat_loss(learner, weights, levels, torch.ones(())).item()
    net = learner.deployed(list(weights.values()))
    side = 2 * net.shape.reach + 2
    made = net(levels.expand(-1, 1, side, side).contiguous())
    assert found == pytest.approx((made - levels).square().mean().item(), rel=1e-5)
