"""The GAN stage in small: real losses and real steps; only VGG19's weights are random numbers of the right sizes."""

import dataclasses
import math
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file

from rtsr.errors import SourceError, UsageError
from rtsr.models import parse_card, verified_path
from rtsr.nets import open_net
from rtsr.nets.enlarger import Enlarger
from tests.unit.waves import paint_waves
from training.__main__ import command
from training.adversary import Adversary, new_discriminator, read_adversary, taken_for
from training.gan import train_gan
from training.perceptual import BLOCKS, open_perceptual
from training.recipe import RECIPES_FOLDER, CropRecipe, read_recipe
from training.train import Trained
from training.train_crops import Run, train_crops

QUIET = {"noise": 0.0, "resize_up": 0.0, "resize_down": 0.0}
PSNR = CropRecipe(
    net="srvgg", name="tiny", shape={"width": 8, "convs": 1}, scales=(2,), folders=("cc0",), held_out=2,
    steps=40, batch=4, crop_px=16, check_every=20, average=0.9, optimizer="soap", rate=3e-3, last_rate=3e-3,
    stills={"versions": 2, "side_px": 48}, degrade={"first": QUIET, "second": QUIET},
)  # fmt: skip
GAN = dataclasses.replace(
    PSNR, name="tiny-gan", start="tiny", steps=16, check_every=4, optimizer="adam", rate=1e-3, last_rate=1e-3,
    gan={"width": 8, "rate": 5e-3},
)  # fmt: skip
TOML = """net = "srvgg"
name = "{name}"
shape = {{ width = 8, convs = 1 }}
scales = [2]
folders = ["cc0"]
held_out = 2
steps = 4
batch = 2
crop_px = 16
check_every = 2
{more}
[stills]
versions = 1
side_px = 48
[degrade]
"""


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint_waves(tmp_path_factory.mktemp("free"), ("lake", "tree"))


