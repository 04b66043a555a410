"""`--scale`, `--size` and `--square-pixels`: which size comes out, and which network gets there."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rtsr.color import Siting
from rtsr.config import Encode, Upscale
from rtsr.errors import UsageError
from rtsr.frame import PixelLayout, StreamInfo
from rtsr.jobs.sizing import plain_scale, size_lines, sized
from rtsr.swscale import Resizer
from rtsr.upscalers import open_upscaler
from tests.conftest import make_frame, make_info

TURNED = (0, 65536, 0, -65536, 0, 0, 480 << 16, 0, 1 << 30)


def wanted(info: StreamInfo, **options: object) -> tuple[int, tuple[int, int] | None]:
    made = sized(Encode(source="a", output="b", **options), info)
    return made.scale, made.size_wh


@pytest.mark.parametrize(
    ("options", "scale", "size"),
    [
        ({"times": "1.5"}, 2, (1080, 720)),
        ({"times": "4/3"}, 2, (960, 640)),
        ({"times": "2.5"}, 3, (1800, 1200)),
        ({"size": "1440x960"}, 2, None),
        ({"size": "-2x1080"}, 3, (1620, 1080)),
        ({"size": "1280x-1"}, 2, (1280, 854)),
        ({"size": "1920x1080"}, 3, (1920, 1080)),
        ({"times": "2", "square_pixels": True}, 3, (1706, 960)),
        ({"size": "-2x1080", "square_pixels": True}, 3, (1920, 1080)),
    ],
)
def test_the_nearest_network_at_or_above_and_then_the_size(
    options: dict[str, object], scale: int, size: tuple[int, int] | None
) -> None:
    info = replace(make_info(720, 480), sar=Fraction(32, 27))
    assert wanted(info, **options) == (scale, size)


def test_whole_scales_need_no_look_at_the_input() -> None:
    assert [plain_scale(Encode(source="a", output="b", times=times)) for times in ("2", "3", "4.0", "1.5")] == [
        2, 3, 4, None,
    ]  # fmt: skip


def test_a_size_is_of_the_picture_as_it_is_shown() -> None:
    info = replace(make_info(720, 480), display_matrix=TURNED)
    assert wanted(info, size="960x1440") == (2, None)
    assert wanted(info, size="720x-2") == (2, (1080, 720))


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"times": "1"}, "does not make the picture larger"),
        ({"times": "0.5"}, "does not make the picture larger"),
        ({"times": "two"}, "not a number"),
        ({"times": "2.1", "size": "640x480"}, "leave one of the two out"),
        ({"size": "640x480"}, "no larger on every side"),
        ({"size": "720x480"}, "no larger on every side"),
        ({"size": "1920x400"}, "no larger on every side"),
        ({"size": "1081x720"}, "sides are even"),
        ({"size": "-2x-2"}, "not a size"),
        ({"size": "big"}, "not a size"),
        ({"size": "0x720"}, "has no pixels"),
        ({"size": "7200x4800"}, "enlarges by 4 at most"),
        ({"size": "1440x1080", "square_pixels": True}, "another shape"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_mend(options: dict[str, object], word: str) -> None:
    info = replace(make_info(720, 480), sar=Fraction(32, 27))
    with pytest.raises(UsageError, match=word) as refused:
        wanted(info, **options)
    assert refused.value.mend


@given(
    width=st.integers(16, 200), height=st.integers(16, 200), times=st.fractions(1, 4, max_denominator=9),
    sar=st.sampled_from([None, Fraction(1), Fraction(64, 45), Fraction(8, 9)]), square=st.booleans(),
    sampling=st.sampled_from([(1, 1), (1, 0), (0, 0)]),
)  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_the_shape_stays_within_rounding_whatever_the_size(
    width: int, height: int, times: Fraction, sar: Fraction | None, square: bool, sampling: tuple[int, int]
) -> None:
    info = replace(make_info(width, height), sar=sar, layout=PixelLayout(8, *sampling))
    try:
        scale, size = wanted(info, times=str(times), square_pixels=square)
    except UsageError:
        assume(False)
    made = info.resized(*(size or (width * scale, height * scale)))
    assert made.width >= width
    assert made.height >= height
    assert max(Fraction(made.width, width), Fraction(made.height, height)) <= scale
    if size is not None:
        assert (made.width % info.layout.block_wh[0], made.height % info.layout.block_wh[1]) == (0, 0)
    before = Fraction(width, height) * (sar or 1)
    after = Fraction(made.width, made.height) * (made.sar or 1)
    assert abs(after / before - 1) <= 2 * (Fraction(1, made.width) + Fraction(1, made.height))
    if square:
        assert (made.sar or 1) == 1 or min(made.width, made.height) < 40
    assert size_lines(info, made)[0] == f"{width}x{height} -> {made.width}x{made.height}"


def test_another_shape_of_samples_keeps_the_shape_of_the_picture() -> None:
    made = replace(make_info(720, 480), sar=Fraction(1)).resized(1920, 1080)
    assert made.sar == Fraction(27, 32)
    assert make_info(853, 480).resized(1920, 1080).sar is None


def _lanczos(distance: np.ndarray) -> np.ndarray:
    return np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0.0)


def _exact(size: int, target: int, offset: float) -> np.ndarray:
    """(target, size) weights; `offset` = place of a chroma sample from the middle of its block, in chroma samples."""
    ratio = size / target
    wide = max(1.0, ratio)
    place = (np.arange(target) + 0.5 + offset) * ratio - 0.5 - offset
    taps = np.arange(-12, 13) + np.round(place)[:, None]
    weights = _lanczos((place[:, None] - taps) / wide)
    weights /= weights.sum(axis=1, keepdims=True)
    made = np.zeros((target, size))
    np.add.at(made, (np.arange(target)[:, None], np.clip(taps, 0, size - 1).astype(int)), weights)
    return made


@pytest.mark.parametrize("siting", [Siting.LEFT, Siting.CENTER, Siting.TOP_LEFT])
@pytest.mark.parametrize("target", [(144, 72), (100, 52), (192, 128)])
def test_the_resize_is_lanczos_with_chroma_where_its_siting_says(siting: Siting, target: tuple[int, int]) -> None:
    frame = make_frame(128, 64, siting=siting)
    resizer = Resizer((128, 64), target, siting, 1)
    y, u, _ = resizer.resized(frame)
    resizer.close()
    luma = _exact(64, target[1], 0) @ frame.y.astype(float) @ _exact(128, target[0], 0).T
    across, down = (offset / 2 for offset in siting.offset_xy)
    chroma = _exact(32, target[1] // 2, down) @ frame.u.astype(float) @ _exact(64, target[0] // 2, across).T
    for made, exact in ((y, luma), (u, chroma)):
        off = np.abs(made - np.clip(exact, 0, 255))
        assert off[8:-8, 8:-8].max() <= 1.5
        assert off[8:-8, 8:-8].mean() <= 0.4


@given(width=st.integers(1, 24), height=st.integers(1, 24), wide=st.integers(0, 20), tall=st.integers(0, 20))
@settings(max_examples=40, deadline=None)
def test_an_upscaler_gives_any_asked_size(width: int, height: int, wide: int, tall: int) -> None:
    size = ((width + 1) // 2 * 2 + 2 * (wide % (width + 1)), (height + 1) // 2 * 2 + 2 * (tall % (height + 1)))
    frame = make_frame(width, height, pts=9)
    upscaler = open_upscaler(Upscale(model="bicubic", scale=4, size_wh=size), make_info(width, height))
    made = upscaler.upscale(frame)
    assert (made.width, made.height) == upscaler.size_wh == size
    assert (made.pts, made.origin) == (9, frame)
    if size != (4 * width, 4 * height):
        assert f"then Lanczos to {size[0]}x{size[1]}" in str(upscaler.badge)
    upscaler.close()
    upscaler.close()
