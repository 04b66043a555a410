"""The U-Net discriminator: the published count, and a spectral norm of 1."""

import pytest
import torch
from torch.nn.utils.parametrize import is_parametrized

from rtsr.nets.discriminator import Shape, UNetDiscriminator
from tests.unit.nets.measure import hold, parameters, picture


def test_parameters_are_the_published_ones() -> None:
    # Real-ESRGAN (arXiv 2107.10833), released RealESRGAN_x4plus_netD: 64 channels, RGB
    assert parameters(UNetDiscriminator(Shape(3))) == 4376897


@pytest.mark.parametrize(("height", "width"), [(17, 13), (16, 24), (8, 8)])
def test_any_size_gives_a_logit_per_pixel(height: int, width: int) -> None:
    hold(lambda: UNetDiscriminator(Shape(1, 8)).eval(), 1, 1, picture(1, height, width))


def test_rgb_gives_one_logit() -> None:
    assert UNetDiscriminator(Shape(3, 8))(picture(3)).shape == (1, 1, 17, 13)


@torch.no_grad()
def test_inner_convolutions_have_a_spectral_norm_of_1() -> None:
    torch.manual_seed(0)
    net = UNetDiscriminator(Shape(1, 8))
    for _ in range(30):  # steps of the power iteration
        net(picture(1))
    inner = [module for module in net.modules() if is_parametrized(module, "weight")]
    assert len(inner) == 8
    for module in inner:
        assert torch.linalg.matrix_norm(module.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("numbers", [(0, 8), (1, 0)])
def test_impossible_shapes_are_refused(numbers: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="must"):
        Shape(*numbers)
