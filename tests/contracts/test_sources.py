"""Every source that can run here keeps the promises of `Source`."""

import os
import threading
from collections.abc import Callable
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtsr.cli import main
from rtsr.sources import SOURCES, kind_of, open_source
from rtsr.stages import Source

Open = Callable[..., Source]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    quick = ["--model", "bicubic", "--progress", "none", "-preset", "ultrafast"]
    assert main(["encode", "pattern:50x34?seconds=2", str(path), *quick]) == 0
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("pictures")
    made = ["--model", "bicubic", "--progress", "none"]
    assert main(["encode", "pattern:50x34?seconds=2", f"{folder}/%03d.png", *made]) == 0
    return f"{folder}/%03d.png?rate=30"


_ELSEWHERE = {
    "camera": "test_camera",
    "pipe": "test_y4m",
    "job": "test_resume",
    "screen": "test_screen",
    "csi": "test_csi",
    "stream": "test_stream",
}
"""What is not there twice, or cannot be asked for a part: the tests of their own."""


@pytest.fixture(params=[kind for kind in SOURCES if kind not in _ELSEWHERE])
def opened(request: pytest.FixtureRequest, file: Path, pictures: str) -> Open:
    uri = {"file": str(file), "pattern": "pattern:50x34?seconds=2", "sequence": pictures}[request.param]
    assert kind_of(uri) == request.param
    return lambda **part: open_source(uri, **part)


def test_frames_are_what_info_says(opened: Open) -> None:
    with closing(opened()) as source:
        info = source.info
        frames = list(source.frames())
    assert info.frame_count == len(frames) == 60
    assert info.duration_s is not None
    assert abs(info.duration_s - 2) < Fraction(1, 20)
    assert not info.live
    for frame in frames:
        assert (frame.width, frame.height, frame.time_base) == (info.width, info.height, info.time_base)
        assert frame.u.shape == frame.v.shape == info.layout.chroma_shape(info.width, info.height)
        assert frame.color == info.color
        assert frame.epoch == 0
    times = [frame.time_s for frame in frames]
    assert times == sorted(set(times))
    assert times[0] == info.start_s
    assert source.losses == ()


def test_a_part_is_the_frames_of_that_time(opened: Open) -> None:
    with closing(opened()) as source:
        whole = [frame.time_s for frame in source.frames()]
    with closing(opened(start_s=Fraction(1, 2), length_s=Fraction(1, 4))) as source:
        part = [frame.time_s for frame in source.frames()]
    begin = whole[0] + Fraction(1, 2)
    assert part == [time_s for time_s in whole if begin <= time_s < begin + Fraction(1, 4)]


@given(target=st.fractions(min_value=0, max_value=Fraction(19, 10)), after=st.integers(0, 30))
@settings(max_examples=15, deadline=None)
def test_a_seek_goes_on_at_that_time_with_the_next_epoch(
    file: Path, pictures: str, target: Fraction, after: int
) -> None:
    for uri in (str(file), "pattern:50x34?seconds=2", pictures):
        with closing(open_source(uri)) as source:
            frames = source.frames()
            for _ in range(after):
                next(frames)
            source.seek(target)
            frame = next(frame for frame in frames if frame.epoch == 1)
            assert abs(frame.time_s - target) <= Fraction(1, 25)
            assert next(frames, frame).epoch == 1


def test_close_closes_twice_and_leaves_no_thread_or_handle(opened: Open) -> None:
    threads, handles = threading.active_count(), len(os.listdir("/proc/self/fd"))
    source = opened()
    frames = source.frames()
    next(frames)
    source.close()
    source.close()
    del frames, source
    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == handles