@pytest.fixture(scope="module")
def vgg19(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as torchvision's, with random weights, in half precision."""
    random = torch.Generator().manual_seed(0)
    weights, inputs, place = {}, 3, 0
    for channels, count in BLOCKS:
        for _ in range(count):
            filters = torch.randn(channels, inputs, 3, 3, generator=random) * math.sqrt(2.0 / (9 * inputs))
            weights[f"features.{place}.weight"] = filters.half()
            weights[f"features.{place}.bias"] = torch.zeros(channels).half()
            inputs, place = channels, place + 2
        place += 1
    weights["classifier.6.bias"] = torch.zeros(1000).half()
    path = tmp_path_factory.mktemp("vgg") / "vgg19.safetensors"
    save_file(weights, path)
    return path


@pytest.fixture(scope="module")
def start(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Enlarger:
    torch.set_num_threads(1)
    run = Run((photographs,), tmp_path_factory.mktemp("psnr") / "run")
    return train_crops(PSNR, 2, run, lambda _: None).net


def learn(recipe: CropRecipe, run: Run) -> tuple[Trained, list[str]]:
    told: list[str] = []
    return train_gan(recipe, 2, run, told.append), told


def numbers(line: str) -> dict[str, float]:
    """What a line of progress says of the losses."""
    named = re.findall(r"(l1|perceptual|adversarial|logits) ([-+0-9.]+)", line)
    return {**{name: float(value) for name, value in named}, "made": float(re.findall(r"([-+0-9.]+) made", line)[0])}


def same(first: Enlarger, second: Enlarger) -> bool:
    return all(torch.equal(one, other) for one, other in zip(first.parameters(), second.parameters(), strict=True))


def tensors(path: Path) -> bytes:
    """All of a checkpoint but the header, which holds the time it took."""
    content = path.read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]


def test_features_are_those_of_the_layers_before_their_relu(vgg19: Path) -> None:
    """Against the same convolutions, written out."""
    perceptual = open_perceptual(vgg19)
    luma = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    answers = perceptual.net(luma)
    assert [tuple(one.shape[1:]) for one in answers] == [
        (64, 32, 32), (128, 16, 16), (256, 8, 8), (512, 4, 4), (512, 2, 2)
    ]  # fmt: skip
    assert all((one < 0).any() for one in answers)
    grey = (luma * 255 - 16) / 219
    seen = (grey - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[
        :, None, None
    ]
    layers = perceptual.net.features
    torch.testing.assert_close(answers[0], layers[2](layers[0](seen).relu()))
    third = torch.nn.functional.max_pool2d(answers[0].relu(), 2)
    torch.testing.assert_close(answers[1], layers[7](layers[5](third).relu()))


def test_the_perceptual_loss_grows_with_the_difference_and_teaches(vgg19: Path) -> None:
    perceptual = open_perceptual(vgg19)
    wanted = torch.rand(2, 1, 32, 32, generator=torch.Generator().manual_seed(2))
    noise = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(3))
    near, far = (perceptual(wanted + sigma * noise, wanted).item() for sigma in (0.01, 0.1))
    assert perceptual(wanted, wanted).item() == 0.0
    assert 0.0 < near < far
    made = (wanted + 0.1 * noise).requires_grad_()
    perceptual(made, wanted).backward()
    with torch.no_grad():
        assert perceptual(made - 1e-3 * made.grad / made.grad.abs().mean(), wanted) < far


def test_cross_entropy_is_least_where_the_discriminator_is_right() -> None:
    logits = torch.tensor([3.0, 5.0])
    assert taken_for(logits, real=True) < 0.05 < 3.0 < taken_for(logits, real=False)
    assert taken_for(torch.zeros(4), real=True).item() == pytest.approx(math.log(2.0))


def test_both_sides_learn(photographs: Path, vgg19: Path, start: Enlarger, tmp_path: Path) -> None:
    run = Run((photographs,), tmp_path / "run", start, perceptual=vgg19)
    trained, told = learn(GAN, run)
    first, *_, last = map(numbers, told)
    assert last["logits"] - last["made"] > first["logits"] - first["made"] + 0.3  # the discriminator tells them apart
    assert last["perceptual"] < first["perceptual"] * 0.98
    picture = torch.rand(1, 1, 24, 24)
    with torch.no_grad():
        moved = (trained.net(picture) - start(picture)).abs().max().item()
    assert 1e-3 < moved < 0.5
    assert (trained.best_step, trained.finished) == (16, True)
    assert trained.facts["form"] == "gan"


def test_it_repeats_and_goes_on_after_a_stop_to_the_last_bit(
    photographs: Path, vgg19: Path, start: Enlarger, tmp_path: Path
) -> None:
    whole = Run((photographs,), tmp_path / "whole", start, perceptual=vgg19)
    parts = dataclasses.replace(whole, checkpoint=tmp_path / "parts", max_minutes=1e-9)
    recipe = dataclasses.replace(GAN, steps=5, check_every=2)
    first, _ = learn(recipe, whole)
    stopped = [learn(recipe, parts)[0].finished for _ in range(3)]
    second, told = learn(recipe, dataclasses.replace(parts, max_minutes=math.inf))
    assert stopped == [False] * 3
    assert "goes on after step 3" in told[0]
    assert same(first.net, second.net)
    assert whole.checkpoint.read_bytes().count(b"adversary.buffer") > 8
    assert tensors(whole.checkpoint) == tensors(parts.checkpoint)


def test_another_file_of_features_is_another_run(
    photographs: Path, vgg19: Path, start: Enlarger, tmp_path: Path
) -> None:
    run = Run((photographs,), tmp_path / "run", start, max_minutes=1e-9, perceptual=vgg19)
    learn(GAN, run)
    alone = dataclasses.replace(GAN, gan={**GAN.gan, "perceptual": 0.0})
    with pytest.raises(UsageError, match="another recipe"):
        learn(alone, run)


def test_without_a_perceptual_share_no_file_is_needed(photographs: Path, start: Enlarger, tmp_path: Path) -> None:
    recipe = dataclasses.replace(GAN, steps=2, gan={"width": 8, "perceptual": 0.0})
    trained, _ = learn(recipe, Run((photographs,), tmp_path / "run", start))
    assert "vgg19_sha256" not in trained.facts


def test_discriminators_of_one_seed_are_the_same_and_leave_the_random_state_alone() -> None:
    plan, state = Adversary(width=4), torch.get_rng_state()
    one, two, other = (new_discriminator(plan, seed, "cpu").state_dict() for seed in (0, 0, 1))
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["first.weight"], other["first.weight"])


