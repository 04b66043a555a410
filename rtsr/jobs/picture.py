"""Pictures in files: what is in one, and what of it the file of the enlarged picture can hold.

Why nothing is converted in silence: a picture that Pillow would reduce (16-bit colour to 8 bits) and an output that
cannot hold what the input has (transparency in a JPEG) are refused, with the way round.
"""

from __future__ import annotations

import errno
import os
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from rtsr.errors import ResourceError, RtsrError, SourceError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_ALL = frozenset({"transparency", "a colour profile", "EXIF data", "16 bits per sample"})
_NO_DEPTH = _ALL - {"16 bits per sample"}
FORMATS: dict[str, tuple[str, frozenset[str], dict[str, Any]]] = {
    ".png": ("PNG", _ALL, {}),
    ".tif": ("TIFF", _ALL, {}),
    ".tiff": ("TIFF", _ALL, {}),
    ".webp": ("WEBP", _NO_DEPTH, {"lossless": True}),
    ".jpg": ("JPEG", _NO_DEPTH - {"transparency"}, {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", _NO_DEPTH - {"transparency"}, {"quality": 95, "subsampling": 0}),
    ".bmp": ("BMP", frozenset(), {}),
}
"""Suffix: Pillow's name, what it can hold beside the pixels, and how it is written."""
_GREY = ("1", "L", "LA", "La")
_COLOUR = ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "YCbCr")
_DEEP = 65535
_SIZE_TAGS = (0x0100, 0x0101), (0xA002, 0xA003)
"""Width and height: of TIFF, and in the Exif directory."""
_DIRECTORIES = _EXIF_DIRECTORY, _GPS_DIRECTORY = 0x8769, 0x8825
_TIFF_OWN_WORDS = (0x010E, 0x010F, 0x0110, 0x0112, 0x0131, 0x0132, 0x013B, 0x8298)
"""Tags of a TIFF that EXIF has too: description, make, model, orientation, software, time, artist, copyright."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One picture with what its file says about it."""

    samples: NDArray[np.float32]
    """(H, W, 1) grey or (H, W, 3) R'G'B', float32 0..1, full range."""
    alpha: NDArray[np.float32] | None
    """(H, W) float32 0..1, or None: all is visible."""
    peak: int
    """The integer that 1.0 stands for in the file: 255 or 65535."""
    icc: bytes | None
    """Colour profile."""
    exif: bytes
    """EXIF block with the orientation; empty when there is none."""

    @property
    def size_wh(self) -> tuple[int, int]:
        """Pixels in a row, rows."""
        return self.samples.shape[1], self.samples.shape[0]

    def beside_pixels(self) -> set[str]:
        """What a file must be able to hold, in the words of `FORMATS`."""
        has = {
            "transparency": self.alpha is not None,
            "a colour profile": self.icc is not None,
            "EXIF data": bool(self.exif),
            "16 bits per sample": self.peak == _DEEP,
        }
        return {words for words, there in has.items() if there}


def read_whole(path: Path) -> Picture:
    """The picture in a file, palettes resolved. Raises SourceError when it cannot be read as it is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # a picture of 90 megapixels is welcome
            with path.open("rb") as file, Image.open(file) as image:  # by name, Pillow garbles a turned raw TIFF
                _refuse(path, image)
                image.load()
                return _taken(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise SourceError(f"{path} cannot be read as a picture: {error}", mend="repair it, or take another") from error


def _refuse(path: Path, image: Image.Image) -> None:
    """Raise SourceError on what Pillow would reduce, or would give in colours that are not R'G'B'."""
    tile = getattr(image, "tile", None)  # not in Pillow's types
    args = tile[0].args if tile else ""
    raw = str(args[0] if isinstance(args, tuple) else args)
    deep_grey = image.mode.startswith("I;16")
    if not deep_grey and image.mode not in _GREY + _COLOUR:
        raise SourceError(f"{path} is in {image.mode}, neither grey nor RGB", mend="convert it to RGB")
    if re.search(r";(16[BLN]|32)", raw) and (not deep_grey or image.has_transparency_data):
        raise SourceError(
            f"{path} has more than 8 bits per sample in colour or with transparency, of which only 8 could be read",
            mend="convert it to 8 bits; grey pictures keep their 16",
        )
    pictures = getattr(image, "n_frames", 1)
    if pictures > 1 and image.format != "MPO":  # a telephone's JPEG with a preview or depth map behind the picture
        raise SourceError(f"{path} holds {pictures} pictures", mend="write each to a file of its own")


def _taken(image: Image.Image) -> Picture:
    icc, exif = image.info.get("icc_profile") or None, _exif(image)
    if image.mode.startswith("I;16"):
        deep = np.asarray(image).astype(np.float32)
        return Picture(deep[..., None] / np.float32(_DEEP), None, _DEEP, icc, exif)
    bands = "L" if image.mode in _GREY else "RGB"
    if not image.has_transparency_data:
        return Picture(_unit(image.convert(bands)), None, 255, icc, exif)
    every = _unit(image.convert("RGBA" if bands == "RGB" or image.mode == "1" else "LA"))
    return Picture(every[..., : len(bands)], every[..., -1], 255, icc, exif)


def _unit(image: Image.Image) -> NDArray[np.float32]:
    values = np.asarray(image).astype(np.float32) / np.float32(255)
    return np.atleast_3d(values)


def _exif(image: Image.Image) -> bytes:
    exif = image.getexif()
    if image.format == "TIFF":  # whose other tags say how its pixels are stored
        whole, exif = exif, Image.Exif()
        exif.update({tag: whole[tag] for tag in _TIFF_OWN_WORDS if tag in whole})
        for directory in _DIRECTORIES:
            exif.get_ifd(directory).update(whole.get_ifd(directory))
    return exif.tobytes() if len(exif) or any(exif.get_ifd(directory) for directory in _DIRECTORIES) else b""


def refuse_suffix(path: Path) -> None:
    """Raise UsageError when `path` does not name a kind of picture file."""
    if path.suffix.lower() not in FORMATS:
        raise UsageError(
            f"{path} does not say what kind of picture it is to be" if not path.suffix
            else f"{path} has the unknown suffix {path.suffix}",
            mend=f"end its name in one of {', '.join(FORMATS)}",
        )  # fmt: skip


def refuse_loss(picture: Picture, path: Path) -> None:
    """Raise UsageError when a file of that suffix cannot hold what `picture` has."""
    _, holds, _ = FORMATS[path.suffix.lower()]
    lost = sorted(picture.beside_pixels() - holds)
    if lost:
        raise UsageError(f"a {path.suffix} file cannot hold {' or '.join(lost)}", mend="name the output .png")


def write_whole(picture: Picture, path: Path) -> None:
    """Write to a temporary name, read that back, then give it its name.

    Raises UsageError when the place cannot be written, ResourceError when the disk is full.
    """
    form, _, how = FORMATS[path.suffix.lower()]
    extra = {"icc_profile": picture.icc, "exif": _resized(picture.exif, picture.size_wh)}
    part = path.with_name(f"{path.stem}.part{path.suffix}")
    try:
        _image(picture, form).save(part, form, **how, **{key: value for key, value in extra.items() if value})
        with Image.open(part) as back:
            back.load()
            if sorted(back.size) != sorted(picture.size_wh):  # Pillow turns a TIFF as its orientation says
                raise OSError(f"it was read back as {back.size[0]}x{back.size[1]}")
        os.replace(part, path)
    except (OSError, ValueError) as error:
        raise _unwritten(path, error) from error
    finally:
        part.unlink(missing_ok=True)


def _image(picture: Picture, form: str) -> Image.Image:
    """Rounded once, half to even, to the integers of the file."""
    values = picture.samples if picture.alpha is None else np.dstack([picture.samples, picture.alpha])
    levels = np.rint(values.clip(0, 1) * np.float32(picture.peak))
    image = Image.fromarray(levels.astype(np.uint16 if picture.peak == _DEEP else np.uint8).squeeze(-1)
                            if levels.shape[2] == 1 else levels.astype(np.uint8))  # fmt: skip
    return image.convert("RGBA") if image.mode == "LA" and form == "WEBP" else image


def _resized(exif: bytes, size_wh: tuple[int, int]) -> bytes:
    """The same block, with the new size where it tells one."""
    if not exif:
        return exif
    block = Image.Exif()
    block.load(exif)
    for directory, tags in ((block, _SIZE_TAGS[0]), (block.get_ifd(_EXIF_DIRECTORY), _SIZE_TAGS[1])):
        for tag, length in zip(tags, size_wh, strict=True):
            if tag in directory:
                directory[tag] = length
    return block.tobytes()


def _unwritten(path: Path, error: Exception) -> RtsrError:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ResourceError(f"the disk is full, {path} is not written", mend="make room, or write elsewhere")
    reason = getattr(error, "strerror", None) or error
    return UsageError(f"{path} cannot be written: {reason}", mend="choose another place or kind of file")
