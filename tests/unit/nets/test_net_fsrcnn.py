"""FSRCNN: the published counts, and that transposed convolution and pixel shuffle are one function."""

import pytest
import torch
from torch.nn import functional

from rtsr.nets.fsrcnn import FSRCNN, FoldedFSRCNN, Shape, Slopes, fold, spread
from tests.unit.nets.measure import continued, hold, parameters, picture, weights


def random_net(shape: Shape) -> FSRCNN:
    """With a last layer as large as training makes it."""
    torch.manual_seed(4)
    net = FSRCNN(shape)
    with torch.no_grad():
        net.enlarge.weight.normal_(0, 0.2)
        for parameter in net.parameters():
            if parameter.ndim == 1:
                parameter.uniform_(-0.3, 0.3)
    return net


def test_weights_are_the_paper_s() -> None:
    # Dong et al. 2016 (arXiv 1608.00367), table 1: FSRCNN(56, 12, 4) 12,464, FSRCNN-s(32, 5, 1) 3,937; filters only
    assert weights(FSRCNN(Shape(56, 12, 4, 3))) == 12464
    assert weights(FSRCNN(Shape(32, 5, 1, 3))) == 3937


@pytest.mark.parametrize(
    ("wide", "narrow", "maps", "scale", "published"),
    [(56, 12, 4, 2, 12644), (56, 12, 4, 3, 12644), (56, 12, 4, 4, 12644), (6, 1, 1, 2, 676), (32, 9, 4, 2, 7001)],
)
def test_parameters_are_the_published_ones(wide: int, narrow: int, maps: int, scale: int, published: int) -> None:
    # Navarrete Michelini et al. 2022 (arXiv 2108.10335), released results: "FSRCNN_s<scale>_D<d>_S<s>_M<m>"
    assert parameters(FSRCNN(Shape(wide, narrow, maps, scale))) == published


def test_parameters_without_slopes() -> None:
    # 12,637 in other tables: with biases, without the slopes
    shape = Shape(56, 12, 4, 2)
    assert parameters(FSRCNN(shape)) - (shape.maps + 3) == 12637


def test_the_rgb_form_has_the_published_size() -> None:
    # Chao et al., ETDS, CVPR 2023, table 2: FSRCNN x2, 24.7K, a slope per channel
    assert parameters(FSRCNN(Shape(56, 12, 4, 2, 3, "channel"))) == 24683


@pytest.mark.parametrize(("scale", "planes"), [(2, 1), (3, 3), (4, 1)])
@pytest.mark.parametrize("form", [FSRCNN, FoldedFSRCNN])
def test_any_size_any_scale(scale: int, planes: int, form: type[FSRCNN | FoldedFSRCNN]) -> None:
    shape = Shape(6, 4, 1, scale, planes)
    hold(lambda: form(shape), planes, scale)


@pytest.mark.parametrize("scale", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(("planes", "slopes"), [(1, "layer"), (3, "channel")])
@torch.no_grad()
def test_plain_and_folded_are_one_function(scale: int, planes: int, slopes: Slopes) -> None:
    plain = random_net(Shape(8, 4, 2, scale, planes, slopes))
    low = picture(planes)
    truth = plain(low)
    assert truth.std() > 0.05
    torch.testing.assert_close(fold(plain)(low), truth, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("scale", "side"), [(2, 5), (3, 5), (4, 3)])
def test_the_convolution_equals_the_transposed_one_in_zeros_too(scale: int, side: int) -> None:
    # the rewrite of any FSRCNN, also one whose features end in zeros at the border
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 6, 7, 5, generator=generator)
    weight = torch.randn(6, 3, 9, 9, generator=generator)
    truth = functional.conv_transpose2d(features, weight, stride=scale, padding=4, output_padding=scale - 1)
    filters = spread(weight, scale)
    assert filters.shape == (3 * scale**2, 6, side, side)
    phases = functional.conv2d(features, filters, padding=side // 2)
    torch.testing.assert_close(functional.pixel_shuffle(phases, scale), truth, atol=1e-5, rtol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 7), (9, 5)])
def test_the_border_repeats_the_edge(height: int, width: int) -> None:
    net = random_net(Shape(6, 4, 1, 2))
    torch.testing.assert_close(*continued(net, 1, 2, height, width), atol=1e-5, rtol=0)


@pytest.mark.parametrize("numbers", [(0, 4, 1, 2), (6, 0, 1, 2), (6, 4, -1, 2), (6, 4, 1, 0), (6, 4, 1, 2, 0)])
def test_impossible_shapes_are_refused(numbers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must"):
        Shape(*numbers)


def test_unknown_slopes_are_refused() -> None:
    with pytest.raises(ValueError, match="slopes must"):
        Shape(6, 4, 1, 2, slopes="none")  # type: ignore[arg-type]
