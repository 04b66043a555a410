"""Pages of lettering: paragraphs, headlines, figures in columns, signs that lean, subtitles over photographs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.drawings.words import draw_script, line, word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from training.drawings.fonts import Font
    from training.drawings.words import Script

    Colour = tuple[int, int, int]

SIDE_PX = 480
_FINE = 4
"""What is drawn finer and then reduced, as letters that are filmed or scaled; the rest is drawn as screens do."""
_LEAST_CONTRAST = 70
"""Between the luma of letters and ground."""


def draw_page(
    random: np.random.Generator, fonts: Mapping[Script, Sequence[Font]], photographs: Sequence[Image.Image]
) -> tuple[Image.Image, bool]:
    """A picture of SIDE_PX squared, RGB, and whether a photograph is below.

    Args:
        random: is drawn from; the same state gives the same picture.
        fonts: those that can write each script.
        photographs: to put subtitles on, each SIDE_PX squared or larger; without any they stand on plain grounds.
    """
    titled = random.random() < 0.3
    filmed = titled and bool(photographs)
    ground = _photograph(random, photographs) if filmed else _ground(random)
    script = draw_script(random)
    font = fonts[script][int(random.integers(len(fonts[script])))]
    fine = _FINE if random.random() < 0.5 else 1
    page = ground.resize((SIDE_PX * fine, SIDE_PX * fine), Image.Resampling.BICUBIC) if fine > 1 else ground
    layouts: tuple[Callable[..., None], ...] = (_paragraphs, _columns, _headlines)
    layout = _subtitles if titled else layouts[int(random.choice(3, p=(0.5, 0.2, 0.3)))]
    layout(page, random, script, font, fine)
    if not titled and random.random() < 0.15:
        page = page.rotate(float(random.uniform(-8, 8)), Image.Resampling.BICUBIC, fillcolor=page.getpixel((0, 0)))
    return (page.reduce(fine) if fine > 1 else page), filmed


def _paragraphs(page: Image.Image, random: np.random.Generator, script: Script, font: Font, fine: int) -> None:
    pen = ImageDraw.Draw(page)
    pen.fontmode = "1" if fine == 1 and random.random() < 0.15 else "L"
    top = int(random.integers(-10, 12)) * fine
    while top < page.height:
        size = int(random.integers(11, 30)) * fine
        letters, ink = font.at(size), _ink(page, random)
        left = int(random.integers(-6, 40)) * fine
        for _ in range(int(random.integers(2, 7))):
            pen.text((left, top), line(script, random, 12), ink, letters)
            top += round(size * float(random.uniform(1.15, 1.5)))
        top += size


def _columns(page: Image.Image, random: np.random.Generator, script: Script, font: Font, fine: int) -> None:
    pen = ImageDraw.Draw(page)
    size = int(random.integers(11, 22)) * fine
    letters, ink = font.at(size), _ink(page, random)
    step, wide = round(size * 1.7), int(random.integers(70, 140)) * fine
    for top in range(4 * fine, page.height, step):
        if random.random() < 0.5:
            pen.line((0, top - 3 * fine, page.width, top - 3 * fine), ink, max(fine // 2, 1))
        for left in range(6 * fine, page.width, wide):
            figures = f"{random.normal(0, 900):.{int(random.integers(0, 4))}f}"
            pen.text((left, top), figures if random.random() < 0.6 else word(script, random), ink, letters)


def _headlines(page: Image.Image, random: np.random.Generator, script: Script, font: Font, fine: int) -> None:
    pen = ImageDraw.Draw(page)
    top = 0
    while top < page.height:
        size = int(random.integers(36, 110)) * fine
        outline = int(random.integers(1, 4)) * fine if random.random() < 0.3 else 0
        place = int(random.integers(-30, 60)) * fine, top
        pen.text(place, line(script, random, 3), _ink(page, random), font.at(size), stroke_width=outline,
                 stroke_fill=_ink(page, random))  # fmt: skip
        top += round(size * 1.25)


def _subtitles(page: Image.Image, random: np.random.Generator, script: Script, font: Font, fine: int) -> None:
    """White or yellow with a dark rim or a box, as players and broadcasters draw them."""
    pen = ImageDraw.Draw(page)
    for top in range(int(random.integers(10, 60)) * fine, page.height, int(random.integers(90, 160)) * fine):
        size = int(random.integers(16, 40)) * fine
        letters, said = font.at(size), line(script, random, int(random.integers(2, 6)))
        ink: Colour = (255, 255, 255) if random.random() < 0.7 else (255, 235, 60)
        place = page.width // 2, top
        if random.random() < 0.3:
            left, upper, right, lower = pen.textbbox(place, said, letters, anchor="ma")
            pen.rectangle((left - size // 4, upper - size // 6, right + size // 4, lower + size // 6), (0, 0, 0))
            pen.text(place, said, ink, letters, anchor="ma")
        else:
            rim = max(size // 14, fine)
            pen.text(place, said, ink, letters, anchor="ma", stroke_width=rim, stroke_fill=(0, 0, 0))


def _photograph(random: np.random.Generator, photographs: Sequence[Image.Image]) -> Image.Image:
    whole = photographs[int(random.integers(len(photographs)))]
    left, top = (int(random.integers(0, side - SIDE_PX + 1)) for side in whole.size)
    return whole.crop((left, top, left + SIDE_PX, top + SIDE_PX))


def _ground(random: np.random.Generator) -> Image.Image:
    """Paper, a dark screen, a colour, or one that changes across the page; at times with grain."""
    kind = random.random()
    if kind < 0.4:
        first = random.uniform(225, 255, 3)
    elif kind < 0.65:
        first = random.uniform(0, 40, 3)
    else:
        first = random.uniform(0, 255, 3)
    second = first if random.random() < 0.6 else np.clip(first + random.uniform(-60, 60, 3), 0, 255)
    ramp = np.linspace(0.0, 1.0, SIDE_PX)[:, None, None] * np.ones((1, SIDE_PX, 1))
    ramp = ramp.transpose(1, 0, 2) if random.random() < 0.5 else ramp
    values = first * (1.0 - ramp) + second * ramp
    if random.random() < 0.25:
        values = values + random.normal(0.0, random.uniform(1.0, 4.0), (SIDE_PX, SIDE_PX, 1))
    page = Image.fromarray(np.rint(values).clip(0, 255).astype(np.uint8))
    return page.filter(ImageFilter.GaussianBlur(0.6)) if random.random() < 0.2 else page


def _ink(page: Image.Image, random: np.random.Generator) -> Colour:
    """A colour that can be read on the page: black or white more often than not."""
    below = float(np.asarray(page.resize((8, 8)).convert("L")).mean())
    plain = 0 if below > 127 else 255
    for _ in range(8):
        if random.random() < 0.6:
            break
        red, green, blue = (int(level) for level in random.integers(0, 256, 3))
        if abs(0.299 * red + 0.587 * green + 0.114 * blue - below) >= _LEAST_CONTRAST:
            return red, green, blue
    return plain, plain, plain
