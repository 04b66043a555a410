"""What a quality number means here: luma, PSNR and SSIM, one definition for every table, test and log.

The convention of the super-resolution literature: BT.601 studio-swing luma in float and never rounded, a border as wide
as the scale cut off, peak 255. Each departure moves the numbers by 0.02 to 2 dB, so nobody computes them elsewhere.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from rtsr.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

PEAK = 255.0
_LUMA_GAIN = np.array([65.481, 128.553, 24.966]) / PEAK
_LUMA_BLACK = 16.0


def luma(picture: NDArray[Any]) -> NDArray[np.float64]:
    """BT.601 studio-swing Y of full-range R'G'B', not rounded: (H, W, 3) 0..255 to (H, W) float64, 16..235.

    A greyscale picture, (H, W), is its own luma, as the literature takes it; its range stays 0..255.
    """
    picture = picture.astype(np.float64)
    return picture if picture.ndim == 2 else np.asarray(_LUMA_BLACK + picture @ _LUMA_GAIN)


def modcrop(picture: NDArray[Any], scale: int) -> NDArray[Any]:
    """A view of (H, W[, C]) cut at the bottom and right so that both sides are multiples of `scale`."""
    height, width = picture.shape[:2]
    return picture[: height - height % scale, : width - width % scale]


def shave(picture: NDArray[Any], border_px: int) -> NDArray[Any]:
    """A view of (H, W[, C]) without `border_px` pixels on each side."""
    height, width = picture.shape[:2]
    return picture[border_px : height - border_px, border_px : width - border_px]


def psnr_db(truth: NDArray[Any], guess: NDArray[Any]) -> float:
    """Peak signal-to-noise ratio in dB of two arrays of one shape, both 0..255; infinite when they are equal.

    Raises ValueError when the shapes differ.
    """
    _same_shape(truth, guess)
    error = float(np.mean((truth.astype(np.float64) - guess.astype(np.float64)) ** 2))
    return math.inf if error == 0.0 else 10.0 * math.log10(PEAK**2 / error)


def ssim(truth: NDArray[Any], guess: NDArray[Any]) -> float:
    """Structural similarity (Wang et al., IEEE TIP 13(4), 2004) of two (H, W) arrays, both 0..255; 1 when equal.

    Gaussian window of 11x11, sigma 1.5, population covariance, mean over the positions where the window lies inside.
    Raises ValueError when the shapes differ or a side is below 11, and UsageError without `rtsr[eval]`.
    """
    _same_shape(truth, guess)
    try:
        from skimage.metrics import structural_similarity
    except ImportError as error:
        raise UsageError("SSIM needs scikit-image, which is not installed", mend='pip install "rtsr[eval]"') from error
    value = structural_similarity(
        truth.astype(np.float64), guess.astype(np.float64),
        data_range=PEAK, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    )  # fmt: skip
    return float(value)


def _same_shape(truth: NDArray[Any], guess: NDArray[Any]) -> None:
    if truth.shape != guess.shape:
        raise ValueError(f"shapes differ: {truth.shape} and {guess.shape}")
