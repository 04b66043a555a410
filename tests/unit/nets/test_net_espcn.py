"""ESPCN: the published counts, and borders that repeat the edge."""

import pytest
import torch

from rtsr.nets.espcn import ESPCN, Shape
from tests.unit.nets.measure import continued, hold, parameters


@pytest.mark.parametrize(
    ("first", "second", "scale", "published"),
    [
        (16, 32, 2, 6212), (10, 15, 2, 2169), (64, 32, 2, 21284), (12, 6, 3, 1461), (22, 32, 3, 9541),
        (16, 6, 4, 2166), (16, 32, 4, 9680), (0, 3, 2, 142), (0, 27, 4, 4174),
    ],
)  # fmt: skip
def test_parameters_are_the_published_ones(first: int, second: int, scale: int, published: int) -> None:
    # Navarrete Michelini et al. 2022 (arXiv 2108.10335), released results: "ESPCN_s<scale>_D<first>_S<second>"
    assert parameters(ESPCN(Shape(first, second, scale))) == published


def test_the_rgb_form_has_the_published_size() -> None:
    # Chao et al., ETDS, CVPR 2023, table 2: ESPCN x2, 26.8K
    assert parameters(ESPCN(Shape(64, 32, 2, planes=3))) == 26796


@pytest.mark.parametrize(("scale", "planes"), [(2, 1), (3, 3), (4, 1)])
def test_any_size_any_scale(scale: int, planes: int) -> None:
    hold(lambda: ESPCN(Shape(4, 6, scale, planes)), planes, scale)


@pytest.mark.parametrize("first", [0, 4])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 7), (9, 5)])
def test_the_border_repeats_the_edge(first: int, height: int, width: int) -> None:
    torch.testing.assert_close(*continued(ESPCN(Shape(first, 6, 2)), 1, 2, height, width), atol=1e-5, rtol=0)


@pytest.mark.parametrize("numbers", [(-1, 6, 2), (4, 0, 2), (4, 6, 0), (4, 6, 2, 0)])
def test_impossible_shapes_are_refused(numbers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must"):
        Shape(*numbers)