def test_missing_features_are_refused_before_anything_is_read(start: Enlarger, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs VGG19's weights") as caught:
        learn(GAN, Run((tmp_path / "no-such-folder",), tmp_path / "run", start))
    assert "--perceptual FILE" in caught.value.mend
    assert "docs/gan.md" in caught.value.mend


def test_what_is_no_file_of_vgg19_is_refused_with_the_way(vgg19: Path, tmp_path: Path) -> None:
    (tmp_path / "vgg19.pth").write_bytes(pickle.dumps({"features.0.weight": 1}))
    with pytest.raises(SourceError, match="runs code when it is opened") as caught:
        open_perceptual(tmp_path / "vgg19.pth")
    assert "weights_only=True" in caught.value.mend
    save_file({"features.0.weight": torch.zeros(64, 3, 3, 3)}, tmp_path / "part.safetensors")
    with pytest.raises(SourceError, match=r"features\.0\.bias is missing") as caught:
        open_perceptual(tmp_path / "part.safetensors")
    assert "docs/gan.md" in caught.value.mend
    save_file({"features.0.weight": torch.zeros(64, 1, 3, 3)}, tmp_path / "grey.safetensors")
    with pytest.raises(SourceError, match=r"is \(64, 1, 3, 3\), not \(64, 3, 3, 3\)"):
        open_perceptual(tmp_path / "grey.safetensors")
    with pytest.raises(SourceError, match="is onnx, not safetensors"):
        open_perceptual(Path(__file__).parents[2] / "rtsr/models/ecbsr-m4c8_x2.onnx")
    with pytest.raises(SourceError, match="no such file"):
        open_perceptual(tmp_path / "none.safetensors")


def test_the_command_goes_from_one_form_to_the_other(photographs: Path, vgg19: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "soft.toml").write_text(TOML.format(name="tiny", more=""))
    (tmp_path / "hard.toml").write_text(TOML.format(name="tiny-gan", more='start = "tiny"') + "[gan]\nwidth = 4\n")
    places = ["--data", str(photographs), "--sets", str(tmp_path / "none"), "--out", str(out)]
    run = CliRunner()
    useless = run.invoke(command, [str(tmp_path / "soft.toml"), *places, "--perceptual", str(vgg19)])
    assert "--perceptual is for" in str(useless.exception)
    run.invoke(command, [str(tmp_path / "soft.toml"), *places], catch_exceptions=False)
    missing = run.invoke(command, [str(tmp_path / "hard.toml"), *places])
    assert isinstance(missing.exception, UsageError)
    args = [str(tmp_path / "hard.toml"), *places, "--perceptual", str(vgg19)]
    done = run.invoke(command, args, catch_exceptions=False)
    assert "logits" in done.output
    text = (out / "tiny-gan_x2.toml").read_text("utf-8")
    assert 'form = "gan"' in text
    assert 'losses = "l1 1, perceptual 1, adversarial 0.1"' in text
    soft, hard = (
        open_net(verified_path(parse_card(out / f"{name}_x2.toml"), "safetensors")) for name in ("tiny", "tiny-gan")
    )
    assert soft.shape == hard.shape
    assert not same(soft, hard)
    assert not list(out.glob("*.checkpoint*"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"start": ""}, 'add start = "..."'),
        ({"degrade": None, "stills": None}, r"add \[degrade\]"),
        ({"loss": "l1"}, "losses of its own"),
        ({"tail": 0.5}, "losses of its own"),
        ({"crop_px": 7}, "16 enlarged pixels"),
        ({"gan": {"adversarial": 0.0}}, "leave it out"),
        ({"gan": {"l1": -1.0}}, "0 or a positive number"),
        ({"gan": {"width": 0}}, "a positive number"),
        ({"gan": {"widths": 8}}, "did you mean width"),
        ({"gan": {"vgg19": 3}}, "of type str"),
    ],
)
def test_a_wrong_recipe_is_refused_with_its_mend(changes: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        dataclasses.replace(GAN, **changes)


def test_the_recipe_of_this_project_is_sound() -> None:
    soft, hard = (read_recipe(RECIPES_FOLDER / f"realesr-compact{end}.toml") for end in ("", "-gan"))
    assert isinstance(soft, CropRecipe)
    assert isinstance(hard, CropRecipe)
    assert (hard.start, hard.name) == (soft.name, f"{soft.name}-gan")
    assert (hard.shape, hard.degrade, hard.scales) == (soft.shape, soft.degrade, soft.scales)
    assert read_adversary(hard.gan or {}) == Adversary()
    assert np.isclose(Adversary().adversarial, 0.1)
