"""`--sharpness`: two forms of a network that were really trained, and what runs between them."""

import dataclasses
import re
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from rtsr.cli import main
from rtsr.config import Encode, Image, ImportModel, Upscale
from rtsr.errors import UsageError
from rtsr.jobs.image import open_image
from rtsr.jobs.import_model import import_model
from rtsr.jobs.model_check import sunlit
from rtsr.models import FOLDER, find_model
from rtsr.models.sharpness import sharpened
from rtsr.nets.ecbsr import PlainECBSR
from rtsr.nets.export import contents
from rtsr.sources.pattern import open_pattern
from rtsr.upscalers import open_upscaler
from rtsr.upscalers.openvino import open_engine, open_reference
from tests.unit.waves import paint_waves
from training.gan import train_gan
from training.recipe import CropRecipe
from training.train_crops import Run, train_crops

QUIET = {"noise": 0.0, "resize_up": 0.0, "resize_down": 0.0}
SOFT = CropRecipe(
    net="ecbsr", name="tiny", shape={"blocks": 1, "channels": 4}, form="deployed", scales=(2,), folders=("cc0",),
    held_out=2, steps=60, batch=4, crop_px=16, check_every=30, average=0.9, optimizer="soap", rate=3e-3, last_rate=3e-3,
    stills={"versions": 2, "side_px": 48}, degrade={"first": QUIET, "second": QUIET},
)  # fmt: skip
HARD = dataclasses.replace(
    SOFT,
    name="tiny-gan",
    start="tiny",
    steps=10,
    gan={"width": 4, "perceptual": 0.0},
    rate=1e-3,
    last_rate=1e-3,
)
PICTURE = sunlit(40, 30)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, torch.nn.Module]:
    """Both forms of one network, by the name that they get."""
    torch.set_num_threads(1)
    place = tmp_path_factory.mktemp("free")
    photographs = paint_waves(place, ("lake", "tree"))
    soft = train_crops(SOFT, 2, Run((photographs,), place / "soft"), lambda _: None).net
    hard = train_gan(HARD, 2, Run((photographs,), place / "hard", soft), lambda _: None).net
    return {"mine": soft, "mine-gan": hard}


