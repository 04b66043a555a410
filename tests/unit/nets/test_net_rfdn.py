"""RFDN: the published counts of both attentions."""

import pytest
import torch

from rtsr.nets.rfdn import RFDN, Attention, Shape, SpatialAttention
from tests.unit.nets.measure import hold, multiply_adds, on_meta, parameters, picture


@pytest.mark.parametrize(
    ("width", "scale", "published_k"),
    [(48, 2, 534), (48, 3, 541), (48, 4, 550), (52, 2, 626), (52, 3, 633), (52, 4, 643)],
)
def test_parameters_of_the_paper_s_form(width: int, scale: int, published_k: int) -> None:
    # Liu et al. 2020 (arXiv 2009.11551): RFDN 534K, 541K, 550K; RFDN-L 626K, 633K, 643K
    net = on_meta(lambda: RFDN(Shape("contrast", 3, scale, width)))
    assert round(parameters(net) / 1000) == published_k


def test_parameters_and_multiply_adds_of_the_challenge_s_form() -> None:
    # NTIRE 2022 report on efficient SR (arXiv 2205.05675), "RFDN AIM20": 0.433M, 27.10 G at 256x256, activations
    # counted and biases not
    net = on_meta(lambda: RFDN(Shape("spatial", 3, 4, width=50, blocks=4)))
    assert parameters(net) == 433448
    activations = (4 * (4 * 25 + 3 * 50) + 50) * 256**2
    assert multiply_adds(net, (1, 3, 256, 256), biases=0) + activations == pytest.approx(27.10e9, abs=0.005e9)


def test_parameters_with_the_wide_attention() -> None:
    assert parameters(on_meta(lambda: RFDN(Shape("spatial", 3, 2)))) == 534036 + 6 * (
        4 * 12 * 12 * 9 + 12 * 12 + 5 * 12
    )


@pytest.mark.parametrize("attention", ["contrast", "spatial"])
@pytest.mark.parametrize(("scale", "planes"), [(2, 1), (3, 3), (4, 1)])
def test_any_size_any_scale(attention: Attention, scale: int, planes: int) -> None:
    hold(lambda: RFDN(Shape(attention, planes, scale, width=48, blocks=1)), planes, scale)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (14, 40), (33, 15)])
def test_maps_too_small_to_pool_are_continued(height: int, width: int) -> None:
    net = RFDN(Shape("spatial", 1, 2, width=8, blocks=1))
    assert net(picture(1, height, width)).shape == (1, 1, 2 * height, 2 * width)


@pytest.mark.parametrize("side", [119, 120, 121])
@torch.no_grad()
def test_the_wide_attention_sees_no_further_than_the_shape_says(side: int) -> None:
    attention, spot = SpatialAttention(4).double(), 60
    for parameter in attention.parameters():
        parameter.abs_().mul_(0.1)  # nothing cancels, and what is larger passes the pool
    low = picture(4, side, side).double()
    changed = low.clone()
    changed[..., spot, spot] += 1
    felt = (attention(changed) != attention(low)).nonzero()[:, 2:]
    reach = max(spot - int(felt.min()), int(felt.max()) - spot)
    assert 24 < reach <= Shape("spatial", 1, 2, blocks=1).reach - Shape("contrast", 1, 2, blocks=1).reach


@pytest.mark.parametrize("change", [{"attention": "none"}, {"planes": 0}, {"scale": 0}, {"blocks": 0}, {"width": 7}])
def test_impossible_shapes_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        Shape(**{"attention": "spatial", "planes": 1, "scale": 2, **change})  # type: ignore[arg-type]
