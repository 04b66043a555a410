"""ECBSR: the published counts, blocks that fold exactly, and one function in every form."""

import math
from pathlib import Path

import numpy as np
import openvino
import pytest
import torch
from torch.nn import functional

from rtsr.errors import BackendError
from rtsr.nets import open_net
from rtsr.nets.ecbsr import ECB, ECBSR, PlainECBSR, Shape, convolve, fold
from rtsr.upscalers.openvino_columns import pack_columns
from training.export import to_onnx, write_files
from training.flat import keep_flat

SHAPES = [Shape(4, 8, 2), Shape(4, 16, 3), Shape(2, 4, 4), Shape(0, 3, 2), Shape(1, 8, 2, planes=3)]


def random_net(shape: Shape, seed: int = 0) -> ECBSR:
    """A net whose every branch counts."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = ECBSR(shape)
        for block in net.blocks:
            block.gains.data.normal_(0.0, 0.2)
    return net


@pytest.mark.parametrize(
    ("blocks", "channels", "macs"), [(4, 8, 2_664), (4, 16, 9_936), (10, 16, 23_760), (10, 32, 93_600)]
)
def test_multiplications_are_the_published_ones(blocks: int, channels: int, macs: int) -> None:
    """Luma, x2, per low-resolution pixel: 2,664, 9.9K, 23.8K and 94K."""
    shape = Shape(blocks, channels, 2)
    assert shape.macs_per_input_pixel == macs == sum(one.weight.numel() for one in PlainECBSR(shape).convolutions)
    assert shape.macs_per_output_pixel == macs / 4


def test_parameters_are_the_published_ones() -> None:
    """M4C16 for RGB at x2 has 11.6K with a PReLU per channel, which ours does without: 5 * 16 less."""
    shape = Shape(4, 16, 2, planes=3)
    assert shape.parameters == sum(one.numel() for one in PlainECBSR(shape).parameters()) == 11_468
    assert (shape.parameters + 5 * 16) / 1000 == pytest.approx(11.6, abs=0.06)
    assert [Shape(4, 8, scale).parameters for scale in (2, 3, 4)] == [2_708, 3_073, 3_584]


@pytest.mark.parametrize(("before", "after"), [(1, 16), (16, 16), (8, 4)])
@torch.no_grad()
def test_a_block_folds_exactly_borders_included(before: int, after: int) -> None:
    block = ECB(before, after)
    block.gains.normal_(0.0, 1.0)
    features = torch.rand(2, before, 9, 12)
    folded = functional.conv2d(features, *block.fold())
    assert folded.shape == (2, after, 7, 10)
    assert (folded - block(features)).abs().max() < 1e-5


def test_every_branch_learns_through_the_fold() -> None:
    net = random_net(Shape(1, 4, 2))
    convolve(torch.rand(1, 1, 9, 9), net.filters()).square().mean().backward()
    assert all(one.grad is not None and one.grad.abs().max() > 0 for one in net.parameters())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@torch.no_grad()
def test_learnable_and_deployed_forms_are_one_function(shape: Shape) -> None:
    net = random_net(shape)
    picture = torch.rand(2, shape.planes, 7, 11)
    made = fold(net)(picture)
    assert made.shape == (2, shape.planes, 7 * shape.scale, 11 * shape.scale)
    torch.testing.assert_close(made, net(picture), atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_block_becomes_what_it_is_told() -> None:
    block, other = ECB(4, 4), ECB(4, 4)
    block.become(other.fold())
    for mine, wanted in zip(block.fold(), other.fold(), strict=True):
        torch.testing.assert_close(mine, wanted, atol=1e-6, rtol=0)


@torch.no_grad()
def test_nothing_but_the_receptive_field_is_seen() -> None:
    shape = Shape(2, 4, 2)
    net = fold(random_net(shape))
    assert shape.kernel_size == 9
    picture = torch.rand(1, 1, 21, 21)
    changed = picture.clone()
    changed[0, 0, 10, 10] += 1.0
    moved = (net(picture) - net(changed)).abs()[0, 0] > 0
    rows = moved.any(1).nonzero().flatten()
    assert (rows.min().item(), rows.max().item()) == (2 * (10 - 4), 2 * (10 + 4) + 1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@torch.no_grad()
def test_a_kept_network_leaves_flat_areas_flat_up_to_the_border(shape: Shape) -> None:
    net = PlainECBSR(shape).take(keep_flat(random_net(shape).filters()))
    for level in (0.0, 16 / 255, 0.5, 1.0):
        made = net(torch.full((1, shape.planes, 3, 5), level))
        torch.testing.assert_close(made, torch.full_like(made, level), atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_tile_with_its_surroundings_is_the_whole() -> None:
    net = fold(random_net(Shape(4, 8, 2)))
    picture = torch.rand(1, 1, 40, 40)
    reach = net.shape.reach
    tile = net(picture[:, :, 10 - reach : 25 + reach, 12 - reach : 30 + reach])
    inside = tile[:, :, 2 * reach : -2 * reach, 2 * reach : -2 * reach]
    torch.testing.assert_close(inside, net(picture)[:, :, 20:50, 24:60], atol=1e-6, rtol=0)


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.planes == 1], ids=str)
@torch.no_grad()
def test_files_hold_the_network_and_the_graph_keeps_its_contract(shape: Shape, tmp_path: Path) -> None:
    net = fold(random_net(shape))
    card = tmp_path / "one.toml"
    assert write_files(net, card) == write_files(net, card)
    picture = torch.rand(2, 1, 9, 14)
    truth = net(picture)
    assert torch.equal(open_net(card.with_suffix(".safetensors"))(picture), truth)
    core = openvino.Core()
    engine = core.compile_model(card.with_suffix(".onnx"), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    np.testing.assert_allclose(engine({"luma": picture.numpy()})["sr"], truth.numpy(), atol=1e-5, rtol=0)
    graph = to_onnx(net).graph
    assert graph.node[-1].op_type == "DepthToSpace"
    assert [(one.name, one.type.tensor_type.elem_type) for one in (*graph.input, *graph.output)] == [
        ("luma", 1), ("sr", 1)
    ]  # fmt: skip
    assert pack_columns(core.read_model(card.with_suffix(".onnx")), (32, 16), shape.scale) is None


def test_colour_is_not_exported() -> None:
    with pytest.raises(ValueError, match="take luma"):
        to_onnx(fold(random_net(Shape(1, 4, 2, planes=3))))


def test_junk_is_no_network(tmp_path: Path) -> None:
    path = tmp_path / "junk.safetensors"
    path.write_bytes(b"junk")
    with pytest.raises(BackendError, match="holds no network"):
        open_net(path)


@pytest.mark.parametrize("wrong", [(-1, 8, 2, 1), (4, 0, 2, 1), (4, 8, 0, 1), (4, 8, 2, 0)])
def test_impossible_shapes_are_refused(wrong: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        Shape(*wrong)


def test_macs_per_output_pixel_round_up() -> None:
    shape = Shape(4, 8, 4)
    assert shape.macs_per_output_pixel == math.ceil(shape.macs_per_input_pixel / 16) == 221
