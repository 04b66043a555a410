"""SRCNN: the published counts, and what it starts from."""

import pytest
import torch

from rtsr.nets.srcnn import SRCNN, Shape
from tests.unit.nets.measure import hold, parameters, picture, weights


@pytest.mark.parametrize(("middle", "published"), [(1, 8032), (3, 24416), (5, 57184)])
def test_weights_are_the_published_ones(middle: int, published: int) -> None:
    # Dong et al., TPAMI 2016 (arXiv 1501.00092), on filter sizes: 9-1-5, 9-3-5 and 9-5-5, biases not counted
    net = SRCNN(Shape(2, middle=middle))
    assert weights(net) == published
    assert parameters(net) == published + 64 + 32 + 1


@pytest.mark.parametrize(("scale", "planes"), [(2, 1), (3, 3), (4, 1)])
def test_any_size_any_scale(scale: int, planes: int) -> None:
    hold(lambda: SRCNN(Shape(scale, planes, middle=3, wide=8, narrow=4)), planes, scale)


@torch.no_grad()
def test_a_flat_picture_stays_flat_to_its_borders() -> None:
    high = SRCNN(Shape(2))(torch.full((1, 1, 7, 5), 0.6))
    torch.testing.assert_close(high, high[..., 6:7, 4:5].expand_as(high), atol=1e-6, rtol=0)


@pytest.mark.parametrize("scale", [2, 3, 4])
@torch.no_grad()
def test_an_output_pixel_sees_no_further_than_its_shape_says(scale: int) -> None:
    net = SRCNN(Shape(scale, wide=8, narrow=4))
    low = picture(1, 41, 41)
    changed = low.clone()
    changed[..., 20, 20] += 1
    felt = (net(changed) != net(low)).nonzero()[:, 2:] // scale
    assert 20 - int(felt.min()) == int(felt.max()) - 20
    assert net.shape.reach - 1 <= int(felt.max()) - 20 <= net.shape.reach  # a phase of bicubic at x3 looks less far


@pytest.mark.parametrize("change", [{"scale": 0}, {"planes": 0}, {"middle": 2}, {"wide": 0}])
def test_impossible_shapes_are_refused(change: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        Shape(**{"scale": 2, **change})
