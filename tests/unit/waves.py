"""Made-up photographs for the tests of training: hard-edged waves with a little noise."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image


def paint_waves(root: Path, names: Iterable[str]) -> Path:
    """Write pictures of 72x64 as `root`/cc0/NAME.webp, always the same ones, and give `root`."""
    (root / "cc0").mkdir()
    random = np.random.default_rng(0)
    y, x = np.mgrid[:64, :72]
    for name in names:
        waves = sum(np.sign(np.sin(x * a + y * b + c)) for a, b, c in random.uniform(-0.4, 0.4, (6, 3)))
        rgb = np.clip(128 + 18 * waves[..., None] + random.normal(0, 2, (64, 72, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(rgb).save(root / "cc0" / f"{name}.webp", lossless=True)
    return root
