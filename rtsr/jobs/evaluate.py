"""PSNR and SSIM of models on a folder of pictures, by the convention of the super-resolution literature.

Each picture is cropped to a multiple of the scale and shrunk by the exact bicubic to 8-bit RGB; the network sees that
picture's luma, BT.601 studio swing, not rounded; what it gives is compared with the luma of the original, a border as
wide as the scale left out. Bicubic stands in every table, made as papers make it: on RGB, rounded to 8 bit, then luma.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rtsr.errors import SourceError
from rtsr.metrics import luma, modcrop, psnr_db, shave, ssim
from rtsr.models import ModelCard, find_model
from rtsr.resample import bicubic_downscale, bicubic_upscale
from rtsr.upscalers.openvino import open_reference

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

BASELINE = "bicubic"
_SMALLEST_PX = 11
"""SSIM's window must fit into what the shave leaves."""
_GREY = ("1", "L", "LA", "La")
_DEEP = ("I", "F")
_PICTURES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True, slots=True)
class Row:
    """What one model reached on one folder: means over its pictures."""

    model: str
    dataset: str
    """The folder's name."""
    scale: int
    images: int
    psnr_db: float
    """Of the float luma that the model gives."""
    psnr_uint8_db: float
    """Of that luma rounded to 8 bit, as a video holds it."""
    ssim: float


def evaluate(folder: Path, models: Sequence[str], scale: int) -> list[Row]:
    """Measure `models` on the pictures in `folder`, bicubic first, each model once.

    Raises UsageError on an unknown model or scale, SourceError on a folder without pictures or a picture that cannot
    be read or is too small, and BackendError when a model's file is damaged.
    """
    return measure(folder, [find_model(name, scale) for name in dict.fromkeys((BASELINE, *models))])


def measure(folder: Path, cards: Sequence[ModelCard]) -> list[Row]:
    """The same for cards of one scale, wherever their files lie; raises as `evaluate` does."""
    scale = cards[0].scale
    paths = list_pictures(folder)
    enlargers = {card.name: open_enlarger(card) for card in cards}
    scores: dict[str, list[tuple[float, float, float]]] = {name: [] for name in enlargers}
    for path in paths:
        truth = modcrop(read_picture(path), scale)
        if min(truth.shape[:2]) < _SMALLEST_PX + 2 * scale:
            raise SourceError(
                f"{path.name} is too small to be measured at x{scale}: {truth.shape[1]}x{truth.shape[0]}",
                mend=f"both sides must reach {_SMALLEST_PX + 3 * scale} pixels",
            )
        low = bicubic_downscale(truth, scale)
        for name, enlarge in enlargers.items():
            scores[name].append(_score(luma(truth), enlarge(low), scale))
    means = {name: np.mean(score, axis=0).tolist() for name, score in scores.items()}
    dataset = folder.resolve().name
    return [Row(name, dataset, scale, len(paths), *mean) for name, mean in means.items()]


def list_pictures(folder: Path) -> list[Path]:
    """The pictures in `folder` by their suffix, in order of name; other files are left alone. Raises SourceError."""
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise SourceError(f"{folder} cannot be read: {error.strerror}", mend="name a folder of pictures") from error
    paths = [path for path in files if path.suffix.lower() in _PICTURES and path.is_file()]
    if not paths:
        raise SourceError(
            f"there is no picture in {folder}", mend="name a folder of PNG, BMP, WebP, TIFF or JPEG files"
        )
    return paths


def read_picture(path: Path) -> NDArray[np.uint8]:
    """A picture as (H, W, 3) uint8, full-range R'G'B', or (H, W) uint8 when it is greyscale; alpha is dropped.

    Raises SourceError when it cannot be read, or has more than 8 bits.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode.startswith(_DEEP):
                raise SourceError(f"{path} has more than 8 bits per sample", mend="convert it to 8 bits")
            return np.asarray(image.convert("L" if image.mode in _GREY else "RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise SourceError(
            f"{path} cannot be read as a picture: {error}", mend="remove it from the folder, or repair it"
        ) from error


def open_enlarger(card: ModelCard) -> Callable[[NDArray[np.uint8]], NDArray[np.float64]]:
    """What turns a small (H, W[, 3]) uint8 picture into the card's (S*H, S*W) float64 luma, 0..255."""
    if card.net == BASELINE:
        return lambda low: luma(bicubic_upscale(low, card.scale))
    run = open_reference(card)

    def enlarge(low: NDArray[np.uint8]) -> NDArray[np.float64]:
        high = run((luma(low) / 255.0).astype(np.float32))
        return np.asarray(high, np.float64).clip(0.0, 1.0) * 255.0

    return enlarge


def _score(truth: NDArray[np.float64], guess: NDArray[np.float64], scale: int) -> tuple[float, float, float]:
    """PSNR in dB, the same of the rounded guess, and SSIM, of two (H, W) lumas, 0..255."""
    truth, guess = shave(truth, scale), shave(guess, scale)
    return psnr_db(truth, guess), psnr_db(truth, np.rint(guess)), ssim(truth, guess)
