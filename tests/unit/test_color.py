"""YCbCr to RGB by the standards' own numbers."""

import numpy as np
import pytest

from rtsr.color import BT709, BT2020_NCL, SMPTE170M, Color, Range, Siting, rgb_from_ycbcr


def _rgb(color: Color, ycbcr: tuple[int, int, int]) -> np.ndarray:
    matrix, offset = rgb_from_ycbcr(color)
    return np.array(matrix) @ (np.array(ycbcr) / 255 - np.array(offset)) * 255


@pytest.mark.parametrize("matrix", [BT709, SMPTE170M, BT2020_NCL])
def test_black_white_and_grey_are_grey(matrix: int) -> None:
    limited, full = Color(matrix=matrix, range=Range.LIMITED), Color(matrix=matrix, range=Range.FULL)
    np.testing.assert_allclose(_rgb(limited, (16, 128, 128)), 0, atol=1e-9)
    np.testing.assert_allclose(_rgb(limited, (235, 128, 128)), 255, atol=1e-9)
    np.testing.assert_allclose(_rgb(full, (0, 128, 128)), 0, atol=1e-9)
    np.testing.assert_allclose(_rgb(full, (255, 128, 128)), 255, atol=1e-9)


@pytest.mark.parametrize(  # 100 % red in 8-bit limited range, from BT.601 and BT.709 bars
    ("matrix", "red"), [(SMPTE170M, (81, 90, 240)), (BT709, (63, 102, 240))]
)
def test_red_is_red(matrix: int, red: tuple[int, int, int]) -> None:
    np.testing.assert_allclose(_rgb(Color(matrix=matrix, range=Range.LIMITED), red), (255, 0, 0), atol=2)


def test_what_is_unknown_is_guessed_for_display_only() -> None:
    unknown = Color()
    assert unknown.for_display(480).matrix == SMPTE170M
    assert unknown.for_display(720).matrix == BT709
    assert unknown.for_display(720).range is Range.LIMITED
    assert unknown.for_display(720).siting is Siting.LEFT
    known = Color(matrix=BT2020_NCL, range=Range.FULL, siting=Siting.TOP_LEFT)
    assert known.for_display(480) == known
