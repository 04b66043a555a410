"""What `rtsr explain` says of any network's filters and receptive field is so."""

import numpy as np
import pytest

from rtsr.errors import UsageError
from rtsr.jobs.explain_plain import first_filters, measure_field
from rtsr.models import find_model, list_models, verified_path
from rtsr.nets import open_net
from rtsr.upscalers.openvino import open_reference

PICTURE = np.random.default_rng(0).random((61, 70), np.float32)


def _filtered(picture: np.ndarray, kernel: np.ndarray, scale: int) -> np.ndarray:
    """Each output pixel is the correlation of the kernel with what lies around its input pixel."""
    padded = np.pad(picture, kernel.shape[0] // 2, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape)
    return np.einsum("hwij,ij->hw", windows, kernel).repeat(scale, 0).repeat(scale, 1).astype(np.float32)


@pytest.mark.parametrize("scale", [2, 3])
def test_the_field_of_a_filter_is_the_filter(scale: int) -> None:
    kernel = np.random.default_rng(1).normal(size=(5, 5))
    field = measure_field(lambda y: _filtered(y, kernel, scale), PICTURE, 5)
    np.testing.assert_allclose(field.influence[2:-2, 2:-2], np.abs(kernel), atol=2e-3)
    assert not field.leaves_the_square
    assert field.theory_px == 5
    assert field.share(5) == pytest.approx(1, abs=1e-3)
    assert field.side_px(0.0001) == 1
    assert field.side_px(0.99) == 5
    assert field.share(3) == pytest.approx(np.abs(kernel[1:-1, 1:-1]).sum() / np.abs(kernel).sum(), abs=1e-3)


def test_what_reaches_beyond_its_card_is_seen() -> None:
    wide = np.full((7, 7), 0.02)
    assert measure_field(lambda y: _filtered(y, wide, 2), PICTURE, 5).leaves_the_square
    assert measure_field(lambda y: (y + y.mean()).repeat(2, 0).repeat(2, 1), PICTURE, 3).leaves_the_square


@pytest.mark.parametrize("size", [(1, 1), (4, 90), (13, 13)])
def test_a_picture_smaller_than_the_field_is_enough(size: tuple[int, int]) -> None:
    card = find_model("ecbsr-m4c8", 2)
    field = measure_field(open_reference(card), PICTURE[: size[0], : size[1]], card.receptive_field_px)
    assert field.share(card.receptive_field_px) == pytest.approx(1, abs=1e-4)


def test_a_network_that_no_pixel_changes_is_told() -> None:
    with pytest.raises(UsageError, match="no pixel"):
        measure_field(lambda y: np.zeros((2 * y.shape[0], 2 * y.shape[1]), np.float32), PICTURE, 3)


@pytest.mark.parametrize("card", [card for card in list_models() if card.net not in ("bicubic", "esr")], ids=str)
def test_every_network_keeps_to_the_field_of_its_card(card) -> None:
    field = measure_field(open_reference(card), PICTURE, card.receptive_field_px)
    assert not field.leaves_the_square
    assert 1 <= field.side_px(0.5) <= field.side_px(0.95) <= card.receptive_field_px


def test_the_first_filters_are_those_of_the_network() -> None:
    card = find_model("ecbsr-m4c16", 2)
    filters = first_filters(card)
    weights = next(iter(open_net(verified_path(card, "safetensors")).parameters()))
    np.testing.assert_array_equal(filters, weights.detach().numpy()[:, 0])
