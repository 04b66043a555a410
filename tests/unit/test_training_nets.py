"""Every family learns from crops: it begins as it should, moves, ships as a graph of the contract, and goes on."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import openvino
import pytest
import torch
from click.testing import CliRunner
from torch.nn import functional

from rtsr.errors import UsageError
from rtsr.nets import open_net
from rtsr.nets.enlarger import Enlarger
from rtsr.nets.families import FAMILIES
from tests.unit.waves import paint_waves
from training.__main__ import command
from training.data import load_pair
from training.learner import Learner
from training.recipe import CROP_NETS, CropRecipe
from training.soap import Soap
from training.train import Trained
from training.train_crops import Run, begin, spectral_loss, train_crops

SHAPES: dict[str, dict[str, object]] = {
    "ecbsr": {"blocks": 1, "channels": 4},
    "espcn": {"first": 4, "second": 6},
    "esr_cnn": {"channels": 3, "first": 3, "second": 4},
    "fsrcnn": {"wide": 8, "narrow": 4, "maps": 1},
    "imdn": {"kind": "light", "blocks": 1, "width": 16},
    "span": {"width": 8},
    "srvgg": {"width": 8, "convs": 1},
}


def recipe_of(net: str, **changes: object) -> CropRecipe:
    recipe = CropRecipe(
        net=net, name="tiny", shape=SHAPES[net], scales=(2,), folders=("cc0",), held_out=2,
        steps=40, batch=4, crop_px=16, check_every=20, average=0.9, optimizer="soap", rate=3e-3, last_rate=3e-3,
    )  # fmt: skip
    return dataclasses.replace(recipe, **changes)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures of hard-edged waves."""
    return paint_waves(tmp_path_factory.mktemp("free"), ("lake", "tree"))


def learn(recipe: CropRecipe, run: Run, scale: int = 2) -> Trained:
    return train_crops(recipe, scale, run, lambda _: None)


def same(first: Enlarger, second: Enlarger) -> bool:
    return all(torch.equal(one, other) for one, other in zip(first.parameters(), second.parameters(), strict=True))


def test_every_family_that_learns_from_crops_is_here() -> None:
    assert set(SHAPES) == set(CROP_NETS) <= set(FAMILIES)


@pytest.mark.parametrize("net", CROP_NETS)
def test_a_family_learns_and_goes_on_to_the_last_bit(net: str, photographs: Path, tmp_path: Path) -> None:
    recipe = recipe_of(net)
    whole = learn(recipe, Run((photographs,), tmp_path / "whole"))
    begun = learn(dataclasses.replace(recipe, steps=1), Run((photographs,), tmp_path / "begun"))
    assert whole.held_out_psnr_db > begun.held_out_psnr_db
    parts = Run((photographs,), tmp_path / "parts", max_minutes=1e-9)
    assert not learn(recipe, parts).finished
    assert same(learn(recipe, dataclasses.replace(parts, max_minutes=math.inf)).net, whole.net)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("net", ["espcn", "esr_cnn", "fsrcnn"])
def test_a_network_without_a_base_begins_as_an_enlargement(net: str, scale: int, photographs: Path) -> None:
    """The bilinear one, up to little of all else: better than nothing learned by 20 dB, before the first step."""
    learner = Learner(recipe_of(net), scale, None, lambda side: torch.eye(side**2)[:-1])
    with torch.no_grad():
        begun = learner.deployed(list(learner.weights().values()))
        low = load_pair(photographs / "cc0" / "lake.webp", scale).low[None, None]
        bilinear = functional.interpolate(low, scale_factor=scale, mode="bilinear")
        inner = slice(5 * scale, -5 * scale)
        error = (begun(low) - bilinear)[..., inner, inner]
    assert error.square().mean().sqrt() < 0.3


