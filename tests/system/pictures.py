"""What the tests of `rtsr image` share."""

from pathlib import Path

import numpy as np
from PIL import Image

from rtsr.cli import main


def run(*arguments: str | Path) -> int:
    """The exit code of `rtsr image`."""
    return main(["image", *map(str, arguments)])


def mode_and_size(path: Path) -> tuple[str, tuple[int, int]]:
    """As Pillow reads them."""
    with Image.open(path) as image:
        return image.mode, image.size


def noise(*shape: int, peak: int = 255) -> np.ndarray:
    """(shape) uint8, or uint16 where `peak` asks for it."""
    kind = np.uint16 if peak > 255 else np.uint8
    return np.random.default_rng(0).integers(0, peak + 1, shape).astype(kind)
