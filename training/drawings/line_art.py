"""Line art: curves of ink, flat and cel-shaded shapes, gradients, hatching, screen tone. Drawn fine, then reduced."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops, ImageDraw

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Colour = tuple[int, int, int]

SIDE_PX = 480
_FINE = 4
_WIDE = SIDE_PX * _FINE
_POINTS = 160
"""Of an outline."""


def draw_art(random: np.random.Generator) -> Image.Image:
    """A picture of SIDE_PX squared, RGB: two in five without colour, as printed comics. Same state, same picture."""
    grey = random.random() < 0.4
    page = _ground(random, grey=grey)
    for _ in range(int(random.integers(4, 10))):
        _figure(page, random, grey=grey)
    for _ in range(int(random.integers(1, 5))):
        _strands(page, random)
    if random.random() < 0.25:
        _rays(page, random)
    return page.reduce(_FINE)


def _figure(page: Image.Image, random: np.random.Generator, *, grey: bool) -> None:
    """A closed shape: its fill, its shade, and its outline of changing width."""
    outline = _blob(random)
    mask = _filled(outline)
    colour = _colour(random, grey=grey)
    fill = Image.new("RGB", page.size, colour)
    if random.random() < 0.25:
        fill = _gradient(colour, _colour(random, grey=grey), random)
    page.paste(fill, mask=mask)
    shade = random.random()
    if shade < 0.45:
        moved = _filled(outline + random.uniform(-0.12, 0.12, 2) * _WIDE)
        away = ImageChops.subtract(mask, moved)
        page.paste(tuple(round(level * 0.68) for level in colour), mask=away)
    elif shade < 0.65:
        page.paste(_INK, mask=ImageChops.multiply(mask, _hatching(random)))
    elif shade < 0.8:
        page.paste(_INK, mask=ImageChops.multiply(mask, _tone(random)))
    if random.random() < 0.3:
        glint = outline.mean(0) + (outline - outline.mean(0)) * 0.18 + random.uniform(-0.04, 0.04, 2) * _WIDE
        page.paste((255, 255, 255), mask=ImageChops.multiply(mask, _filled(glint)))
    if random.random() < 0.85:
        _stroke(page, np.concatenate([outline, outline[:1]]), random, _INK)


_INK: Colour = (16, 14, 18)


def _strands(page: Image.Image, random: np.random.Generator) -> None:
    """A bundle of curves that run beside each other, as hair or folds."""
    ends = random.uniform(0.0, 1.0, (4, 2)) * _WIDE
    ink: Colour = _INK if random.random() < 0.8 else (250, 250, 250)
    for _ in range(int(random.integers(1, 14))):
        near = ends + random.normal(0.0, 0.03, (4, 2)) * _WIDE
        _stroke(page, _bezier(near), random, ink)


def _rays(page: Image.Image, random: np.random.Generator) -> None:
    """Straight lines that run to one point and stop before it."""
    pen = ImageDraw.Draw(page)
    middle = random.uniform(0.2, 0.8, 2) * _WIDE
    for angle in np.sort(random.uniform(0.0, 2.0 * math.pi, int(random.integers(30, 90)))):
        way = np.array((math.cos(angle), math.sin(angle)))
        first, end = middle + way * random.uniform(0.25, 0.5) * _WIDE, middle + way * 1.5 * _WIDE
        pen.line((*first, *end), _INK, int(random.integers(2, 10)))


def _stroke(page: Image.Image, path: NDArray[np.float64], random: np.random.Generator, ink: Colour) -> None:
    """A line of 0.6 to 5 pixels that swells and thins out, its joints round."""
    pen = ImageDraw.Draw(page)
    most = float(np.exp(random.uniform(math.log(0.6), math.log(5.0)))) * _FINE
    swell = 0.6 + 0.4 * np.sin(np.linspace(0.0, math.pi * random.uniform(1.0, 4.0), len(path)) + random.uniform(0, 6))
    for (x, y), (to_x, to_y), width in zip(path, path[1:], most * swell, strict=False):
        pen.line((x, y, to_x, to_y), ink, max(round(width), 1))
        half = max(width, 1.0) / 2.0
        pen.ellipse((to_x - half, to_y - half, to_x + half, to_y + half), ink)


def _blob(random: np.random.Generator) -> NDArray[np.float64]:
    """A smooth closed outline, or one with corners: (N, 2) places."""
    middle = random.uniform(0.05, 0.95, 2) * _WIDE
    size = random.uniform(0.05, 0.35) * _WIDE
    if random.random() < 0.3:
        angles = np.sort(random.uniform(0.0, 2.0 * math.pi, int(random.integers(3, 8))))
        radius = size * random.uniform(0.6, 1.2, len(angles))
    else:
        angles = np.linspace(0.0, 2.0 * math.pi, _POINTS, endpoint=False)
        radius = np.full(_POINTS, size)
        for wave in range(2, 7):
            radius += size * random.normal(0.0, 0.25 / wave) * np.cos(wave * angles + random.uniform(0.0, 6.3))
    stretch = random.uniform(0.5, 1.0)
    places: NDArray[np.float64] = np.stack([radius * np.cos(angles), stretch * radius * np.sin(angles)], 1)
    turn = random.uniform(0.0, 2.0 * math.pi)
    cos, sin = math.cos(turn), math.sin(turn)
    turned: NDArray[np.float64] = middle + places @ np.array(((cos, sin), (-sin, cos)))
    return turned


def _bezier(ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4, 2) control points to (60, 2) places of the cubic curve."""
    t = np.linspace(0.0, 1.0, 60)[:, None]
    first, second, third, last = ends
    places: NDArray[np.float64] = (
        (1 - t) ** 3 * first + 3 * (1 - t) ** 2 * t * second + 3 * (1 - t) * t**2 * third + t**3 * last
    )
    return places


