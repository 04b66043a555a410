"""SPAN: the published counts, and that the training form, its branches and the fused form are one function."""

import pytest
import torch
from torch.nn import functional

from rtsr.nets.span import SPAN, Foldable, Shape, TrainingSPAN, fuse
from tests.unit.nets.measure import hold, multiply_adds, on_meta, parameters, picture


@pytest.mark.parametrize(
    ("planes", "scale", "width", "published_k"),
    [(3, 2, 52, 481), (3, 4, 52, 498), (3, 4, 48, 426), (3, 4, 28, 151), (1, 2, 48, 406)],
)
def test_parameters_are_the_published_ones(planes: int, scale: int, width: int, published_k: int) -> None:
    # Wan et al. 2024 (arXiv 2311.12770): SPAN 481K, 498K, SPAN-S x4 426K; NTIRE 2026 report (arXiv
    # 2604.03198), baseline of 28 channels: 0.151M; the luma row follows from the same layers
    assert round(parameters(on_meta(lambda: SPAN(Shape(planes, scale, width)))) / 1000) == published_k


def test_multiply_adds_are_the_published_ones() -> None:
    # NTIRE 2026 report, baseline: 9.83 G at 256x256
    net = on_meta(lambda: SPAN(Shape(3, 4, 28)))
    assert multiply_adds(net, (1, 3, 256, 256), biases=0) == pytest.approx(9.83e9, abs=0.005e9)


@pytest.mark.parametrize("form", [SPAN, TrainingSPAN])
@pytest.mark.parametrize(("scale", "planes"), [(2, 1), (3, 3), (4, 1)])
def test_any_size_any_scale(form: type[SPAN | TrainingSPAN], scale: int, planes: int) -> None:
    hold(lambda: form(Shape(planes, scale, 8)), planes, scale)


@pytest.mark.parametrize("planes", [1, 3])
@torch.no_grad()
def test_training_and_fused_are_one_function(planes: int) -> None:
    torch.manual_seed(0)
    training = TrainingSPAN(Shape(planes, 2, 12))
    low = picture(planes)
    truth = training(low)
    assert truth.std() > 0.005
    torch.testing.assert_close(fuse(training)(low), truth, atol=1e-6, rtol=0)


@torch.no_grad()
def test_a_foldable_convolution_is_its_branches_up_to_the_border() -> None:
    torch.manual_seed(0)
    conv = Foldable(5, 7)
    features = torch.randn(2, 5, 9, 6)
    framed = functional.pad(features, [1] * 4)
    branches = conv.narrow(conv.spread(conv.widen(framed))) + conv.shortcut(features)
    torch.testing.assert_close(conv(features), branches, atol=1e-5, rtol=0)


def test_folding_keeps_its_precision_under_autocast() -> None:
    torch.manual_seed(0)
    conv = Foldable(5, 7)
    with torch.autocast("cpu", torch.bfloat16):
        assert conv(torch.randn(1, 5, 9, 6)).dtype == torch.bfloat16
        conv(torch.randn(1, 5, 9, 6)).sum().backward()
    assert conv.spread.weight.grad is not None
    assert conv.spread.weight.grad.dtype == torch.float32


@pytest.mark.parametrize("numbers", [(0, 2, 8), (1, 0, 8), (1, 2, 0)])
def test_impossible_shapes_are_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        Shape(*numbers)
