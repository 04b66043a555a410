"""Bicubic as a network is the reference bicubic."""

import numpy as np
import pytest
import torch

from rtsr.nets.bicubic import Bicubic, mirror
from rtsr.resample import _taps, bicubic_upscale

SIZES = [(17, 13), (1, 1), (2, 5), (1, 8), (3, 3)]


def exact(low: np.ndarray, scale: int) -> np.ndarray:
    """The reference's own taps without its rounding: (H, W) to (scale*H, scale*W)."""
    matrices = []
    for side in low.shape:
        index, weight = _taps(side, side * scale)
        matrix = np.zeros((side * scale, side))
        np.add.at(matrix, (np.arange(side * scale)[:, None], index), weight)
        matrices.append(matrix)
    return matrices[0] @ low @ matrices[1].T


@pytest.mark.parametrize("scale", [1, 2, 3, 4])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_it_is_the_reference_up_to_its_borders(scale: int, height: int, width: int) -> None:
    low = np.random.default_rng(0).random((2, 3, height, width))
    high = Bicubic(scale)(torch.from_numpy(low).float()).numpy()
    assert high.shape == (2, 3, height * scale, width * scale)
    truth = [[exact(plane, scale) for plane in planes] for planes in low]
    np.testing.assert_allclose(high, truth, atol=1e-6, rtol=0)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_rounded_it_is_the_8_bit_reference_but_for_its_inner_rounding(scale: int) -> None:
    low = np.random.default_rng(1).integers(64, 192, (17, 13), np.uint8)  # no overshoot to clip between the passes
    high = Bicubic(scale)(torch.from_numpy(low)[None, None].float())[0, 0].round().numpy()
    assert np.abs(high - bicubic_upscale(low, scale)).max() <= 1


@pytest.mark.parametrize(("scale", "parameters"), [(2, 104), (3, 234), (4, 416)])
def test_the_count_is_that_of_the_edge_sr_tables(scale: int, parameters: int) -> None:
    # Navarrete Michelini et al. 2022, released results: "Bicubic", filters of 5x5 with a bias each
    weight = Bicubic(scale).weight
    assert weight.numel() + len(weight) == parameters
    assert list(Bicubic(scale).parameters()) == []


def test_the_mirror_repeats_the_edge() -> None:
    row = torch.tensor([[1.0, 2.0, 3.0]])
    assert mirror(row, 2)[2].tolist() == [2, 1, 1, 2, 3, 3, 2]


def test_a_scale_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="must"):
        Bicubic(0)
