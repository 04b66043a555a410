"""The training set as pairs of luma, and random pixels of it with their surroundings.

A folder may hold pictures of several kinds, and videos, of which some frames are taken.

An eSR network sees k x k pixels and answers with s x s, so a batch is some thousand such patches, each from its own
place in its own photograph. They teach more per multiplication than crops, whose pixels resemble their neighbours.
"""

from __future__ import annotations

import re
import warnings
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image

from rtsr.errors import SourceError
from rtsr.metrics import luma, modcrop
from rtsr.resample import bicubic_downscale, bicubic_phases
from rtsr.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from training.recipe import Recipe

PICTURES = frozenset({".webp", ".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff"})
VIDEOS = frozenset({".mp4", ".mkv", ".webm", ".mov"})
_FRAMES = 40
"""Most frames of one video: at 1920x1080 they are 400 MB as pairs."""
_LEAST_STEP_S = Fraction(1)
"""Between two frames taken of a video; nearer ones teach the same again."""
_SKIP = "delete it, or go on without such files: --skip-bad"
_BICUBIC_SIDE = 5
_LEAST_ERROR = 1e-6
"""60 dB: a picture without any detail must not outweigh the rest."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A photograph's luma at two sizes, BT.601 studio swing divided by 255, never rounded."""

    low: Tensor
    """(H, W) float32, 16/255..235/255, from an 8-bit RGB picture made by the exact bicubic."""
    high: Tensor
    """(scale*H, scale*W) float32, the same range."""


def list_photographs(roots: Sequence[Path], folders: tuple[str, ...]) -> list[list[Path]]:
    """The files in `folders` of all roots, grouped by the photograph or the video that they are of, in order of folder.

    Crops of one photograph are called `NAME_0.webp`, `NAME_1.webp`, and so on, below 100, in whichever of the folders:
    they must not be split between training and held-out. A longer number (`IMG_1234.jpg`) is a camera's, and part of
    the name. A video is a group of its own. Raises SourceError when a folder is missing or empty in every root.
    """
    photographs: dict[str, list[Path]] = {}
    for folder in folders:
        places = [root / folder for root in roots]
        files = [
            path
            for place in places
            for path in sorted(place.glob("*"))
            if path.suffix.lower() in PICTURES | VIDEOS and path.is_file()
        ]
        if not files:
            raise SourceError(
                f"no training picture or video in {' or '.join(map(str, places))}",
                mend="say where they are: --data DIR",
            )
        for path in files:
            crop = path.suffix.lower() in PICTURES
            name = re.sub(r"_[0-9]{1,2}$", "", path.stem) if crop else f"{folder}/{path.name}"
            photographs.setdefault(name, []).append(path)
    return list(photographs.values())


