"""eSR-CNN: the published counts, and that the plain and the folded form are one function."""

import pytest
import torch

from rtsr.nets.esr_cnn import FoldedESRCNN, PlainESRCNN, Shape, fold
from tests.unit.nets.measure import continued, hold, parameters, picture

SHAPES = [
    Shape(2, 3, 6, 2), Shape(4, 3, 6, 2), Shape(3, 1, 3, 3), Shape(2, 5, 3, 4), Shape(1, 3, 3, 2), Shape(4, 0, 6, 2),
]  # fmt: skip


def random_net(shape: Shape) -> PlainESRCNN:
    """With keys large enough to choose."""
    torch.manual_seed(4)
    net = PlainESRCNN(shape)
    with torch.no_grad():
        net.choices.weight.normal_(0, 0.5)
    return net


@pytest.mark.parametrize(
    ("channels", "first", "second", "scale", "published"),
    [(2, 3, 6, 2, 1110), (4, 3, 6, 2, 1974), (4, 3, 6, 3, 4134), (4, 3, 6, 4, 7158), (4, 5, 9, 4, 10912)],
)
def test_parameters_are_the_published_ones(channels: int, first: int, second: int, scale: int, published: int) -> None:
    # Navarrete Michelini et al. 2022 (arXiv 2108.10335), released results: "eSR-CNN_s<scale>_C<c>_D<d>_S<s>"
    assert parameters(PlainESRCNN(Shape(channels, first, second, scale))) == published


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.channels > 1], ids=str)
def test_any_size_any_scale(shape: Shape) -> None:
    hold(lambda: random_net(shape), 1, shape.scale)


def test_one_candidate_needs_no_keys() -> None:
    assert parameters(FoldedESRCNN(Shape(1, 3, 6, 2))) == 78 + 168 + 4 * 6 * 9


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@torch.no_grad()
def test_plain_and_folded_are_one_function(shape: Shape) -> None:
    plain = random_net(shape)
    low = picture(1)
    truth = plain(low)
    assert truth.std() > 0.05
    torch.testing.assert_close(fold(plain)(low), truth, atol=1e-5, rtol=0)


def test_the_mix_is_by_squared_keys() -> None:
    net = random_net(Shape(2, 0, 3, 1))
    low = picture(1, 1, 1)
    value_1, value_2, key_1, key_2 = net.choices(net.body(low.expand(1, 1, 5, 5))).flatten().tolist()
    share = torch.tensor([key_1**2, key_2**2]).softmax(0)
    assert net(low).item() == pytest.approx((share * torch.tensor([value_1, value_2])).sum().item(), abs=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_border_repeats_the_edge(shape: Shape) -> None:
    torch.testing.assert_close(*continued(random_net(shape), 1, shape.scale, 5, 2), atol=1e-5, rtol=0)


@pytest.mark.parametrize("numbers", [(0, 3, 6, 2), (2, -1, 6, 2), (2, 3, 0, 2), (2, 3, 6, 0)])
def test_impossible_shapes_are_refused(numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        Shape(*numbers)
