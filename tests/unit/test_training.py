"""Training in small: a recipe of two seconds on made-up photographs is reproducible and yields true files."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from rtsr.errors import SourceError, UsageError
from rtsr.models import parse_card, verified_path
from rtsr.nets import open_net
from tests.unit.waves import paint_waves
from training.__main__ import command
from training.data import Patches, list_photographs, load_pair, split
from training.recipe import PatchRecipe, find_recipe, read_recipe
from training.train import check, train
from training.whiten import whitening

TINY = PatchRecipe(
    name="tiny", kind="tm", kernel_size=5, channels=2, scales=(2,), folders=("cc0",), held_out=2,
    steps=60, batch_px=512, check_every=20, average=0.9,
)  # fmt: skip
RECIPES = sorted(Path(find_recipe("esr-tm-k5c2")).parent.glob("*.toml"))


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures of smooth blobs with hard edges, two crops of each of two."""
    return paint_waves(tmp_path_factory.mktemp("free"), ("lake_0", "lake_1", "tree_0", "tree_1"))


def test_training_repeats_to_the_last_bit_and_beats_its_start(photographs: Path) -> None:
    torch.set_num_threads(1)
    first, second = (train(TINY, 2, (photographs,), lambda _: None) for _ in range(2))
    assert torch.equal(first.net.weight, second.net.weight)
    start = train(dataclasses.replace(TINY, steps=1, value_rate=0.0), 2, (photographs,), lambda _: None)
    assert first.held_out_psnr_db > start.held_out_psnr_db + 0.1
    assert (first.crops_learned, first.crops_held_out) == (2, 2)


@pytest.mark.parametrize(("kind", "channels", "scale"), [("max", 3, 3), ("tr", 2, 4), ("tm", 4, 2)])
def test_every_kind_trains_at_every_scale(photographs: Path, kind: str, channels: int, scale: int) -> None:
    recipe = dataclasses.replace(TINY, kind=kind, channels=channels, steps=5)
    net = train(recipe, scale, (photographs,), lambda _: None).net
    pairs = [load_pair(path, scale) for path in sorted((photographs / "cc0").iterdir())]
    assert np.isfinite(check(net, pairs))


def test_the_command_writes_files_that_agree_with_their_card(photographs: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(
        'name = "tiny"\nkind = "tr"\nkernel_size = 5\nchannels = 2\nscales = [2]\nfolders = ["cc0"]\n'
        "held_out = 2\nsteps = 5\nbatch_px = 64\n"
    )
    out = tmp_path / "out"
    args = [str(recipe), "--data", str(photographs), "--sets", str(tmp_path / "none"), "--out", str(out)]
    result = CliRunner().invoke(command, args, catch_exceptions=False)
    assert result.exit_code == 0
    card = parse_card(out / "tiny_x2.toml")
    assert open_net(verified_path(card, "safetensors")).shape.parameters == card.parameters == 600
    assert verified_path(card, "onnx").is_file()
    assert (out / "tiny.recipe.toml").read_bytes() == recipe.read_bytes()


def test_whitened_patches_have_unit_covariance_and_ignore_brightness(photographs: Path) -> None:
    pairs = [load_pair(path, 2) for path in sorted((photographs / "cc0").iterdir())]
    patches, _, _ = Patches(pairs, 2, 5).draw(4096, torch.Generator().manual_seed(0))
    basis = whitening(patches)
    assert basis.shape == (24, 25)
    torch.testing.assert_close(basis.sum(1), torch.zeros(24), atol=1e-3, rtol=0)
    white = patches @ basis.T
    torch.testing.assert_close(white.T @ white / len(white), torch.eye(24), atol=2e-2, rtol=0)


def test_a_patch_and_its_answer_are_one_place(photographs: Path) -> None:
    """Under every mirror and turn: the answer's mean is nearest to the middle, each phase nearer to its own corner."""
    pairs = [load_pair(path, 2) for path in sorted((photographs / "cc0").iterdir())]
    low, high, _ = Patches(pairs, 2, 5).draw(4096, torch.Generator().manual_seed(0))
    corners = (6, 8, 16, 18)
    for seen, truth in zip(low.chunk(8), high.chunk(8), strict=True):
        distance = (seen - truth.mean(1, keepdim=True)).abs().mean(0)
        assert distance.argmin().item() == 12
        for phase in range(4):
            own, opposite = (
                (seen[:, place] - truth[:, phase]).abs().mean() for place in (corners[phase], corners[3 - phase])
            )
            assert own < opposite


def test_crops_of_one_photograph_stay_on_one_side(photographs: Path) -> None:
    grouped = list_photographs((photographs,), ("cc0",))
    assert [[path.stem for path in one] for one in grouped] == [["lake_0", "lake_1"], ["tree_0", "tree_1"]]
    learn, hold = split(grouped, 2)
    assert {path.stem[:4] for path in learn}.isdisjoint(path.stem[:4] for path in hold)
    for every in (1, 9):
        with pytest.raises(SourceError, match="too few"):
            split(grouped, every)
    with pytest.raises(SourceError, match="cc-by"):
        list_photographs((photographs,), ("cc-by",))


NAMES = {
    "esr": "esr-{kind}-k{kernel_size}c{channels}",
    "ecbsr": "ecbsr-m{blocks}c{channels}",
    "espcn": "espcn-d{first}s{second}",
    "esr_cnn": "esr-cnn-c{channels}d{first}s{second}",
    "fsrcnn": "fsrcnn-{wide}-{narrow}-{maps}",
    "imdn": "imdn-{kind}",
    "span": "span-{width}",
}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_are_read(path: Path) -> None:
    """One for clean pictures is named after its network's numbers, any other after what it is for."""
    recipe = read_recipe(path)
    assert recipe.name == path.stem
    if recipe.net == "esr":
        assert recipe.name == NAMES["esr"].format(**dataclasses.asdict(recipe))
    elif not recipe.start and recipe.footage is None and recipe.degrade is None:
        assert recipe.name == NAMES[recipe.net].format(**recipe.shape)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("batchpx = 5", "did you mean batch_px"),
        ('steps = "many"', "of type int"),
        ("steps = true", "of type int"),
        ("steps = 0", "positive"),
        ("seed", "cannot be read"),
        ('net = "ecbs"', "did you mean ecbsr"),
        ('net = "ecbsr"', "unknown key 'kind'"),
        ("average = 1.0", "less than 1"),
    ],
)
def test_a_wrong_line_is_refused_with_its_mend(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(find_recipe("esr-tm-k5c2").read_text() + line + "\n")
    with pytest.raises(UsageError, match=words):
        read_recipe(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('kind = "tm"', 'kind = "cnn"', "one of max, tm, tr"),
        ("scales = [2, 3, 4]", "scales = []", "not empty"),
        ("channels = 2\n", "", "does not say 'channels'"),
        ("kernel_size = 5", "kernel_size = 3", "5 or more"),
    ],
)
def test_a_wrong_value_is_refused_with_its_mend(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(find_recipe("esr-tm-k5c2").read_text().replace(old, new))
    with pytest.raises(UsageError, match=words):
        read_recipe(path)


def test_an_unknown_recipe_comes_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="did you mean esr-tr-k5c2"):
        find_recipe("esr-tr-k5c")
