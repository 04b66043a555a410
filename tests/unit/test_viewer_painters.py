"""What the painters put on the screen."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray
from PyQt6.QtGui import QImage, QPainter

from rtsr.color import Color, Range, Siting, rgb_from_ycbcr
from rtsr.config import Upscale
from rtsr.frame import Frame, chroma_shape
from rtsr.sources import open_source
from rtsr.swscale import RgbScaler
from rtsr.upscalers import open_upscaler
from rtsr.viewer.geometry import Box, Pane, Turn, View, panes
from rtsr.viewer.painter_qt import SwscalePainter, paint_black
from rtsr.viewer.picture import Picture

Rgb = NDArray[np.uint8]


def painted(picture: Picture, shown: tuple[Pane, ...], window_wh: tuple[int, int], turn: Turn = Turn()) -> Rgb:  # noqa: B008
    image = QImage(*window_wh, QImage.Format.Format_RGB32)
    qt = QPainter(image)
    paint_black(qt, window_wh)
    SwscalePainter().paint(qt, picture, shown, turn)
    qt.end()
    bits = image.constBits()
    assert bits is not None
    rows = np.frombuffer(bits.asarray(image.sizeInBytes()), np.uint8).reshape(window_wh[1], window_wh[0], 4)
    return rows[..., 2::-1].copy()


def upscaled(uri: str, frame: Frame | None = None) -> Picture:
    source = open_source(uri)
    upscaler = open_upscaler(Upscale(backend="bicubic"), source.info)
    picture = Picture(upscaler.upscale(frame or next(source.frames())))
    upscaler.close()
    source.close()
    return picture


def flat(codes: tuple[int, int, int], size_wh: tuple[int, int], color: Color) -> Frame:
    width, height = size_wh
    half = chroma_shape(width, height)
    y, u, v = (np.full(shape, code, np.uint8) for shape, code in zip(((height, width), half, half), codes, strict=True))
    return Frame(y, u, v, 0, Fraction(1), color)


@pytest.mark.parametrize(
    ("window_wh", "apart"), [((1280, 720), 2), ((641, 360), 0), ((200, 111), 0), ((1920, 1080), 8)]
)
def test_both_halves_of_bicubic_against_bicubic_are_one_picture(window_wh: tuple[int, int], apart: int) -> None:
    """In a larger window the right side is enlarged in two steps and the left one in one, so they differ a little."""
    picture = upscaled("pattern:640x360")
    sides = [painted(picture, panes(View(only=side), (16, 9), window_wh), window_wh) for side in ("bicubic", "sr")]  # type: ignore[arg-type]
    difference = np.abs(sides[0].astype(int) - sides[1])
    assert np.percentile(difference, 99.9) <= apart
    assert difference.mean() < 0.8


def test_left_of_the_line_is_one_side_and_right_of_it_the_other() -> None:
    color = Color(1, range=Range.LIMITED)
    black = flat((16, 128, 128), (8, 8), color)
    picture = Picture(replace(flat((235, 128, 128), (16, 16), color), origin=black))
    seen = painted(picture, panes(View(wipe=0.25), (1, 1), (40, 20)), (40, 20))
    assert not seen[:, :15].any()  # the bar, then the left quarter of the picture
    assert (seen[:, 15:30] == 255).all()
    assert not seen[:, 30:].any()


@pytest.mark.parametrize("range_", [Range.LIMITED, Range.FULL])
@pytest.mark.parametrize("matrix", [1, 4, 5, 6, 7, 9])
def test_matrix_and_range_are_those_of_the_standard(matrix: int, range_: Range) -> None:
    color = Color(matrix, range=range_, siting=Siting.LEFT)
    codes = (120, 90, 160)
    m, offset = rgb_from_ycbcr(color)
    wanted = np.array(m) @ (np.array(codes) / 255 - np.array(offset)) * 255
    bgra = RgbScaler((16, 16), (16, 16), color).bgra(flat(codes, (16, 16), color))
    assert np.abs(bgra.reshape(16, 16, 4)[8, 8, 2::-1] - wanted).max() <= 1.5


def test_an_unknown_matrix_is_guessed_from_the_decoded_size() -> None:
    """480 lines are BT.601 to players, and still are when there are 960 of them."""
    decoded = flat((120, 90, 160), (64, 480), Color())
    picture = Picture(replace(flat((120, 90, 160), (128, 960), Color()), origin=decoded))
    window_wh = (128, 960)
    left, right = (
        painted(picture, panes(View(only=side), window_wh, window_wh), window_wh) for side in ("bicubic", "sr")
    )  # type: ignore[arg-type]
    assert np.abs(left.astype(int) - right).max() <= 1


@pytest.mark.parametrize("siting", [Siting.LEFT, Siting.CENTER, Siting.TOP_LEFT])
def test_chroma_lies_where_its_siting_says(siting: Siting) -> None:
    """A ramp of chroma alone: the red that is seen must be the ramp at the place of each pixel."""
    color = Color(1, range=Range.FULL, siting=siting)
    frame = flat((128, 128, 128), (64, 64), color)
    ramp = np.tile((96 + 2 * np.arange(32)).astype(np.uint8), (32, 1))
    frame = replace(frame, v=ramp)
    bgra = RgbScaler((64, 64), (64, 64), color).bgra(frame).reshape(64, 64, 4)
    column = np.arange(16, 48)
    chroma = 96 + 2 * (column - 0.5 - siting.offset_xy[0]) / 2
    red = 128 + 1.5748 * (chroma - 128)
    assert np.abs(bgra[32, 16:48, 2] - red).max() <= 1.5


@pytest.mark.parametrize(
    ("turn", "corner"),
    [
        (Turn(), (0, 0)),
        (Turn(0, 1, -1, 0), (0, 1)),
        (Turn(-1, 0, 0, -1), (1, 1)),
        (Turn(0, -1, 1, 0), (1, 0)),
        (Turn(-1, 0, 0, 1), (0, 1)),
        (Turn(1, 0, 0, -1), (1, 0)),
        (Turn(0, 1, 1, 0), (0, 0)),
    ],
)
def test_a_turn_takes_the_first_sample_to_its_corner(turn: Turn, corner: tuple[int, int]) -> None:
    frame = flat((16, 128, 128), (32, 16), Color(1, range=Range.LIMITED))
    luma = frame.y.copy()
    luma[:8, :16] = 235
    picture = Picture(replace(frame, y=luma, origin=frame))
    width, height = (16, 32) if turn.swaps_sides else (32, 16)
    box = Box(0, 0, width, height)
    seen = painted(picture, (Pane("sr", box, box),), (width, height), turn)[..., 0]
    quarters = {
        (r, c): seen[-r * (height // 2) or None :][: height // 2, -c * (width // 2) or None :][:, : width // 2].mean()
        for r in (0, 1)
        for c in (0, 1)
    }
    assert max(quarters, key=lambda place: quarters[place]) == corner
    assert seen[0 if corner[0] == 0 else -1, 0 if corner[1] == 0 else -1] == 255


@pytest.mark.parametrize("size", ["1x1", "2x1", "3x5", "7x2", "853x479"])
@pytest.mark.parametrize("window_wh", [(1, 1), (33, 20), (640, 360)])
def test_every_size_is_painted(size: str, window_wh: tuple[int, int]) -> None:
    picture = upscaled(f"pattern:{size}")
    width, height = (int(side) for side in size.split("x"))
    seen = painted(picture, panes(View(), (width, height), window_wh), window_wh)
    assert seen.shape == (window_wh[1], window_wh[0], 3)


def test_rows_further_apart_than_the_picture_is_wide_are_honoured() -> None:
    picture = upscaled("pattern:64x36")
    frame = picture.decoded
    wide = np.zeros((36, 96), np.uint8)
    wide[:, :64] = frame.y
    padded = upscaled("pattern:64x36", replace(frame, y=wide[:, :64]))
    window_wh = (128, 72)
    seen = [painted(p, panes(View(), window_wh, window_wh), window_wh) for p in (picture, padded)]
    assert np.array_equal(*seen)
