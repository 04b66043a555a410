"""`rtsr encode` on real clips: nothing is lost."""

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.system.clips import described, encode, made, shown_s, sums

SOUND = ["camera_768x432_traffic_aac.mp4", "phone_720p_rotated.mp4", "nasa_multi_stream_mov_text.mp4"]
PLAIN = [
    *SOUND,
    "webcam_640x480_fullrange.mkv",
    "phone_vfr_rotated_two_tracks.mp4",
    "bbb_800x640_anamorphic_bframes.mp4",
    "bbb_720p_2audio_srt_chapters.mkv",
    "clip_pgs_bitmap_subs_ac3.mkv",
    "bbb_960x540_60fps_vp9.webm",
]


@pytest.mark.parametrize("name", PLAIN)
def test_times_colours_and_other_streams_are_the_inputs(shared: Path, tmp_path: Path, name: str) -> None:
    source = shared / "video" / name
    output = (tmp_path / "out").with_suffix(".mkv" if source.suffix == ".webm" else source.suffix)
    assert encode(source, output, "--model", "esr-tm-k5c2", "-t", "2") == 0
    begin = _start_s(source)
    assert shown_s(output) == [time_s for time_s in shown_s(source) if time_s < begin + 2]
    assert described(output) == described(source)
    for kind in ("audio", "subtitle"):
        for came, went in zip(sums(source, kind), sums(output, kind), strict=True):
            assert went == [packet for packet in came if packet[0] < float(begin) + 2]
    with av.open(str(source)) as before, av.open(str(output)) as after:
        assert after.streams.video[0].width == 2 * before.streams.video[0].width
        assert after.streams.video[0].height == 2 * before.streams.video[0].height
        assert len(after.chapters()) == len([chapter for chapter in before.chapters() if _begins(chapter) < begin + 2])
    assert [path.name for path in tmp_path.iterdir()] == [output.name]


def _start_s(path: Path) -> Fraction:
    with av.open(str(path)) as container:
        return Fraction(container.start_time or 0, av.time_base)


def _begins(chapter: "av.container.core.Chapter") -> Fraction:
    return chapter["start"] * Fraction(chapter["time_base"] or 1)


def test_time_base_is_kept_where_the_container_can(shared: Path, tmp_path: Path) -> None:
    for name in SOUND:
        assert encode(shared / "video" / name, tmp_path / "o.mp4", "--model", "bicubic", "-t", "0.5") == 0
        with av.open(str(shared / "video" / name)) as before, av.open(str(tmp_path / "o.mp4")) as after:
            assert after.streams.video[0].time_base == before.streams.video[0].time_base


@pytest.mark.parametrize("codec", ["libx264", "libx265", "libsvtav1"])
def test_each_codec_keeps_times_and_tags(shared: Path, tmp_path: Path, codec: str) -> None:
    source, output = shared / "video" / "phone_vfr_rotated_two_tracks.mp4", tmp_path / "o.mkv"
    preset = "12" if codec == "libsvtav1" else "ultrafast"
    options = ["--model", "bicubic", "-dn", "-t", "0.7", "-c:v", codec, "-crf", "30", "-preset", preset]
    assert encode(source, output, *options) == 0
    wanted = [time_s for time_s in shown_s(source) if time_s < Fraction(7, 10)]
    assert [round(float(time_s), 3) for time_s in shown_s(output)] == [round(float(time_s), 3) for time_s in wanted]
    assert described(output) == described(source)


def test_a_part_of_a_file_begins_at_zero_and_keeps_its_rhythm(shared: Path, tmp_path: Path) -> None:
    source, output = shared / "video" / "camera_768x432_traffic_aac.mp4", tmp_path / "o.mp4"
    assert encode(source, output, "--model", "bicubic", "-ss", "0:02", "-t", "1.5") == 0
    wanted = [time_s - 2 for time_s in shown_s(source) if 2 <= time_s < Fraction(7, 2)]
    assert shown_s(output) == wanted
    assert 1.4 < sum(1 for _ in sums(output, "audio")[0]) * 1024 / 48000 < 1.6


