"""A texture like a photograph of river stones: the "dead leaves" model, whose statistics are those of real scenes.

Why: flat colours and sine waves flatter any scaler; edges that hide one another and 1/f grain are what cameras see.
"""

from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SEED = 20240229
_FINER = 2
"""Samples per side that are drawn before they are reduced."""
_RADII = (4.0, 64.0)
"""Smallest and largest stone, in samples of the result; the number of stones falls with the cube of the radius."""
_COVER = 5.0
"""Area of all stones over that of the picture."""
_LIGHT = np.array((-0.48, -0.60, 0.64), np.float32)
_PALETTE = np.array(
    [
        (0.62, 0.60, 0.57), (0.45, 0.47, 0.50), (0.78, 0.74, 0.66), (0.36, 0.42, 0.50), (0.58, 0.44, 0.34),
        (0.70, 0.52, 0.36), (0.30, 0.33, 0.35), (0.52, 0.57, 0.47), (0.86, 0.84, 0.80), (0.55, 0.30, 0.25),
        (0.33, 0.44, 0.38), (0.72, 0.66, 0.50),
    ],
    np.float32,
)  # fmt: skip


def stones(width: int, height: int) -> NDArray[np.float32]:
    """(height, width, 3) float32 R'G'B' 0..1; left meets right and top meets bottom."""
    random = np.random.default_rng(_SEED)
    large_wh = (width * _FINER, height * _FINER)
    grain = _grain(*large_wh, random)
    picture = np.full((large_wh[1], large_wh[0], 3), 0.12, np.float32)
    for radius in _radii(width * height, min(width, height), random):
        _lay(picture, grain, radius * _FINER, random)
    edge = 8
    wrapped = np.pad(np.clip(picture, 0, 1), ((edge, edge), (edge, edge), (0, 0)), mode="wrap")
    image = Image.fromarray(np.rint(wrapped * 255).astype(np.uint8))
    size, rim = (width + edge, height + edge), edge // _FINER
    small = np.asarray(image.resize(size, Image.Resampling.BICUBIC), np.float32) / 255
    return cast("NDArray[np.float32]", small[rim : rim + height, rim : rim + width])


def _grain(width: int, height: int, random: np.random.Generator) -> NDArray[np.float32]:
    """(height, width) noise whose amplitude falls with frequency as in photographs; deviation 1."""
    down = np.fft.fftfreq(height)[:, None]
    across = np.fft.rfftfreq(width)[None, :]
    amplitude = 1 / np.maximum(np.hypot(down, across), 1 / 64) ** 0.9
    spectrum = np.fft.rfft2(random.standard_normal((height, width))) * amplitude
    noise = np.fft.irfft2(spectrum, s=(height, width))
    return cast("NDArray[np.float32]", (noise / noise.std()).astype(np.float32))


def _radii(area: int, side: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Radii of all stones in the order in which they are laid, largest ones mostly below."""
    least, most = _RADII[0], min(_RADII[1], side / 4)
    mean_area = 2 * np.pi * 0.75 * np.log(most / least) / (least**-2 - most**-2)
    share = random.random(max(8, round(_COVER * area / mean_area)))
    radii = (least**-2 - share * (least**-2 - most**-2)) ** -0.5
    late = random.random(radii.size) * most
    return cast("NDArray[np.float64]", radii[np.argsort(late - radii)])


def _lay(picture: NDArray[np.float32], grain: NDArray[np.float32], radius: float, random: np.random.Generator) -> None:
    """Put one stone somewhere, over what lies there."""
    height, width = grain.shape
    reach = int(radius) + 2
    turn, flat = random.uniform(0, np.pi), random.uniform(0.62, 1.0)
    left, top = random.integers(width), random.integers(height)
    tone = _PALETTE[random.integers(len(_PALETTE))] * np.float32(random.uniform(0.8, 1.12))
    rough = np.float32(random.uniform(0.03, 0.13))
    axis = np.arange(-reach, reach + 1, dtype=np.float32) / np.float32(radius)
    x, y = axis[None, :], axis[:, None]
    along = x * np.float32(np.cos(turn)) + y * np.float32(np.sin(turn))
    aside = (y * np.float32(np.cos(turn)) - x * np.float32(np.sin(turn))) / np.float32(flat)
    far = along * along + aside * aside
    up = np.sqrt(np.clip(1 - far, 0.0, 1))
    light = np.clip(x * _LIGHT[0] + y * _LIGHT[1] + up * _LIGHT[2], 0, 1)
    rows = (np.arange(top - reach, top + reach + 1) % height)[:, None]
    columns = (np.arange(left - reach, left + reach + 1) % width)[None, :]
    shade = (0.30 + 0.95 * light) * (1 + rough * grain[rows, columns])
    cover = np.clip((1 - np.sqrt(far)) * np.float32(radius * flat), 0, 1)[..., None]
    under = picture[rows, columns]
    picture[rows, columns] = under + cover * (shade[..., None] * tone - under)