def split(photographs: list[list[Path]], every: int) -> tuple[list[Path], list[Path]]:
    """Crops to train on, and crops held out: those of every `every`-th photograph. SourceError when one has none."""
    held_out = photographs[every // 2 :: every]
    if not 0 < len(held_out) < len(photographs):
        raise SourceError(
            f"{len(photographs)} photographs are too few to hold out every {every}th",
            mend="name more folders, or another `held_out`, in the recipe",
        )
    return [crop for one in photographs if one not in held_out for crop in one], [c for one in held_out for c in one]


def load_sets(  # noqa: PLR0913 - three of them only pass through
    recipe: Recipe, scale: int, roots: Sequence[Path], *, least_px: int, skip_bad: bool, tell: Callable[[str], None]
) -> tuple[list[Pair], list[Pair]]:
    """What a recipe learns from, and what it holds out. Raises SourceError as `list_photographs` and `load_pairs`."""
    to_learn, to_check = split(list_photographs(roots, recipe.folders), recipe.held_out)
    return (
        load_pairs(to_learn, scale, least_px=least_px, skip_bad=skip_bad, tell=tell),
        load_pairs(to_check, scale, skip_bad=skip_bad, tell=tell),
    )


def load_pairs(
    paths: Sequence[Path], scale: int, *, least_px: int = 1, skip_bad: bool = False,
    tell: Callable[[str], None] = print,
) -> list[Pair]:  # fmt: skip
    """Read pictures, and some frames of each video: one a second, 40 at most, spread over its length.

    Raises SourceError, with the name of the file, when one cannot be read or is smaller than `least_px` low-resolution
    pixels on one side. With `skip_bad` such files are named and counted to `tell`, and it is raised when none is left.
    """
    pairs: list[Pair] = []
    bad = 0
    for path in paths:
        try:
            pairs += [_pair(path, rgb, scale, least_px) for rgb in _pictures(path)]
        except SourceError as error:
            if not skip_bad:
                raise
            bad += 1
            tell(f"left out: {error.problem}")
    if bad:
        tell(f"{bad} of {len(paths)} files are left out")
    if not pairs:
        raise SourceError(f"none of {len(paths)} training files can be used", mend="say where others are: --data DIR")
    return pairs


def load_pair(path: Path, scale: int, *, least_px: int = 1) -> Pair:
    """Read a picture and shrink it as the benchmarks do. Raises SourceError as `load_pairs`."""
    return _pair(path, read_picture(path), scale, least_px)


def _pair(path: Path, rgb: NDArray[np.uint8], scale: int, least_px: int) -> Pair:
    if min(rgb.shape[:2]) < least_px * scale:
        raise SourceError(
            f"{path} is {rgb.shape[1]}x{rgb.shape[0]}, and less than {least_px * scale} on one side is too small",
            mend=_SKIP,
        )
    high = modcrop(rgb, scale)
    low = bicubic_downscale(high, scale)
    return Pair(*(torch.from_numpy((luma(one) / 255.0).astype(np.float32)) for one in (low, high)))


def read_picture(path: Path) -> NDArray[np.uint8]:
    """The picture in a file, (H, W, 3) uint8, R'G'B', full range; of several the first. Raises SourceError.

    16 bits are rounded to 8. What is transparent lies on middle grey: a colour that is stored there was never seen.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a large picture, a palette with transparency: both are read right
            with Image.open(path) as image:
                image.load()
                return _as_rgb(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise SourceError(f"{path} cannot be read as a picture: {error}", mend=_SKIP) from error


def read_pictures(paths: Sequence[Path], tell: Callable[[str], None] | None) -> Iterator[NDArray[np.uint8]]:
    """The pictures; those that cannot be read are told of, or, without `tell`, raised about."""
    bad = 0
    for path in paths:
        try:
            yield read_picture(path)
        except SourceError as error:
            if tell is None:
                raise
            bad += 1
            tell(f"left out: {error.problem}")
    if bad and tell is not None:
        tell(f"{bad} of {len(paths)} files are left out")


def _as_rgb(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode.startswith("I"):  # Pillow's own conversion clips at 255
        deep = np.asarray(image).astype(np.float64)
        if deep.min() < 0 or deep.max() > 65535:
            raise ValueError(f"it has samples from {deep.min():.0f} to {deep.max():.0f}, not 0 to 65535")
        return np.repeat(np.rint(deep / 257.0).astype(np.uint8)[..., None], 3, axis=2)
    if image.mode == "F":
        raise ValueError("it has floating-point samples, whose range no file says")
    if image.has_transparency_data:
        ground = Image.new("RGBA", image.size, (128, 128, 128, 255))
        image = Image.alpha_composite(ground, image.convert("RGBA"))
    return np.asarray(image.convert("RGB"))


def _pictures(path: Path) -> Iterator[NDArray[np.uint8]]:
    """What a file shows, (H, W, 3) uint8 each: a picture once, a video some of its frames."""
    if path.suffix.lower() not in VIDEOS:
        yield read_picture(path)
        return
    from rtsr.swscale import RgbScaler  # only videos need PyAV

    with closing(open_source(str(path))) as source:
        info = source.info
        size_wh = info.width, info.height
        step_s = max(_LEAST_STEP_S, (info.duration_s or Fraction(0)) / _FRAMES)
        first_s, seen = None, -1
        scaler = RgbScaler(size_wh, size_wh, info.color.for_display(info.height), info.layout)
        for frame in source.frames():
            first_s = frame.time_s if first_s is None else first_s
            slot = int((frame.time_s - first_s) / step_s)
            if seen < slot < _FRAMES:
                seen = slot
                packed = np.ascontiguousarray(scaler.bgra(frame)).reshape(info.height, info.width, 4)
                yield packed[..., 2::-1]
        if source.losses:
            raise SourceError(f"{path}: {source.losses[0]}", mend=_SKIP)


class Patches:
    """Every pixel of some photographs whose surroundings lie inside them, to draw from at random."""

    def __init__(self, pairs: list[Pair], scale: int, kernel_size: int) -> None:
        reach = kernel_size // 2
        stride = max(pair.low.shape[1] for pair in pairs)
        lows, highs, centres, weights = [], [], [], []
        row = 0
        for pair in pairs:
            height, width = pair.low.shape
            lows.append(torch.nn.functional.pad(pair.low, (0, stride - width)))
            phases = pair.high.reshape(height, scale, width, scale).transpose(1, 2).flatten(2)
            highs.append(torch.nn.functional.pad(phases, (0, 0, 0, stride - width)))
            y, x = torch.arange(reach, height - reach), torch.arange(reach, width - reach)
            centres.append(((row + y[:, None]) * stride + x).flatten())
            weights.append(torch.full((len(centres[-1]), 1), 1.0 / bicubic_error(pair, scale)))
            row += height
        self._low = torch.cat(lows).flatten()
        self._high = torch.cat(highs).flatten(0, 1)
        self._centres = torch.cat(centres)
        self._weights = torch.cat(weights)
        span = torch.arange(-reach, reach + 1)
        self._around = (span[:, None] * stride + span).flatten()
        self._shape = (kernel_size, scale)

    def __len__(self) -> int:
        return len(self._centres)

    def draw(self, count: int, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Patches (count, k*k), their answers (count, scale*scale), both 0..1, and weights (count, 1); all float32.

        Mirrored and turned: the eight symmetries of the square take turns within the batch, `count` / 8 patches each.
        The weight is one over bicubic's mean squared error on the patch's picture. With it a squared error counts by
        how much it changes that picture's PSNR; without it a few busy pictures decide everything.
        """
        chosen = torch.randint(len(self), (count,), generator=random)
        centre = self._centres[chosen]
        kernel_size, scale = self._shape
        low = self._low[centre[:, None] + self._around].reshape(-1, kernel_size, kernel_size)
        high = self._high[centre].reshape(-1, scale, scale)
        return _turn_parts(low), _turn_parts(high), self._weights[chosen]


def bicubic_error(pair: Pair, scale: int) -> float:
    """Mean squared error of plain bicubic enlargement on the range 0..1, never quite 0."""
    filters = torch.from_numpy(bicubic_phases(scale, _BICUBIC_SIDE).astype(np.float32))
    filters = filters.reshape(-1, 1, _BICUBIC_SIDE, _BICUBIC_SIDE)
    padded = torch.nn.functional.pad(pair.low[None, None], [_BICUBIC_SIDE // 2] * 4, mode="replicate")
    guess = torch.nn.functional.pixel_shuffle(torch.nn.functional.conv2d(padded, filters), scale)[0, 0]
    return max((guess - pair.high).square().mean().item(), _LEAST_ERROR)


def _turn_parts(squares: Tensor) -> Tensor:
    """(N, n, n) to (N, n*n), an eighth of them under each symmetry of the square."""
    return torch.cat([turn(part, which).flatten(1) for which, part in enumerate(squares.chunk(8))])


def turn(squares: Tensor, which: int) -> Tensor:
    """One of the eight symmetries of the square, applied to the last two axes."""
    squares = squares.transpose(-1, -2) if which & 4 else squares
    return squares.flip([axis for axis, bit in ((-1, 1), (-2, 2)) if which & bit])