@pytest.fixture(scope="module", autouse=True)
def _models(trained: dict[str, torch.nn.Module], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Both imported, as a user would, into a folder of its own."""
    place = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RTSR_MODELS", str(place / "models"))
        for name, net in trained.items():
            take(contents(net)["safetensors"], name, place)
        yield


def take(content: bytes, name: str, place: Path) -> None:
    (place / f"{name}.safetensors").write_bytes(content)
    import_model(ImportModel(file=str(place / f"{name}.safetensors"), name=name))


def made_at(sharpness: float) -> np.ndarray:
    return open_reference(sharpened(find_model("mine", 2), sharpness))(PICTURE)


def test_the_ends_are_the_two_forms_to_the_last_bit() -> None:
    soft, hard = (open_reference(find_model(name, 2))(PICTURE) for name in ("mine", "mine-gan"))
    assert not np.array_equal(soft, hard)
    np.testing.assert_array_equal(made_at(0.0), soft)
    np.testing.assert_array_equal(made_at(1.0), hard)


@settings(max_examples=8, deadline=None)
@given(sharpness=st.floats(0.0, 1.0))
def test_between_them_runs_the_network_of_the_weights_between(
    sharpness: float, trained: dict[str, torch.nn.Module]
) -> None:
    """Against torch, with the weights mixed there."""
    soft, hard = trained.values()
    between = PlainECBSR(soft.shape)
    between.load_state_dict(
        {name: torch.lerp(one, hard.state_dict()[name], sharpness) for name, one in soft.state_dict().items()}
    )
    with torch.no_grad():
        wanted = between(torch.from_numpy(PICTURE)[None, None])[0, 0].numpy()
    np.testing.assert_allclose(made_at(sharpness), wanted, atol=1e-5)


def test_the_engine_of_bytes_is_between_them_too() -> None:
    card = sharpened(find_model("mine", 2), 0.5)
    picture = np.rint(PICTURE * 255).astype(np.uint8)
    with closing(open_engine(card, (40, 30), 1)) as engine:
        made = engine.run(picture)
    wanted = open_reference(card)(picture.astype(np.float32) / 255) * 255
    assert np.abs(made - wanted.clip(0, 255)).max() < 2.0  # bf16 and bytes


def test_one_layer_networks_are_mixed_before_they_are_packed(tmp_path: Path) -> None:
    """Their graph is rewritten for the CPU, from constants: those must be the mixed ones."""
    for name, shipped in (("flat", "esr-max-k5c2"), ("flat-gan", "esr-max-k5c2")):
        take((FOLDER / f"{shipped}_x2.safetensors").read_bytes(), name, tmp_path)
    card, picture = sharpened(find_model("flat", 2), 0.3), np.rint(PICTURE * 255).astype(np.uint8)
    made = []
    for one in (card, find_model("esr-max-k5c2", 2)):
        with closing(open_engine(one, (40, 30), 1)) as engine:
            made.append(engine.run(picture))
    np.testing.assert_array_equal(*made)


def test_the_badge_says_it() -> None:
    with closing(open_pattern("pattern:64x48")) as source:
        with closing(open_upscaler(Upscale(model="mine", sharpness=0.25, backend="openvino"), source.info)) as upscaler:
            assert "mine at sharpness 0.25" in str(upscaler.badge)
        with closing(open_upscaler(Upscale(model="mine"), source.info)) as upscaler:
            assert "sharpness" not in str(upscaler.badge)


def test_a_picture_changes_with_it(tmp_path: Path) -> None:
    source = tmp_path / "in.png"
    Pillow.fromarray(np.rint(PICTURE * 255).astype(np.uint8)).save(source)
    for name in ("0", "0.5", "1"):
        wanted = ["--model", "mine", "--sharpness", name]
        assert main(["image", str(source), str(tmp_path / f"{name}.png"), *wanted]) == 0
    assert main(["image", str(source), str(tmp_path / "gan.png"), "--model", "mine-gan"]) == 0
    soft, middle, hard, gan = ((tmp_path / f"{name}.png").read_bytes() for name in ("0", "0.5", "1", "gan"))
    assert len({soft, middle, hard}) == 3
    assert hard == gan


def test_without_a_second_form_it_is_refused_with_those_that_have_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        sharpened(find_model("ecbsr-m4c8", 2), 0.5)
    assert caught.value.problem == "--sharpness 0.5 needs a model ecbsr-m4c8-gan x2, and there is none"
    assert re.fullmatch(r"leave it out, or take --model (\w+ or )*mine( or \w+)*", caught.value.mend)
    Pillow.new("L", (16, 16)).save(tmp_path / "in.png")
    wanted = Image(source=str(tmp_path / "in.png"), output=str(tmp_path / "out.png"), model="mine-gan", sharpness=1.0)
    with pytest.raises(UsageError, match="mine-gan-gan x2"):
        open_image(wanted)
    assert sharpened(find_model("ecbsr-m4c8", 2), 0.0) is find_model("ecbsr-m4c8", 2)


def test_two_networks_that_are_not_one_are_refused(tmp_path: Path) -> None:
    take((FOLDER / "ecbsr-m4c8_x2.safetensors").read_bytes(), "other", tmp_path)
    take((FOLDER / "ecbsr-m4c16_x2.safetensors").read_bytes(), "other-gan", tmp_path)
    with pytest.raises(UsageError, match=r"other x2 and other-gan x2 are not two forms of one network: \S+ of one"):
        open_reference(sharpened(find_model("other", 2), 0.5))
    with closing(open_pattern("pattern:64x48")) as source, pytest.raises(UsageError, match="not two forms"):
        open_upscaler(Upscale(model="other", sharpness=0.5), source.info)  # no fall-back: the user asked for this
    take((FOLDER / "ecbsr-m10c16_x2.safetensors").read_bytes(), "deep", tmp_path)
    take((FOLDER / "ecbsr-m4c16_x2.safetensors").read_bytes(), "deep-gan", tmp_path)
    with pytest.raises(UsageError, match="operations"):
        open_reference(sharpened(find_model("deep", 2), 0.5))


@pytest.mark.parametrize("sharpness", [-0.1, 1.1, float("nan"), float("inf")])
def test_what_is_no_part_of_the_whole_is_refused(sharpness: float) -> None:
    with pytest.raises(UsageError, match=re.escape(f"--sharpness {sharpness:g}")):
        Encode(source="in.mp4", output="out.mkv", model="mine", sharpness=sharpness, length_s=Fraction(1))
