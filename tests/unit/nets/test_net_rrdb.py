"""RRDBNet: the published counts, and x2 and x1 by pixel-unshuffle at any size."""

import pytest
import torch

from rtsr.nets.rrdb import RRDBNet, Shape
from tests.unit.nets.measure import hold, on_meta, parameters, picture


@pytest.mark.parametrize(("scale", "published"), [(4, 16697987), (2, 16703171), (1, 16723907)])
def test_parameters_are_the_published_ones(scale: int, published: int) -> None:
    # ESRGAN (arXiv 1809.00219) and RealESRGAN_x4plus: 16.70M; RealESRGAN_x2plus: 12 input channels instead of 3
    assert parameters(on_meta(lambda: RRDBNet(Shape(3, scale)))) == published


@pytest.mark.parametrize(("scale", "planes"), [(1, 3), (2, 1), (2, 3), (4, 1)])
def test_any_size_any_scale(scale: int, planes: int) -> None:
    hold(lambda: RRDBNet(Shape(planes, scale, 1, 8, 4)), planes, scale)


@pytest.mark.parametrize(("scale", "missing"), [(1, 3), (2, 1)])
@torch.no_grad()
def test_sides_that_do_not_divide_are_continued_by_their_edge(scale: int, missing: int) -> None:
    net = RRDBNet(Shape(1, scale, 1, 8, 4))
    low = picture(1, 17, 13)
    roomy = torch.nn.functional.pad(low, [0, missing, 0, missing], mode="replicate")
    torch.testing.assert_close(net(low), net(roomy)[..., : 17 * scale, : 13 * scale], atol=1e-6, rtol=0)


@pytest.mark.parametrize("scale", [1, 2, 4])
@torch.no_grad()
def test_an_output_pixel_sees_no_further_than_its_shape_says(scale: int) -> None:
    torch.manual_seed(0)
    net = RRDBNet(Shape(1, scale, 1, 8, 4)).double()
    for parameter in net.parameters():
        parameter.abs_()  # nothing cancels
    side = 2 * net.shape.reach + 9
    low = picture(1, side, side).double()
    changed = low.clone()
    changed[..., side // 2, side // 2] += 1e6
    felt = (net(changed) != net(low)).nonzero()[:, 2:] // scale
    reach = max(side // 2 - int(felt.min()), int(felt.max()) - side // 2)
    assert net.shape.reach - net.shape.unshuffle < reach <= net.shape.reach


def test_deep_blocks_start_small() -> None:
    torch.manual_seed(0)
    block = RRDBNet(Shape(1, 4, 1)).blocks[0].body[0]
    assert block.fuse.weight.std().item() == pytest.approx(0.1 * (2 / (192 * 9)) ** 0.5, rel=0.02)


@pytest.mark.parametrize("numbers", [(0, 2, 1), (1, 3, 1), (1, 2, 0)])
def test_impossible_shapes_are_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        Shape(*numbers)
