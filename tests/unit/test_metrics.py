"""Luma, PSNR and SSIM against values worked out by hand."""

import math
import sys

import numpy as np
import pytest

from rtsr.errors import UsageError
from rtsr.metrics import luma, modcrop, psnr_db, shave, ssim


@pytest.mark.parametrize(
    ("rgb", "y"),
    [((0, 0, 0), 16.0), ((255, 255, 255), 235.0), ((255, 0, 0), 81.481), ((0, 255, 0), 144.553), ((0, 0, 255), 40.966)],
)
def test_luma_is_bt601_studio_swing(rgb: tuple[int, int, int], y: float) -> None:
    assert luma(np.array([[rgb]], np.uint8))[0, 0] == pytest.approx(y, abs=1e-9)


def test_grey_is_its_own_luma() -> None:
    grey = np.array([[0, 128, 255]], np.uint8)
    np.testing.assert_array_equal(luma(grey), [[0.0, 128.0, 255.0]])


def test_psnr_of_one_step_everywhere_is_48_13_db() -> None:
    truth = np.full((4, 5), 100, np.uint8)
    assert psnr_db(truth, truth + 1) == pytest.approx(20 * math.log10(255))
    assert psnr_db(truth + 1, truth) == psnr_db(truth, truth + 1), "unsigned numbers must not wrap"
    assert psnr_db(truth, truth) == math.inf


def test_ssim_is_one_for_equal_pictures_and_falls_with_noise() -> None:
    random = np.random.default_rng(0)
    truth = random.uniform(16, 235, (32, 40))
    assert ssim(truth, truth) == pytest.approx(1.0)
    little, much = (ssim(truth, truth + random.normal(0, sigma, truth.shape)) for sigma in (5, 50))
    assert 1.0 > little > much


def test_ssim_of_two_flat_pictures_is_the_luminance_term() -> None:
    dark, light = np.full((16, 16), 50.0), np.full((16, 16), 100.0)
    c1 = (0.01 * 255) ** 2
    assert ssim(dark, light) == pytest.approx((2 * 50 * 100 + c1) / (50**2 + 100**2 + c1))


def test_shapes_must_agree() -> None:
    for measure in (psnr_db, ssim):
        with pytest.raises(ValueError, match="shapes differ"):
            measure(np.zeros((16, 16)), np.zeros((16, 17)))


def test_modcrop_and_shave_cut_where_they_say() -> None:
    picture = np.arange(11 * 14).reshape(11, 14)
    assert modcrop(picture, 4).shape == (8, 12)
    assert modcrop(picture, 4)[0, 0] == picture[0, 0]
    np.testing.assert_array_equal(shave(picture, 3), picture[3:8, 3:11])
    np.testing.assert_array_equal(shave(picture, 0), picture)


def test_without_scikit_image_the_mend_is_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skimage.metrics", None)
    with pytest.raises(UsageError, match=r"rtsr\[eval\]"):
        ssim(np.zeros((16, 16)), np.zeros((16, 16)))
