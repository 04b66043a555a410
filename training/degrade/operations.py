"""The single operations of a degradation, on (H, W, C) float32, 0..1, of any size from 1x1 on.

Why torch's own resizing, which does not filter before it shrinks: Real-ESRGAN resizes with it, and the jagged edges of
cheap scalers belong to what a network must mend. Why Pillow's JPEG and not a differentiable one: nothing is learned
through it, and only a real encoder rounds, subsamples and interpolates chroma as the files of this world do
(docs/decisions/007-degradations.md).
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal, cast

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

if TYPE_CHECKING:
    from numpy.typing import NDArray

Filter = Literal["area", "bilinear", "bicubic"]
Shades = Literal["grey", "colour"]

_FFT_STEP = 32
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
_USM_SIDE, _USM_SIGMA = 51, 8.0
"""Real-ESRGAN's radius of 50, and the deviation that OpenCV takes for 51 taps."""
_USM_WEIGHT, _USM_THRESHOLD = 0.5, 10.0 / 255.0


def blur(picture: NDArray[np.float32], kernel: NDArray[np.float64]) -> NDArray[np.float32]:
    """The picture under a (k, k) kernel, k odd, mirrored at its borders; not clipped.

    Why by Fourier: 21x21 at 400x400 take 3 ms of a core, and 13 ms by direct convolution.
    """
    reach = kernel.shape[0] // 2
    wide = np.pad(picture, ((reach, reach), (reach, reach), (0, 0)), mode="reflect")
    sides = tuple(-(-side // _FFT_STEP) * _FFT_STEP for side in wide.shape[:2])
    planes = torch.from_numpy(np.ascontiguousarray(wide.transpose(2, 0, 1)))
    seen = torch.fft.rfft2(planes, s=sides) * torch.fft.rfft2(torch.from_numpy(kernel.astype(np.float32)), s=sides)
    whole = torch.fft.irfft2(seen, s=sides)[:, 2 * reach : wide.shape[0], 2 * reach : wide.shape[1]]
    return _interleaved(whole)


def resize(picture: NDArray[np.float32], size_hw: tuple[int, int], by: Filter) -> NDArray[np.float32]:
    """(H, W, C) to (*size_hw, C), edges on edges, without a filter against aliasing; bicubic may leave 0..1."""
    if picture.shape[:2] == size_hw:
        return picture
    planes = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
    return _interleaved(functional.interpolate(planes, size=size_hw, mode=by)[0])


def gaussian_noise(
    picture: NDArray[np.float32], sigma: float, shades: Shades, random: torch.Generator
) -> NDArray[np.float32]:
    """The picture with normal noise, clipped to 0..1.

    Args:
        picture: (H, W, C) float32, 0..1.
        sigma: standard deviation in 8-bit code values.
        shades: grey is the same in all channels.
        random: is drawn from.
    """
    channels = 1 if shades == "grey" else picture.shape[2]
    noise = torch.randn(*picture.shape[:2], channels, generator=random).numpy() * np.float32(sigma / 255.0)
    return _clipped(picture + noise)


def poisson_noise(
    picture: NDArray[np.float32], scale: float, shades: Shades, random: torch.Generator
) -> NDArray[np.float32]:
    """The picture with shot noise, which grows with the root of the brightness, clipped to 0..1.

    It is that of a count of photons, times `scale`. White counts as many as the 8-bit picture has levels, rounded up to
    a power of two: with 256, the deviation in white is 16 code values. Other arguments as above.
    """
    clean = to_float(to_8bit(picture))
    if shades == "grey":
        clean = clean @ _GREY[:, None] if picture.shape[2] == 3 else clean.mean(axis=2, keepdims=True)
        clean = to_float(to_8bit(clean))
    full = np.float32(2.0 ** np.ceil(np.log2(len(np.unique(clean)))))
    count = torch.poisson(torch.from_numpy(np.ascontiguousarray(clean * full, np.float32)), generator=random).numpy()
    return _clipped(picture + (count / full - clean) * np.float32(scale))


def jpeg(picture: NDArray[np.float32], quality: int) -> NDArray[np.float32]:
    """The picture after libjpeg with chroma 4:2:0, as cameras and the web store it: (H, W, 3), clipped and 8 bit deep.

    Args:
        picture: (H, W, 3) float32, 0..1.
        quality: 1 to 100, libjpeg's.
    """
    file = io.BytesIO()
    Image.fromarray(to_8bit(picture)).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    with Image.open(file) as image:
        return to_float(np.asarray(image, np.uint8))


def sharpen(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture as Real-ESRGAN+ wants it learned: unsharp masking by half, but only where there is an edge.

    Differences of more than 10 code values from a wide blur (51 taps, sigma 8) mark the edges; the mark is blurred in
    turn and fades the sharpened picture in, so flat areas keep their noise as it is. (H, W, 3) uint8 both.
    """
    sharp = to_float(picture)
    line = np.exp(-0.5 * (np.arange(_USM_SIDE) - _USM_SIDE // 2) ** 2 / _USM_SIGMA**2)
    kernel = np.outer(line, line) / line.sum() ** 2
    detail = sharp - blur(sharp, kernel)
    soft = blur((np.abs(detail) > _USM_THRESHOLD).astype(np.float32), kernel)
    return to_8bit(sharp + soft * (_clipped(sharp + np.float32(_USM_WEIGHT) * detail) - sharp))


def to_float(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Code values 0..255 as float32 0..1."""
    return np.asarray(picture.astype(np.float32) / np.float32(255.0))


def to_8bit(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """0..1 as code values, clipped and rounded, half to even."""
    return np.asarray(np.rint(_clipped(picture) * 255.0), np.uint8)


def _clipped(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.clip(picture, 0.0, 1.0), np.float32)


def _interleaved(planes: torch.Tensor) -> NDArray[np.float32]:
    """(C, H, W) to (H, W, C), a copy."""
    return cast("NDArray[np.float32]", np.ascontiguousarray(planes.permute(1, 2, 0).numpy()))
