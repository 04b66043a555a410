"""eSR: the published counts, and that plain, folded and ONNX forms are one function."""

from pathlib import Path

import numpy as np
import openvino
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr.errors import BackendError
from rtsr.nets import open_net
from rtsr.nets.esr import FoldedESR, Kind, PlainESR, Shape, fold, unfold
from training.export import to_onnx, write_files

SHAPES = [
    Shape("tm", 5, 2, 2), Shape("tm", 7, 4, 2), Shape("tm", 7, 4, 3), Shape("tm", 5, 2, 4), Shape("tm", 3, 1, 2),
    Shape("tr", 5, 2, 2), Shape("tr", 5, 2, 3), Shape("tr", 3, 3, 2), Shape("tr", 3, 1, 3),
    Shape("max", 7, 3, 2), Shape("max", 7, 3, 4), Shape("max", 3, 1, 2),
]  # fmt: skip


def random_net(shape: Shape, seed: int = 0) -> PlainESR:
    """Filters of the size that training ends with."""
    net = PlainESR(shape)
    with torch.no_grad():
        net.weight.normal_(0.0, 0.2, generator=torch.Generator().manual_seed(seed))
    return net


@pytest.mark.parametrize(
    ("kind", "kernel_size", "channels", "scale", "parameters"),
    [
        ("tm", 5, 2, 2, 400), ("tm", 5, 2, 3, 900), ("tm", 5, 2, 4, 1600),
        ("tm", 7, 4, 2, 1568), ("tm", 7, 4, 3, 3528), ("tm", 7, 4, 4, 6272),
        ("tr", 5, 2, 2, 600), ("tr", 5, 2, 3, 1350), ("tr", 5, 2, 4, 2400),
        ("max", 7, 3, 2, 588), ("max", 3, 1, 2, 36),
    ],
)  # fmt: skip
def test_parameters_are_the_published_ones(
    kind: Kind, kernel_size: int, channels: int, scale: int, parameters: int
) -> None:
    shape = Shape(kind, kernel_size, channels, scale)
    assert shape.parameters == PlainESR(shape).weight.numel() == parameters


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_macs_are_those_of_the_folded_convolution(shape: Shape) -> None:
    assert shape.macs_per_output_pixel * shape.phases == FoldedESR(shape).weight.numel()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@torch.no_grad()
def test_plain_folded_unfolded_and_onnx_are_one_function(shape: Shape) -> None:
    plain = random_net(shape)
    folded = fold(plain)
    picture = torch.rand(2, 1, 9, 13, generator=torch.Generator().manual_seed(1))
    truth = plain(picture)
    assert truth.shape == (2, 1, 9 * shape.scale, 13 * shape.scale)
    torch.testing.assert_close(folded(picture), truth, atol=1e-5, rtol=0)
    torch.testing.assert_close(unfold(folded)(picture), truth, atol=1e-5, rtol=0)

    core = openvino.Core()
    graph = core.read_model(to_onnx(folded).SerializeToString(), b"")
    engine = core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1})
    np.testing.assert_allclose(engine(picture.numpy())["sr"], truth.numpy(), atol=1e-5, rtol=0)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(SHAPES), st.integers(1, 9), st.integers(1, 9))
@torch.no_grad()
def test_any_size_works_and_the_border_repeats_the_edge(shape: Shape, height: int, width: int) -> None:
    plain = random_net(shape)
    picture = torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(2))
    larger = torch.nn.functional.pad(picture, [5] * 4, mode="replicate")
    inside = plain(larger)[..., 5 * shape.scale : -5 * shape.scale, 5 * shape.scale : -5 * shape.scale]
    torch.testing.assert_close(plain(picture), inside, atol=1e-5, rtol=0)


def test_scores_of_hundreds_do_not_overflow() -> None:
    plain = random_net(Shape("tm", 3, 4, 2))
    with torch.no_grad():
        plain.weight[16:] *= 1e4
        picture = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(3))
        graph = openvino.Core().read_model(to_onnx(fold(plain)).SerializeToString(), b"")
        engine = openvino.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
        truth = plain(picture).numpy()
    np.testing.assert_allclose(engine(picture.numpy())["sr"], truth, atol=1e-4, rtol=0)


def test_the_graph_is_small_and_ends_with_the_shuffle() -> None:
    model = to_onnx(fold(random_net(Shape("tm", 5, 2, 2))))
    operators = [node.op_type for node in model.graph.node]
    assert operators == ["Pad", "Conv", "Split", "Sigmoid", "Mul", "Add", "DepthToSpace"]
    assert [port.name for port in (*model.graph.input, *model.graph.output)] == ["luma", "sr"]


def test_files_are_the_same_bytes_each_time_and_open_again(tmp_path: Path) -> None:
    net = fold(random_net(Shape("tr", 5, 2, 3)))
    first, second = write_files(net, tmp_path / "one.toml"), write_files(net, tmp_path / "two.toml")
    assert first == second
    again = open_net(tmp_path / "one.safetensors")
    assert again.shape == net.shape
    assert torch.equal(again.weight, net.weight)


@pytest.mark.parametrize("content", [b"", b"no weights here", b"\x80\x04K\x01."])
def test_what_is_no_network_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(content)
    with pytest.raises(BackendError, match=r"net\.safetensors"):
        open_net(path)
    with pytest.raises(BackendError, match="absent"):
        open_net(tmp_path / "absent.safetensors")


@pytest.mark.parametrize("numbers", [("tm", 4, 2, 2), ("tm", 5, 0, 2), ("tm", 5, 2, 0), ("cnn", 5, 2, 2)])
def test_impossible_shapes_are_refused(numbers: tuple[Kind, int, int, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        Shape(*numbers)
