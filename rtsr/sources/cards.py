"""The cards of the pattern: zone plate, star, thin lines, text and timecode; each paints itself on a frame.

Everything is drawn once, larger than shown, and reduced with an antialiased bicubic, as photographs are: sharp, and
without detail above the Nyquist limit. A frame is then made of copies and table look-ups.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from rtsr.frame import Plane, chroma_shape

Planes = tuple[Plane, Plane, Plane]
"""Y, U, V as in `Frame`, BT.709, limited range."""
Painter = Callable[[Planes, int], None]
"""Paints its part of frame number n."""
_INK, _PAPER, _NIGHT = (0.10, 0.11, 0.14), (0.95, 0.93, 0.88), (0.07, 0.09, 0.13)
_NYQUIST_SHARE = 0.84
"""Highest frequency of zone plate and star over the Nyquist limit: nearer to it, samples beat to the eye."""
_FINER = 4
"""Samples per side that cards are drawn with before they are reduced."""
_TEXTS = (
    "Sphinx of black quartz, judge my vow.",
    "Five frogs level six piqued gymnasts! 0123456789",
    "Pack my box with dozens of liquor jugs; {[(<>)]} @#%&",
    "The five boxing wizards jump quickly over the lazy dwarf, twice a day.",
)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of luma samples; x and y are even, so that it lies on whole chroma samples."""

    x: int
    y: int
    width: int
    height: int

    def of(self, planes: Planes) -> Planes:
        """The part of `planes` that lies in the box."""
        y, u, v = planes
        rows, columns = chroma_shape(self.width, self.height)
        half = (slice(self.y // 2, self.y // 2 + rows), slice(self.x // 2, self.x // 2 + columns))
        return y[self.y : self.y + self.height, self.x : self.x + self.width], u[half], v[half]


def ycbcr(rgb: NDArray[np.float32]) -> Planes:
    """8-bit planes of a picture, the chroma at full width and half height, sited left on every even column.

    Args:
        rgb: (H, W, 3) float32, R'G'B' 0..1.
    """
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return (
        _code(16 + 219 * luma),
        _code(128 + 224 * _sited((blue - luma) / 1.8556)),
        _code(128 + 224 * _sited((red - luma) / 1.5748)),
    )


def _code(value: NDArray[np.float32]) -> Plane:
    return cast(Plane, np.clip(np.rint(value), 1, 254).astype(np.uint8))


def _sited(chroma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Low-passed for halving: 1-2-1 about each column, and the mean of each two rows."""
    wide = np.pad(chroma, ((0, chroma.shape[0] % 2), (1, 1)), mode="edge")
    across = 0.25 * (wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:])
    return cast("NDArray[np.float32]", 0.5 * (across[::2] + across[1::2]))


def copy(planes: Planes, part: Planes) -> None:
    """Paint `part` over all of `planes`."""
    for target, drawn in zip(planes, part, strict=True):
        target[...] = drawn


def _polar(side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Radius in samples and angle in turns about the middle of a square."""
    axis = np.arange(side, dtype=np.float32) - (side - 1) / 2
    x, y = np.meshgrid(axis, axis)
    return np.hypot(x, y), np.arctan2(y, x) / np.float32(2 * np.pi)


def _phase(turns: NDArray[np.float32]) -> Plane:
    return cast(Plane, np.mod(np.floor(turns * 256), 256).astype(np.uint8))


_COSINE = np.rint(127 * np.cos(np.arange(256) * (2 * np.pi / 256))).astype(np.int16)


def _wave(phase: Plane, weight: NDArray[np.int16], turn: int, middle: int) -> NDArray[np.int16]:
    """`middle` + `weight` times the cosine of `phase` + `turn` / 256 turns."""
    return cast("NDArray[np.int16]", ((_COSINE[phase + np.uint8(turn % 256)] * weight) >> 7) + middle)


def _fade(edge: NDArray[np.float32], width: float, height: int) -> NDArray[np.int16]:
    """A weight that goes smoothly from 0, where `edge` is 0, to `height` at `width` samples."""
    ramp = np.clip(edge / width, 0, 1)
    return cast("NDArray[np.int16]", np.rint(height * ramp * ramp * (3 - 2 * ramp)).astype(np.int16))


def zone_plate(box: Box) -> Painter:
    """Rings that grow outwards, finer and finer up to the limit."""
    radius, _ = _polar(box.width)
    rim = box.width / 2
    phase = _phase(radius**2 * (_NYQUIST_SHARE * 0.25 / rim))
    weight = _fade(rim - radius, 0.06 * box.width, 100)

    def paint(planes: Planes, number: int) -> None:
        y, u, v = box.of(planes)
        y[...] = _wave(phase, weight, -4 * number, 126)
        u[...], v[...] = 128, 128

    return paint


def star(box: Box) -> Painter:
    """Spokes that turn, over a wheel of hues that turns the other way."""
    radius, angle = _polar(box.width)
    rim, spokes = box.width / 2, max(8, 4 * round(box.width / 13.4))
    hub = spokes / (np.pi * _NYQUIST_SHARE)
    phase = _phase(angle * spokes)
    weight = np.minimum(_fade(rim - radius, 0.06 * box.width, 78), _fade(radius - hub, 3.0, 78))
    hue = _phase(angle[::2, ::2])
    tint = _fade(rim - radius, 0.25 * box.width, 40)[::2, ::2]

    def paint(planes: Planes, number: int) -> None:
        y, u, v = box.of(planes)
        y[...] = _wave(phase, weight, 6 * number, 126)
        u[...] = _wave(hue, tint, -number, 128)
        v[...] = _wave(hue, tint, 64 - number, 128)

    return paint


def _canvas(box: Box, color: tuple[float, float, float]) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (box.width * _FINER, box.height * _FINER), _rgb8(color))
    return image, ImageDraw.Draw(image)


def _rgb8(color: tuple[float, float, float]) -> tuple[int, int, int]:
    red, green, blue = (round(255 * part) for part in color)
    return red, green, blue


def _reduced(image: Image.Image) -> Planes:
    """Planes of a drawing at `_FINER` times the size, chroma at half width and height."""
    size = (image.width // _FINER, image.height // _FINER)
    small = np.asarray(image.resize(size, Image.Resampling.BICUBIC), np.float32)
    y, u, v = ycbcr(small / np.float32(255))
    return y, u[:, ::2], v[:, ::2]


def lines(box: Box) -> Painter:
    """A fan of thin lines on paper, some of them coloured, and one that turns."""
    image, draw = _canvas(box, _PAPER)
    side = box.width * _FINER
    corner_xy = (0.04 * side, 0.96 * side)
    colors = {4: (0.78, 0.10, 0.12), 8: (0.08, 0.26, 0.72), 12: (0.05, 0.48, 0.22)}
    for step in range(17):
        angle = step * np.pi / 32
        x, y = np.cos(angle), np.sin(angle)
        ends = [(corner_xy[0] + x * reach, corner_xy[1] - y * reach) for reach in (0.16 * side, 0.88 * side)]
        draw.line(ends, fill=_rgb8(colors.get(step, _INK)), width=_FINER if step % 4 else 2 * _FINER)
    for ring in range(3):
        reach = side * (0.92 + 0.05 * ring)
        square = (corner_xy[0] - reach, corner_xy[1] - reach, corner_xy[0] + reach, corner_xy[1] + reach)
        draw.arc(square, 270, 360, fill=_rgb8(_INK), width=_FINER)
    card = _reduced(image)
    axis = np.arange(box.width, dtype=np.float32)
    x, y = (axis - 0.04 * box.width)[None, :], (0.96 * box.width - axis)[:, None]
    reach = np.hypot(x, y) / box.width
    ring = (reach > 0.16) & (reach < 1.02)

    def paint(planes: Planes, number: int) -> None:
        parts = box.of(planes)
        copy(parts, card)
        angle = np.float32(np.pi / 4 * (1 - np.cos(number * np.pi / 90)))
        ink = np.clip(np.float32(1.25) - np.abs(x * np.sin(angle) - y * np.cos(angle)), 0, 1) * ring
        luma = parts[0]
        luma[...] = luma - ink * (luma - 40.0)

    return paint


def _font(size: float) -> ImageFont.FreeTypeFont:
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size))


def text(box: Box, rate_fps: Fraction) -> Painter:
    """Bars of colour, a running timecode, and lines of smaller and smaller text on a dark card."""
    image, draw = _canvas(box, _NIGHT)
    inset, bar = 8 * _FINER, max(2, round(box.height / 11)) * _FINER
    bars = ("111", "110", "011", "010", "101", "100", "001")
    for place, bits in enumerate(bars):
        left, right = (image.width * edge // 7 for edge in (place, place + 1))
        red, green, blue = (0.75 * int(bit) for bit in bits)
        draw.rectangle((left, image.height - bar, right - 1, image.height), fill=_rgb8((red, green, blue)))
    height = 0.165 * image.height
    clock = Box(8, round(0.04 * box.height) & ~1, box.width - 8, round(0.22 * box.height) & ~1)
    digits, advance = _digits(height / _FINER, clock.height)
    top = (clock.y + clock.height) * _FINER
    tints = ((0.96, 0.96, 0.96), (1.0, 0.80, 0.35), (0.45, 0.85, 0.98), (0.80, 0.95, 0.60))
    size, row = max(0.11 * image.height, 7.0 * _FINER), 0
    while top + 1.25 * size < image.height - bar:
        draw.text((inset, top), _TEXTS[row % 4], font=_font(size), fill=_rgb8(tints[row % 4]))
        top, size, row = top + round(1.25 * size), max(0.86 * size, 7.0 * _FINER), row + 1
    card = _reduced(image)

    def paint(planes: Planes, number: int) -> None:
        parts = box.of(planes)
        copy(parts, card)
        milliseconds = int(number * 1000 / rate_fps)
        seconds, thousandths = divmod(milliseconds, 1000)
        words = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{thousandths:03}  {number:06}"
        line = parts[0][clock.y : clock.y + clock.height, clock.x : clock.x + clock.width]
        fits = len(words) * advance <= clock.width
        for place, letter in enumerate(words if fits else f"{number:06}"):
            cell = line[:, place * advance : (place + 1) * advance]
            cell[...] = np.maximum(cell, digits[letter][: cell.shape[0], : cell.shape[1]])

    return paint


def _digits(size: float, height: int) -> tuple[dict[str, Plane], int]:
    """Luma of each sign of a timecode in a cell of `height` rows, and the cells' common width."""
    font = _font(size * _FINER)
    advance = int(-(-max(font.getlength(letter) for letter in "0123456789") // _FINER)) + 1
    cells = {}
    for letter in "0123456789:. ":
        image = Image.new("L", (advance * _FINER, height * _FINER), 0)
        middle = (image.width / 2, image.height * 0.8)
        ImageDraw.Draw(image).text(middle, letter, font=font, fill=255, anchor="ms")
        small = image.resize((advance, height), Image.Resampling.BICUBIC)
        cells[letter] = _code(16 + 200 / 255 * np.asarray(small, np.float32))
    return cells, advance
