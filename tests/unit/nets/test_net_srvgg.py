"""SRVGGNetCompact: the published counts, and its nearest-neighbour base."""

import pytest
import torch

from rtsr.nets.srvgg import Shape, SRVGGNetCompact
from tests.unit.nets.measure import hold, on_meta, parameters, picture


@pytest.mark.parametrize(
    ("scale", "width", "convs", "published"),
    [(4, 64, 16, 621424), (4, 64, 32, 1213296), (2, 64, 16, 600652), (2, 64, 8, 304716), (2, 24, 8, 45156)],
)
def test_parameters_are_the_published_ones(scale: int, width: int, convs: int, published: int) -> None:
    # Real-ESRGAN's released realesr-animevideov3 (16, x4) and realesr-general-x4v3 (32, x4: 1.21M); the community's
    # Compact 600K, UltraCompact 305K and SuperUltraCompact 45K at x2
    assert parameters(on_meta(lambda: SRVGGNetCompact(Shape(3, scale, width, convs)))) == published


@pytest.mark.parametrize(("scale", "planes"), [(1, 3), (2, 1), (3, 3), (4, 1)])
def test_any_size_any_scale(scale: int, planes: int) -> None:
    hold(lambda: SRVGGNetCompact(Shape(planes, scale, 8, 2)), planes, scale)


@torch.no_grad()
def test_without_a_last_layer_it_repeats_pixels() -> None:
    net = SRVGGNetCompact(Shape(3, 2, 8, 1))
    for parameter in net.body[-1].parameters():
        parameter.zero_()
    low = picture(3)
    assert torch.equal(net(low), torch.nn.functional.interpolate(low, scale_factor=2, mode="nearest"))


@pytest.mark.parametrize("numbers", [(0, 2, 8, 1), (1, 0, 8, 1), (1, 2, 0, 1), (1, 2, 8, -1)])
def test_impossible_shapes_are_refused(numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        Shape(*numbers)