def _filled(outline: NDArray[np.float64]) -> Image.Image:
    mask = Image.new("L", (_WIDE, _WIDE))
    ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in outline], 255)
    return mask


def _hatching(random: np.random.Generator) -> Image.Image:
    """Parallel lines, at times crossed, 2.5 to 8 pixels apart."""
    y, x = np.mgrid[:_WIDE, :_WIDE].astype(np.float32)
    gap, part = random.uniform(2.5, 8.0) * _FINE, random.uniform(0.15, 0.45)
    lines = np.zeros((_WIDE, _WIDE), bool)
    angle = random.uniform(0.0, math.pi)
    for turn in (0.0, math.pi / 2)[: 1 + int(random.random() < 0.3)]:
        way = x * math.cos(angle + turn) + y * math.sin(angle + turn)
        lines |= np.mod(way, gap) < part * gap
    return Image.fromarray(lines.astype(np.uint8) * 255)


def _tone(random: np.random.Generator) -> Image.Image:
    """Dots on a lattice of 45 degrees, 3 to 8 pixels apart, all of a size or growing across the page."""
    y, x = np.mgrid[:_WIDE, :_WIDE].astype(np.float32)
    gap = random.uniform(3.0, 8.0) * _FINE
    level = np.cos((x + y) * (math.pi * 2 / gap)) + np.cos((x - y) * (math.pi * 2 / gap))
    edge = random.uniform(-0.5, 1.2) + (random.uniform(-1.0, 1.0) * (y / _WIDE) if random.random() < 0.4 else 0.0)
    return Image.fromarray((level > edge).astype(np.uint8) * 255)


def _ground(random: np.random.Generator, *, grey: bool) -> Image.Image:
    if grey and random.random() < 0.7:
        return Image.new("RGB", (_WIDE, _WIDE), (255, 255, 255))
    first = _colour(random, grey=grey)
    if random.random() < 0.5:
        return Image.new("RGB", (_WIDE, _WIDE), first)
    return _gradient(first, _colour(random, grey=grey), random)


def _gradient(first: Colour, last: Colour, random: np.random.Generator) -> Image.Image:
    ramp = np.linspace(0.0, 1.0, _WIDE)[:, None, None]
    column = np.rint(np.array(first) * (1.0 - ramp) + np.array(last) * ramp).astype(np.uint8)
    picture = Image.fromarray(np.ascontiguousarray(np.repeat(column, _WIDE, 1)))
    return picture.transpose(Image.Transpose.ROTATE_90) if random.random() < 0.5 else picture


def _colour(random: np.random.Generator, *, grey: bool) -> Colour:
    if grey:
        level = int(random.choice((255, 235, 200, 150, 90, 30)))
        return level, level, level
    red, green, blue = (int(level) for level in random.integers(20, 256, 3))
    return red, green, blue
