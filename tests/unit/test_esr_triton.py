"""The fused kernel, run by Triton's interpreter on the CPU, and compiled for GPUs that are not here."""

import importlib.util
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import triton
from hypothesis import given, settings
from hypothesis import strategies as st
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from rtsr.frame import PixelLayout
from rtsr.models import MODELS, find_model, verified_path
from rtsr.nets import esr, open_net
from rtsr.upscalers import esr_triton, openvino

NETWORKS = [name for name in MODELS if name != "bicubic" and find_model(name, MODELS[name][0]).net == "esr"]
EVERY = [(name, scale) for name in NETWORKS for scale in MODELS[name]]
GENERATIONS = [75, 86, 89, 90, 120]


def _interpreted() -> ModuleType:
    """The module once more, its kernels left to the interpreter, which is chosen when they are defined."""
    name = "esr_triton_interpreted"
    spec = importlib.util.spec_from_file_location(name, esr_triton.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    with triton.knobs.runtime.scope():
        triton.knobs.runtime.interpret = True
        spec.loader.exec_module(module)
    return module


INTERPRETED = _interpreted()


def network(name: str, scale: int) -> esr.FoldedESR:
    net = open_net(verified_path(find_model(name, scale), "safetensors"))
    assert isinstance(net, esr.FoldedESR)
    return net


def enlarged(net: esr.FoldedESR, y: np.ndarray, bits: int = 8) -> np.ndarray:
    (height, width), scale = y.shape, net.shape.scale
    luma = torch.from_numpy(y if bits == 8 else y.view(np.int16))
    made = torch.full((height * scale, width * scale), 77, dtype=luma.dtype)
    fused = INTERPRETED.fuse(net, PixelLayout(bits), (width, height))
    assert fused is not None
    fused(luma, made)
    return made.numpy().view(y.dtype)


def samples(bits: int, height: int, width: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1 << bits, (height, width), np.uint8 if bits == 8 else np.uint16)


def wanted(name: str, scale: int, y: np.ndarray, bits: int = 8) -> np.ndarray:
    """Code values of the CPU reference, clipped, not rounded."""
    peak = (1 << bits) - 1
    made = openvino.open_reference(find_model(name, scale))(y.astype(np.float32) / np.float32(peak))
    return np.clip(made.astype(np.float64) * peak, 0, peak)


@pytest.mark.parametrize(("name", "scale"), EVERY)
def test_the_kernel_equals_the_reference(name: str, scale: int) -> None:
    y = samples(8, 6, 35)
    made, exact = enlarged(network(name, scale), y), wanted(name, scale, y)
    assert np.abs(made - np.rint(exact)).max() <= 1  # a value between two levels may fall to either side
    assert (made != np.rint(exact)).mean() < 0.002
    assert np.abs(made - exact).max() < 0.51


@pytest.mark.parametrize("name", ["esr-max-k5c2", "esr-tm-k5c2", "esr-tr-k5c2"])
@pytest.mark.parametrize(("bits", "most"), [(10, 1), (16, 4)])
def test_deeper_samples_keep_their_depth(name: str, bits: int, most: int) -> None:
    y = samples(bits, 6, 35)
    made = enlarged(network(name, 2), y, bits)
    assert made.dtype == np.uint16
    assert made.max() > 1 << (bits - 1)
    assert np.abs(made - wanted(name, 2, y, bits)).max() <= most  # of 65,535: sums in another order


@given(width=st.integers(1, 70), height=st.integers(1, 20), scale=st.sampled_from([2, 3, 4]), seed=st.integers(0, 9))
@settings(max_examples=15, deadline=None)
def test_any_size_is_filled_to_its_edges(width: int, height: int, scale: int, seed: int) -> None:
    y = samples(8, height, width, seed)
    made = enlarged(network("esr-max-k5c2", scale), y)
    assert np.abs(made - wanted("esr-max-k5c2", scale, y)).max() < 0.51


@given(
    kind=st.sampled_from(["max", "tm", "tr"]),
    side=st.sampled_from([1, 3, 5]),
    channels=st.integers(1, 4),
    seed=st.integers(0, 9),
)
@settings(max_examples=15, deadline=None)
def test_networks_that_others_train_run_as_well(kind: esr.Kind, side: int, channels: int, seed: int) -> None:
    net = esr.FoldedESR(esr.Shape(kind, side, channels, 2))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net.weight.data.normal_(1 / side**2, 2 / side**2)
    y = samples(8, 4, 9, seed)
    with torch.no_grad():
        exact = net.double()(torch.from_numpy(y / 255.0)[None, None])[0, 0].numpy() * 255
    assert np.abs(enlarged(net.float(), y) - np.clip(exact, 0, 255)).max() < 0.52


def test_a_score_that_overflows_leaves_one_template() -> None:
    net = esr.FoldedESR(esr.Shape("tr", 1, 2, 2))
    net.weight.data[:] = 1e6
    net.weight.data[:8] = torch.tensor([0.5] * 4 + [-0.25] * 4)[:, None, None, None]
    net.weight.data[-4:] *= -1  # the key of the last template: it is as unlike as it can be
    np.testing.assert_array_equal(enlarged(net, np.full((2, 3), 200, np.uint8)), np.full((4, 6), 50))
    net.weight.data[-8:] *= -1  # and now the other
    np.testing.assert_array_equal(enlarged(net, np.full((2, 3), 200, np.uint8)), np.full((4, 6), 100))


def test_what_is_too_large_for_one_kernel_is_left_to_others() -> None:
    layout, small = PixelLayout(), (64, 48)
    assert esr_triton.fuse(esr.FoldedESR(esr.Shape("tr", 9, 2, 2)), layout, small) is None
    assert esr_triton.fuse(esr.FoldedESR(esr.Shape("tr", 7, 9, 4)), layout, small) is None
    assert esr_triton.fuse(esr.FoldedESR(esr.Shape("max", 5, 2, 8)), layout, small) is None
    assert esr_triton.fuse(network("esr-max-k5c2", 4), layout, (16384, 16384)) is None
    assert esr_triton.fuse(network("esr-max-k5c2", 4), layout, (7680, 4320)) is not None


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize(("name", "bits"), [("esr-max-k5c2", 8), ("esr-tr-k5c2", 10)])
def test_it_compiles_for_every_generation_and_needs_no_shared_memory(name: str, bits: int, generation: int) -> None:
    compiled = _compiled(network(name, 2), bits, generation)
    assert compiled.metadata.shared == 0
    assert f"sm_{generation}" in compiled.asm["ptx"]
    assert len(compiled.asm["cubin"]) > 0
    assert ".local" not in compiled.asm["ptx"]


def _compiled(net: esr.FoldedESR, bits: int, generation: int) -> Any:
    """The first launch's kernel, for a GPU that is not here."""
    fused = esr_triton.fuse(net, PixelLayout(bits), (960, 540))
    assert fused is not None
    constants = fused.launch_constants(*fused.launches[0])
    pointer = "*u8" if bits == 8 else "*i16"
    signature = {"luma": pointer, "enlarged": pointer, "height": "i32", "width": "i32"}
    source = ASTSource(
        esr_triton._esr,
        signature | dict.fromkeys(constants, "constexpr"),
        constants,
        {(place,): [["tt.divisibility", 16]] for place in (0, 1)},
    )
    return triton.compile(source, GPUTarget("cuda", generation, 32), {"num_warps": 4})
