"""The exact bicubic, held against torch's antialiased one and against what bicubic must do."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr.resample import bicubic_downscale, bicubic_phases, bicubic_upscale

SCALES = (2, 3, 4)


def torch_downscale(picture: np.ndarray, scale: int) -> np.ndarray:
    """MATLAB's imresize out of torch: one axis at a time, mirrored borders, rounded to 8 bit after each."""
    plane = torch.from_numpy(picture.astype(np.float64))[None, None]
    for axis in (2, 3):
        length, border = plane.shape[axis], 4 * scale
        index = np.arange(-border, length + border) % (2 * length)
        plane = plane.index_select(axis, torch.from_numpy(np.minimum(index, 2 * length - 1 - index)))
        size = list(plane.shape[2:])
        size[axis - 2] //= scale
        plane = torch.nn.functional.interpolate(plane, size=size, mode="bicubic", antialias=True)
        plane = plane.narrow(axis, 4, length // scale).round().clamp(0, 255)
    return plane[0, 0].numpy().astype(np.uint8)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SCALES), st.integers(1, 41), st.integers(1, 41), st.integers(0, 2**32 - 1))
def test_downscale_is_torchs_to_the_last_bit(scale: int, height: int, width: int, seed: int) -> None:
    picture = np.random.default_rng(seed).integers(0, 256, (scale * height, scale * width), dtype=np.uint8)
    np.testing.assert_array_equal(bicubic_downscale(picture, scale), torch_downscale(picture, scale))


@pytest.mark.parametrize("scale", SCALES)
def test_a_flat_picture_stays_flat(scale: int) -> None:
    flat = np.full((12, 24, 3), 201, np.uint8)
    assert (bicubic_downscale(flat, scale) == 201).all()
    assert (bicubic_upscale(flat, scale) == 201).all()


@pytest.mark.parametrize("scale", SCALES)
def test_channels_are_resized_apart(scale: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5 * scale, 7 * scale, 3), dtype=np.uint8)
    for resize in (bicubic_downscale, bicubic_upscale):
        apart = np.stack([resize(picture[..., channel], scale) for channel in range(3)], axis=2)
        np.testing.assert_array_equal(resize(picture, scale), apart)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("kernel_size", [5, 7])
def test_phases_are_the_upscale_before_rounding(scale: int, kernel_size: int) -> None:
    picture = np.random.default_rng(1).integers(90, 166, (16, 20), dtype=np.uint8)  # no overshoot is clipped
    filters = torch.from_numpy(bicubic_phases(scale, kernel_size)).reshape(-1, 1, kernel_size, kernel_size)
    valid = torch.nn.functional.conv2d(torch.from_numpy(picture.astype(np.float64))[None, None], filters)
    inside = torch.nn.functional.pixel_shuffle(valid, scale)[0, 0].clamp(0, 255).numpy()
    border = kernel_size // 2 * scale
    exact = bicubic_upscale(picture, scale)[border:-border, border:-border]
    assert np.abs(inside - exact).max() <= 1.5, "the rounding between the passes moves a value by little"
    np.testing.assert_allclose(filters.sum((1, 2, 3)), 1.0, atol=1e-12)


def test_sides_that_do_not_divide_are_refused() -> None:
    with pytest.raises(ValueError, match="7x8"):
        bicubic_downscale(np.zeros((8, 7), np.uint8), 2)
    with pytest.raises(ValueError, match="5 or more"):
        bicubic_phases(2, 3)
