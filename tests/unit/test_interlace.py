"""Interlaced pictures are known by their look, and become frames of one moment, one for one."""

from pathlib import Path

import numpy as np
import pytest

from rtsr.frame import Frame
from rtsr.sources import open_source
from rtsr.sources.interlace import look_at
from rtsr.sources.reading import Reading
from tests.films import Paint, film, shown, smooth, whole

SIZE = 128, 96
LOSSLESS = {"qp": "0", "preset": "ultrafast"}
FLAGGED = {**LOSSLESS, "x264-params": "interlaced=1"}  # MBAFF, top field first
NO, AUTO, YES = (Reading(deinterlace=how) for how in ("no", "auto", "yes"))


def woven(order: str) -> Paint:
    """Two fields of different moments in each frame; top rows are the earlier ones for `tff`."""
    paint = smooth(SIZE)
    top = 0 if order == "tff" else 1

    def weave(number: int) -> np.ndarray:
        picture = paint(2 * number)
        picture[1 - top :: 2] = paint(2 * number + 1)[1 - top :: 2]
        return picture

    return weave


def made(path: Path, paint: Paint, options: dict[str, str] = LOSSLESS, frames: int = 40) -> Path:
    return film(path, "libx264", options, size=SIZE, paint=paint, times=range(frames))


def luma(path: Path, reading: Reading) -> list[np.ndarray]:
    source = open_source(str(path), reading=reading)
    try:
        return [frame.y.copy() for frame in source.frames()]
    finally:
        source.close()


@pytest.mark.parametrize("order", ["tff", "bff"])
@pytest.mark.parametrize("options", [LOSSLESS, FLAGGED], ids=["not flagged", "flagged tff"])
def test_field_order_is_seen_whatever_the_flags_say(tmp_path: Path, order: str, options: dict[str, str]) -> None:
    path = made(tmp_path / "o.mkv", woven(order), options)
    assert look_at(str(path)).order == order
    earlier = 0 if order == "tff" else 1
    combed, clean = luma(path, NO), luma(path, AUTO)
    assert len(clean) == len(combed) == 40
    truth = smooth(SIZE)
    for number, (before, after) in enumerate(zip(combed, clean, strict=True)):
        np.testing.assert_array_equal(after[earlier::2], before[earlier::2])  # the earlier field is untouched
        whole_frame = truth(2 * number)
        assert _error(after, whole_frame) < 0.7 * _error(before, whole_frame)


def _error(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(float) - other).mean())


def test_whole_frames_that_are_flagged_as_interlaced_pass_untouched(tmp_path: Path) -> None:
    path = made(tmp_path / "psf.mkv", smooth(SIZE), FLAGGED)
    source = open_source(str(path))
    source.close()
    assert "flagged as interlaced, and is not" in source.info.notes[0]
    truth = smooth(SIZE)
    for number, picture in enumerate(luma(path, AUTO)):
        np.testing.assert_array_equal(picture, truth(number))


def test_where_nothing_moves_the_flags_count(tmp_path: Path) -> None:
    still = smooth(SIZE)(0)
    assert look_at(str(made(tmp_path / "a.mkv", lambda _: still.copy(), FLAGGED))).order == "tff"
    assert look_at(str(made(tmp_path / "b.mkv", lambda _: still.copy()))).order == "progressive"


def test_deinterlacing_that_is_asked_for_is_done(tmp_path: Path) -> None:
    path = made(tmp_path / "o.mkv", smooth(SIZE))
    assert any(not np.array_equal(one, other) for one, other in zip(luma(path, YES), luma(path, AUTO), strict=True))


@pytest.mark.parametrize("frames", [1, 2, 3, 7])
def test_no_frame_is_lost_at_the_ends_and_times_stay(tmp_path: Path, frames: int) -> None:
    path = made(tmp_path / "o.mkv", woven("tff"), FLAGGED, frames=frames)
    times = [(pts, duration) for pts, duration, _ in whole(path, reading=NO)]
    assert [(pts, duration) for pts, duration, _ in whole(path, reading=YES)] == times
    assert len(times) == frames


def test_a_part_of_a_deinterlaced_film_is_its_frames(tmp_path: Path) -> None:
    options = {**FLAGGED, "g": "8"}
    path = made(tmp_path / "o.mkv", woven("tff"), options)
    frames = whole(path)
    for begin, _, _ in frames:
        assert list(shown(open_source(str(path), begin_pts=begin, end_pts=begin + 200))) == [
            one for one in frames if begin <= one[0] < begin + 200
        ]


def test_combs_are_upscaled_only_where_that_is_asked_for_and_it_is_said(shared: Path) -> None:
    clip = str(shared / "video" / "bbb_480i_tff_anamorphic.ts")
    frames: dict[str, Frame] = {}
    for how, word in (("auto", "deinterlaced by bwdif"), ("no", "combs are upscaled")):
        source = open_source(clip, reading=Reading(deinterlace=how))
        assert word in source.info.notes[0]
        frames[how] = next(source.frames())
        source.close()
    assert not np.array_equal(frames["auto"].y, frames["no"].y)
