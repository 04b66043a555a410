"""IMDN: the published counts of all its forms, and adaptive cropping."""

import pytest
import torch

from rtsr.nets.imdn import IMDN, IMDNAS, ContrastAttention, Kind, Shape, contrast, enlarge, sharpen
from tests.unit.nets.measure import hold, multiply_adds, on_meta, parameters, picture


@pytest.mark.parametrize(
    ("planes", "scale", "published"),
    [(3, 2, 694404), (3, 3, 703059), (3, 4, 715176), (1, 2, 688636), (1, 3, 691521), (1, 4, 695560)],
)
def test_parameters_of_the_paper_s_form(planes: int, scale: int, published: int) -> None:
    # Hui et al. 2019 (arXiv 1909.11856): RGB 694K, 703K, 715K; luma by the same layers
    assert parameters(on_meta(lambda: IMDN(Shape("paper", planes, scale, blocks=6)))) == published


def test_parameters_and_multiply_adds_of_the_light_form() -> None:
    # torchinfo on KAIR's network of AIM 2019: 893,936 and 58.58 G (it counts biases). NTIRE 2022 report on efficient SR
    # (arXiv 2205.05675), baseline IMDN: 0.894M, 58.53 G (it counts activations instead)
    net = on_meta(lambda: IMDN(Shape("light", 3, 4, blocks=8)))
    assert parameters(net) == 893936
    assert multiply_adds(net, (1, 3, 256, 256), biases=1) == pytest.approx(58.58e9, abs=0.01e9)
    activations = 8 * 3 * 64 * 256**2
    assert multiply_adds(net, (1, 3, 256, 256), biases=0) + activations == pytest.approx(58.53e9, abs=0.005e9)


def test_parameters_of_the_form_for_any_ratio() -> None:
    # x4's and one more 3x3 of 64 channels in front
    assert parameters(on_meta(lambda: IMDNAS(3))) == 715176 + 64 * 64 * 9 + 64


@pytest.mark.parametrize("kind", ["paper", "light"])
@pytest.mark.parametrize(("scale", "planes"), [(2, 1), (3, 3), (4, 1)])
def test_any_size_any_scale(kind: Kind, scale: int, planes: int) -> None:
    hold(lambda: IMDN(Shape(kind, planes, scale, blocks=2)), planes, scale)


def test_statistics_are_counted_in_float32() -> None:
    maps = torch.full((1, 2, 300, 300), 300.0, dtype=torch.float16)  # their sum is beyond float16
    maps[:, 1, ::2] = 100
    assert contrast(maps).flatten().tolist() == pytest.approx([300, 200 + 100], abs=1e-3)
    attention = ContrastAttention(16, 1)
    with torch.autocast("cpu", torch.bfloat16):
        wide = attention(picture(16).requires_grad_())
    assert wide.isfinite().all()


def test_a_flat_map_has_a_gradient() -> None:
    flat = torch.ones(1, 1, 4, 4, requires_grad=True)
    contrast(flat).sum().backward()
    assert flat.grad is not None
    assert flat.grad.isfinite().all()


def small_as(planes: int = 1) -> IMDNAS:
    torch.manual_seed(3)
    return IMDNAS(planes, blocks=1, width=16).eval()


def test_the_form_for_any_ratio_learns() -> None:
    hold(lambda: small_as(3), 3, 1, picture(3, 16, 12))


@pytest.mark.parametrize("size_hw", [(17, 13), (64, 66), (67, 130), (129, 71), (3, 200), (68, 72)])
@torch.no_grad()
def test_any_side_can_be_sharpened(size_hw: tuple[int, int]) -> None:
    assert sharpen(small_as(), picture(1, *size_hw)).shape == (1, 1, *size_hw)


@pytest.mark.parametrize("size_hw", [(17, 13), (29, 31), (70, 90), (9, 5)])
@torch.no_grad()
def test_any_ratio_can_be_reached(size_hw: tuple[int, int]) -> None:
    assert enlarge(small_as(3), picture(3), size_hw).shape == (1, 3, *size_hw)


@torch.no_grad()
def test_each_crop_gives_its_own_quarter() -> None:
    class Same(torch.nn.Module):
        """A network that would show any pixel out of place."""

        def forward(self, crops: torch.Tensor) -> torch.Tensor:
            assert crops.shape[-2] % 4 == 0
            assert crops.shape[-1] % 4 == 0
            return crops

    for size_hw in [(67, 131), (66, 66), (129, 64), (5, 9)]:
        low = torch.cat([picture(1, *size_hw), picture(1, *size_hw, seed=2)])
        assert torch.equal(sharpen(Same(), low), low)  # type: ignore[arg-type]


@torch.no_grad()
def test_crops_have_no_seams_where_the_attention_is_constant() -> None:
    net = small_as()
    for module in net.modules():
        if isinstance(module, ContrastAttention):
            module.weigh[2].weight.zero_()
    large = picture(1, 66, 68)
    whole = net(torch.nn.functional.pad(large, [0, 0, 0, 2]))[..., :66, :]
    # the crops are 64x64: their cut edges are further from these rows and from the middle column than the network sees
    torch.testing.assert_close(sharpen(net, large)[..., :8, :], whole[..., :8, :], atol=1e-5, rtol=0)


@pytest.mark.parametrize("change", [{"kind": "heavy"}, {"planes": 0}, {"scale": 0}, {"blocks": 0}, {"width": 24}])
def test_impossible_shapes_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        Shape(**{"kind": "paper", "planes": 1, "scale": 2, "blocks": 6, **change})  # type: ignore[arg-type]
