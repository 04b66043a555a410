"""The header of y4m, and pictures that come through a pipe."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsr import y4m
from rtsr.color import Range, Siting
from rtsr.errors import SourceError, UsageError
from rtsr.frame import PixelLayout
from rtsr.sinks.pipe import PipeWriter, open_y4m
from rtsr.sources import open_source
from rtsr.sources.part import Part
from rtsr.sources.pipe import PipeReader, open_pipe
from rtsr.stages import Source
from tests.conftest import ListSource, make_frame

layouts = st.builds(
    lambda bits, logs: PixelLayout(bits, *logs),
    st.sampled_from((8, 10, 12, 16)),
    st.sampled_from(((1, 1), (1, 0), (0, 0), (2, 0))),
)
headers = st.builds(
    y4m.Header,
    width=st.integers(1, 20000),
    height=st.integers(1, 20000),
    rate_fps=st.fractions(min_value=Fraction(1, 100), max_value=1000, max_denominator=1001),
    layout=layouts,
    siting=st.sampled_from((Siting.LEFT, Siting.CENTER, Siting.TOP_LEFT)),
    range=st.sampled_from(Range),
    sar=st.none() | st.fractions(min_value=Fraction(1, 9), max_value=9, max_denominator=99),
)


@given(headers)
def test_what_is_written_is_read_back(header: y4m.Header) -> None:
    back = y4m.parse(header.line().rstrip(b"\n"), "it")
    assert (back.width, back.height, back.rate_fps, back.layout) == (
        header.width,
        header.height,
        header.rate_fps,
        header.layout,
    )
    assert (back.range, back.sar, back.interlaced) == (header.range, header.sar, False)
    if header.layout == PixelLayout():
        assert back.siting == header.siting


@given(st.binary(max_size=200))
def test_any_bytes_are_a_header_or_refused(line: bytes) -> None:
    for words in (line, y4m.MAGIC + b" " + line):
        try:
            header = y4m.parse(words, "it")
        except SourceError:
            continue
        assert 0 < header.width <= 1 << 15


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"YUV4MPEG2 W720 H480 F30000:1001 It A32:27", Fraction(30000, 1001)),
        (b"YUV4MPEG2 W720 H480 F25:1 Ip A0:0 C420jpeg XYSCSS=420JPEG XCOLORRANGE=FULL", Fraction(25)),
    ],
)
def test_headers_of_other_programs(line: bytes, told: Fraction) -> None:
    header = y4m.parse(line, "it")
    assert header.rate_fps == told
    assert header.interlaced == (b"It" in line)
    assert header.siting is (Siting.CENTER if b"jpeg" in line else Siting.UNSPECIFIED)


@contextmanager
def piped(data: bytes) -> Iterator[Source]:
    """A source that reads `data` from a pipe, and closes with it."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(reading)
            while data:
                data = data[os.write(writing, data) :]
        finally:
            os._exit(0)
    os.close(writing)
    source = None
    try:
        source = open_pipe(Part(), reading)
        yield source
    finally:
        if source is not None:
            source.close()
        os.close(reading)
        os.waitpid(pid, 0)


def test_frames_go_through_a_pipe_unchanged() -> None:
    frames = [make_frame(63, 41, seed=seed, pts=seed) for seed in range(5)]
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        sink = open_y4m(PipeWriter(file.fileno()), ListSource(frames).info)
        for frame in frames:
            sink.write(frame)  # 20 kB: it fits in the pipe
        sink.finish()
    source = open_pipe(Part(), reading)
    came = list(source.frames())
    os.close(reading)
    assert source.losses == ()
    assert source.info.piped
    assert [frame.time_s for frame in came] == [frame.time_s for frame in frames]
    for before, after in zip(frames, came, strict=True):
        for name in ("y", "u", "v"):
            np.testing.assert_array_equal(getattr(before, name), getattr(after, name))


def test_deep_frames_come_low_byte_first() -> None:
    samples = np.arange(64 * 48 * 3, dtype="<u2") % 1024
    with piped(b"YUV4MPEG2 W64 H48 F25:1 C444p10\nFRAME\n" + samples.tobytes()) as source:
        (frame,) = source.frames()
    assert frame.layout == PixelLayout(10, 0, 0)
    np.testing.assert_array_equal(np.concatenate([frame.y, frame.u, frame.v]).ravel(), samples)


def test_a_pipe_that_ends_within_a_frame_loses_that_frame_and_says_so() -> None:
    whole = b"FRAME\n" + bytes(64 * 48 * 3 // 2)
    with piped(b"YUV4MPEG2 W64 H48 F25:1\n" + 2 * whole + whole[:-1]) as source:
        assert len(list(source.frames())) == 2
        assert "within frame 3" in source.losses[0]


def test_garbage_between_frames_ends_the_reading_and_is_said() -> None:
    whole = b"FRAME\n" + bytes(64 * 48 * 3 // 2)
    with piped(b"YUV4MPEG2 W64 H48 F25:1\n" + whole + b"HELLO\n" + whole) as source:
        assert len(list(source.frames())) == 1
        assert "HELLO" in source.losses[0]


@pytest.mark.parametrize("data", [b"", b"hello", b"YUV4MPEG2 W0 H4 F25:1\n", b"YUV4MPEG2 W64 H48 F25:1 Cmono\n"])
def test_what_is_no_video_is_refused(data: bytes) -> None:
    with pytest.raises(SourceError), piped(data):
        pass


def test_a_stream_without_a_picture_is_refused() -> None:
    with piped(b"YUV4MPEG2 W64 H48 F25:1\n") as source, pytest.raises(SourceError):
        list(source.frames())


def test_interlaced_pictures_are_refused_with_their_mend() -> None:
    with pytest.raises(SourceError, match="bwdif"), piped(b"YUV4MPEG2 W64 H48 F25:1 It\n"):
        pass


@pytest.mark.parametrize(
    ("word", "siting"), [("jpeg", Siting.CENTER), ("mpeg2", Siting.LEFT), ("", Siting.UNSPECIFIED)]
)
def test_the_siting_of_a_file_is_that_of_its_header(word: str, siting: Siting, tmp_path: Path) -> None:
    path = tmp_path / "a.y4m"
    path.write_bytes(f"YUV4MPEG2 W64 H48 F25:1 C420{word}\n".encode() + 2 * (b"FRAME\n" + bytes(64 * 48 * 3 // 2)))
    assert open_source(str(path)).info.color.siting is siting


def test_a_part_of_a_pipe_cannot_be_had() -> None:
    with pytest.raises(UsageError):
        open_pipe(Part(start_s=Fraction(1)))


def test_close_ends_a_read_that_waits() -> None:
    reading, writing = os.pipe()
    reader = PipeReader(reading)
    reader.close()
    assert reader.read(10) == b""
    os.close(reading)
    os.close(writing)
