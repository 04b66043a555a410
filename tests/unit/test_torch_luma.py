"""Networks between integer samples give what the CPU reference gives."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from rtsr.errors import BackendError, UsageError
from rtsr.frame import PixelLayout
from rtsr.jobs.evaluate import read_picture
from rtsr.metrics import luma as rgb_luma
from rtsr.metrics import psnr_db
from rtsr.models import MODELS, ModelFile, find_model
from rtsr.upscalers import openvino
from rtsr.upscalers.torch_luma import LumaNet, best_precision, open_luma_net

NETWORKS = [name for name in MODELS if name != "bicubic"]
EVERY = [(name, scale) for name in NETWORKS for scale in MODELS[name]]


def enlarged(net: LumaNet, y: np.ndarray) -> np.ndarray:
    """Through tensors and back, with the bits of uint16 as int16."""
    made = net(torch.from_numpy(y if y.dtype == np.uint8 else y.view(np.int16)))
    return made.numpy().view(y.dtype)


def samples(bits: int, height: int, width: int, seed: int = 1) -> np.ndarray:
    dtype = np.uint8 if bits == 8 else np.uint16
    return np.random.default_rng(seed).integers(0, 1 << bits, (height, width), dtype)


def wanted(name: str, scale: int, y: np.ndarray, bits: int) -> np.ndarray:
    """Code values of the CPU reference, clipped, not rounded."""
    peak = (1 << bits) - 1
    made = openvino.open_reference(find_model(name, scale))(y.astype(np.float32) / np.float32(peak))
    return np.clip(made.astype(np.float64) * peak, 0, peak)


@pytest.mark.parametrize(("name", "scale"), EVERY)
@pytest.mark.parametrize("bits", [8, 10])
def test_float32_equals_the_reference(name: str, scale: int, bits: int) -> None:
    y = samples(bits, 21, 37)
    made = enlarged(LumaNet(open_luma_net(find_model(name, scale)), PixelLayout(bits), "fp32"), y)
    exact = wanted(name, scale, y, bits)
    assert made.dtype == y.dtype
    assert made.shape == (21 * scale, 37 * scale)
    assert np.abs(made - np.rint(exact)).max() <= 1  # a value between two levels may fall to either side
    assert np.abs(made - exact).max() < 0.6


def test_the_upper_half_of_16_bits_is_no_negative_number() -> None:
    y = samples(16, 9, 11)
    made = enlarged(LumaNet(open_luma_net(find_model("espcn-d16s32", 2)), PixelLayout(16), "fp32"), y)
    assert np.abs(made - wanted("espcn-d16s32", 2, y, 16)).max() < 4  # of 65,535: sums in another order
    assert made.max() > 0x8000


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("bits", [8, 10])
def test_the_chosen_precision_costs_less_than_rounding(shared: Path, name: str, bits: int) -> None:
    card, peak = find_model(name, 2), (1 << bits) - 1
    luma = rgb_luma(read_picture(shared / "eval/Set5/butterfly.png")[:48, :48])
    y = np.rint(luma / 255 * peak).astype(np.uint8 if bits == 8 else np.uint16)
    made = enlarged(LumaNet(open_luma_net(card), PixelLayout(bits), best_precision(card, PixelLayout(bits))), y)
    exact = wanted(name, 2, y, bits)
    rounding_db = psnr_db(exact * 255 / peak, np.rint(exact) * 255 / peak)
    assert psnr_db(exact * 255 / peak, made * (255 / peak)) > rounding_db - 3  # at most as much error again


def test_half_floats_are_for_networks_that_bear_them() -> None:
    depths = [PixelLayout(bits) for bits in (8, 10, 12)]
    assert [best_precision(find_model("imdn-light", 2), one) for one in depths] == ["fp16", "fp16", "fp32"]
    assert [best_precision(find_model("espcn-d16s32", 2), one) for one in depths] == ["fp16", "fp32", "fp32"]
    assert [best_precision(find_model("esr-tr-k7c5", 2), one) for one in depths] == ["fp32", "fp32", "fp32"]


@given(width=st.integers(1, 40), height=st.integers(1, 40), seed=st.integers(0, 9))
@settings(max_examples=20, deadline=None)
def test_any_size_works(width: int, height: int, seed: int) -> None:
    y = samples(8, height, width, seed)
    made = enlarged(LumaNet(open_luma_net(find_model("ecbsr-m4c8", 3)), PixelLayout(), "fp32"), y)
    assert np.abs(made - wanted("ecbsr-m4c8", 3, y, 8)).max() < 0.6


def test_between_two_forms_lie_the_weights_in_between(tmp_path: Path) -> None:
    card = find_model("ecbsr-m4c8", 2)
    other = _saved_form(tmp_path / "other.safetensors", "ecbsr-m4c8", 2)
    mine, theirs = (open_luma_net(one).state_dict() for one in (card, replace(card, safetensors=other)))
    between = open_luma_net(replace(card, gan=replace(card, safetensors=other), sharpness=0.25)).state_dict()
    for name, weight in between.items():
        torch.testing.assert_close(weight, 0.75 * mine[name] + 0.25 * theirs[name])


def test_two_networks_are_no_two_forms() -> None:
    card = replace(find_model("ecbsr-m4c8", 2), gan=find_model("ecbsr-m4c16", 2), sharpness=0.5)
    with pytest.raises(UsageError) as caught:
        open_luma_net(card)
    assert "not two forms of one network" in caught.value.problem


def test_a_model_that_was_imported_as_onnx_cannot_run() -> None:
    with pytest.raises(BackendError) as caught:
        open_luma_net(replace(find_model("ecbsr-m4c8", 2), safetensors=None))
    assert "imported without safetensors" in caught.value.problem
    assert "import it from a file of that kind" in caught.value.mend


def _saved_form(path: Path, name: str, scale: int) -> ModelFile:
    """The shipped network with other weights, under the same metadata."""
    import hashlib

    from safetensors import safe_open

    file = find_model(name, scale).safetensors
    assert file is not None
    with safe_open(file.path, framework="pt") as stored:
        weights = {key: stored.get_tensor(key) * 1.5 for key in stored.keys()}  # noqa: SIM118 - not a dict
        save_file(weights, path, stored.metadata())
    return ModelFile(path, hashlib.sha256(path.read_bytes()).hexdigest())