@pytest.mark.parametrize("siting", ["left", "center", "topleft"])
def test_chroma_siting_tag_goes_through(tmp_path: Path, siting: str) -> None:
    from rtsr.sources import open_source

    source = made(tmp_path / "in.mkv", options={"chroma_sample_location": siting})
    for codec in ("libx264", "libx265"):
        assert encode(source, tmp_path / "o.mkv", "--model", "bicubic", "-c:v", codec) == 0
        opened = open_source(str(tmp_path / "o.mkv"))
        opened.close()
        assert opened.info.color.siting.value == siting


def test_flat_colours_stay_within_one_level(tmp_path: Path) -> None:
    source = made(tmp_path / "in.mkv", size=(64, 48), levels=(81, 90, 240), options={"qp": "0"})
    assert encode(source, tmp_path / "o.mkv", "--model", "esr-tr-k5c2", "-crf", "0") == 0
    with av.open(str(tmp_path / "o.mkv")) as container:
        frame = next(container.decode(video=0))
    for plane, level in zip(frame.planes, (81, 90, 240), strict=True):
        pixels = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        assert np.abs(pixels.astype(int) - level).max() <= 1


@pytest.mark.parametrize("size", [(2, 2), (34, 2), (66, 50), (4096, 4)])
@pytest.mark.parametrize("scale", ["2", "3"])
def test_sizes_that_video_can_have_work(tmp_path: Path, size: tuple[int, int], scale: str) -> None:
    source = made(tmp_path / "in.mkv", size=size)
    assert encode(source, tmp_path / "o.mkv", "--scale", scale) == 0
    with av.open(str(tmp_path / "o.mkv")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (size[0] * int(scale), size[1] * int(scale))


def test_odd_sides_are_padded_and_it_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    assert encode("pattern:33x21?seconds=0.2", tmp_path / "o.mkv", "--scale", "3") == 0
    with av.open(str(tmp_path / "o.mkv")) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (100, 64)
    assert "99x63 is padded to 100x64" in caplog.text


def test_sound_that_begins_before_the_picture_does_not_move_the_picture(tmp_path: Path) -> None:
    source, output = tmp_path / "in.mp4", tmp_path / "o.mkv"  # AAC's priming lies before zero in MP4
    assert encode("pattern:64x36?seconds=1", source, "--model", "bicubic") == 0
    assert sums(source, "audio")[0][0][0] < 0
    assert encode(source, output, "--model", "bicubic") == 0
    assert [round(float(time_s), 3) for time_s in shown_s(output)] == [round(n / 30, 3) for n in range(30)]
    assert [time_s for time_s, _ in sums(output, "audio")[0]][:2] == [-0.021, 0.0]


@pytest.mark.parametrize(("name", "codec", "preset"), [("o.mp4", "libx264", "fast"), ("o.webm", "libsvtav1", "12")])
def test_a_pattern_brings_its_tone(tmp_path: Path, name: str, codec: str, preset: str) -> None:
    assert encode("pattern:64x64?seconds=1", tmp_path / name, "-c:v", codec, "-preset", preset) == 0
    with av.open(str(tmp_path / name)) as container:
        sound = np.concatenate([block.to_ndarray()[0] for block in container.decode(audio=0)])
    spectrum = np.abs(np.fft.rfft(sound[:44100]))
    assert abs(np.argmax(spectrum) * 48000 / 44100 - 440) < 3


@pytest.mark.parametrize("size", [(0, 0), (40, 110)])
def test_a_terminal_gets_a_bar_with_every_figure(tmp_path: Path, size: tuple[int, int]) -> None:
    terminal, there = os.openpty()
    fcntl.ioctl(there, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    run = subprocess.Popen(
        [sys.executable, "-m", "rtsr", "encode", "pattern:64x36?seconds=2", str(tmp_path / "o.mp4")],
        stderr=there,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    os.close(there)
    said = b""
    try:
        while chunk := os.read(terminal, 4096):
            said += chunk
    except OSError:  # Linux says EIO when the other end is closed
        pass
    os.close(terminal)
    assert run.wait(60) == 0
    last = said.decode().split("\r")[-2]
    assert re.search(r"100%\|.*60/60 frames, +[\d.]+ frames/s, 00:0\d elapsed, 00:00 left, [\d.]+x", said.decode()), (
        last
    )