@pytest.mark.parametrize("net", CROP_NETS)
def test_a_family_ships_as_a_graph_of_the_contract(net: str, photographs: Path, tmp_path: Path) -> None:
    recipe, out = tmp_path / "tiny.toml", tmp_path / "out"
    numbers = ", ".join(
        f'{key} = "{one}"' if isinstance(one, str) else f"{key} = {one}" for key, one in SHAPES[net].items()
    )
    recipe.write_text(
        f'net = "{net}"\nname = "tiny"\nshape = {{ {numbers} }}\nscales = [2]\nfolders = ["cc0"]\n'
        "held_out = 2\nsteps = 2\nbatch = 2\ncrop_px = 16\ncheck_every = 1\n"
    )
    args = [str(recipe), "--data", str(photographs), "--sets", str(tmp_path / "none"), "--out", str(out)]
    CliRunner().invoke(command, args, catch_exceptions=False)
    picture = torch.rand(2, 1, 21, 34)
    core = openvino.Core()
    engine = core.compile_model(out / "tiny_x2.onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    with torch.no_grad():
        truth = open_net(out / "tiny_x2.safetensors")(picture).numpy()
    np.testing.assert_allclose(engine({"luma": picture.numpy()})["sr"], truth, atol=1e-5, rtol=0)


def test_the_same_network_is_the_same_file(photographs: Path, tmp_path: Path) -> None:
    for name in "ab":
        recipe = tmp_path / "tiny.toml"
        recipe.write_text(
            'net = "fsrcnn"\nname = "tiny"\nshape = { wide = 8, narrow = 4, maps = 1 }\nscales = [2]\n'
            'folders = ["cc0"]\nheld_out = 2\nsteps = 2\ncrop_px = 16\nbatch = 2\n'
        )
        args = [
            str(recipe),
            "--data",
            str(photographs),
            "--sets",
            str(tmp_path / "none"),
            "--out",
            str(tmp_path / name),
        ]
        CliRunner().invoke(command, args, catch_exceptions=False)
    first, second = ((tmp_path / name / "tiny_x2.onnx").read_bytes() for name in "ab")
    assert first == second
    assert str(tmp_path).encode() not in first
    assert b"site-packages" not in first


def test_what_cannot_start_from_another_scale_says_so(photographs: Path, tmp_path: Path) -> None:
    for net in ("fsrcnn", "span"):
        first = learn(recipe_of(net, steps=1), Run((photographs,), tmp_path / net)).net
        with pytest.raises(UsageError) as caught:
            learn(recipe_of(net, scales=(2, 3)), Run((photographs,), tmp_path / f"{net}3", start=first), scale=3)
        assert caught.value.mend.endswith("set warm_steps = 0")


@pytest.mark.parametrize("net", ["ecbsr", "imdn", "srvgg"])
def test_a_run_can_go_on_from_a_finished_network(net: str, photographs: Path, tmp_path: Path) -> None:
    first = learn(recipe_of(net), Run((photographs,), tmp_path / "first")).net
    still = recipe_of(net, start="first", steps=1, rate=0.0, last_rate=0.0)
    again = learn(still, Run((photographs,), tmp_path / "again", start=first)).net
    picture = torch.rand(1, 1, 12, 14)
    with torch.no_grad():
        torch.testing.assert_close(again(picture), first(picture), atol=1e-5, rtol=0)


def test_a_teacher_is_learned_from(photographs: Path, tmp_path: Path) -> None:
    """One that paints everything black pulls the network down, by its share."""

    def black(low: torch.Tensor) -> torch.Tensor:
        return torch.zeros(2 * low.shape[0], 2 * low.shape[1])

    recipe = recipe_of("srvgg", tail=0.0)
    alone = learn(recipe, Run((photographs,), tmp_path / "alone"))
    taught = learn(dataclasses.replace(recipe, teach=0.9), Run((photographs,), tmp_path / "taught", teacher=black))
    barely = learn(dataclasses.replace(recipe, teach=0.0), Run((photographs,), tmp_path / "barely", teacher=black))
    low = torch.full((1, 1, 16, 16), 0.5)
    with torch.no_grad():
        assert taught.net(low).mean() < alone.net(low).mean() - 0.01
    assert same(barely.net, alone.net)


def test_the_spectral_loss_is_as_large_as_an_even_error_and_larger_for_a_pattern() -> None:
    weight = torch.tensor(4.0)
    noise = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    assert spectral_loss(noise, weight).item() == pytest.approx(2.0 * math.sqrt(math.pi) / 2.0, rel=0.03)
    assert spectral_loss(torch.zeros(1, 1, 8, 8), weight) == 0


def test_a_gradient_far_longer_than_usual_is_shortened(tmp_path: Path) -> None:
    learner = Learner(recipe_of("srvgg"), 2, None)
    now = begin(learner, recipe_of("srvgg"), Run((tmp_path,), tmp_path / "run"))

    def length_after(value: float) -> float:
        for one in learner.net.parameters():
            one.grad = torch.full_like(one, value)
        now.clip(2.0)
        return math.sqrt(sum(one.grad.square().sum().item() for one in learner.net.parameters()))

    usual = length_after(1.0)
    assert usual == pytest.approx(math.sqrt(sum(one.numel() for one in learner.net.parameters())))
    assert length_after(1.5) == pytest.approx(1.5 * usual, rel=0.01)
    assert length_after(100.0) == pytest.approx(2.0 * usual, rel=0.02)


def test_soap_walks_a_canyon_that_adam_crawls_along() -> None:
    """A loss a thousand times steeper along one slanted axis than along another: so neighbouring pixels make it."""
    turn = torch.linalg.qr(torch.randn(12, 12, generator=torch.Generator().manual_seed(0)))[0]
    steep = turn @ torch.diag(torch.logspace(0, 3, 12)) @ turn.T
    left = {}
    for name in ("adam", "soap"):
        weight = torch.nn.Parameter(torch.ones(5, 12))
        groups = [{"params": [weight], "lr": 1e-2}]
        optimizer = Soap(groups) if name == "soap" else torch.optim.Adam(groups)
        for step in range(300):
            optimizer.param_groups[0]["lr"] = 0.05 * (1.0 - step / 300)
            loss = torch.einsum("oi,ij,oj->", weight, steep, weight)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        left[name] = loss.item()
        state = optimizer.state[weight].values()
        assert all(isinstance(one, torch.Tensor) for one in state)
    assert left["soap"] < 0.3 * left["adam"]
