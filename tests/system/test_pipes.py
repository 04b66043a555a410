"""`-` reads and writes y4m and nut, with a real ffmpeg on the other end."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from tests.system.clips import encode, made, sums

RTSR = [sys.executable, "-m", "rtsr", "encode"]
BICUBIC = ["--model", "bicubic"]
_LIMIT_S = 120


@pytest.fixture(scope="session")
def ffmpeg() -> str:
    imageio = pytest.importorskip("imageio_ffmpeg", reason='a real ffmpeg comes with pip install "rtsr[eval]"')
    return str(imageio.get_ffmpeg_exe())


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """25 frames that move, with sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    assert encode("pattern:64x48?seconds=1", path, *BICUBIC, "--scale", "2") == 0
    return path


def run(*words: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*RTSR, *words, *BICUBIC], input=data, capture_output=True, check=False, timeout=_LIMIT_S)


def piped_from(ffmpeg: str, *words: str) -> bytes:
    done = subprocess.run([ffmpeg, "-v", "error", *words], capture_output=True, check=True, timeout=_LIMIT_S)
    return done.stdout


def luma_sums(data: bytes | Path, tmp_path: Path, form: str | None = None) -> list[str]:
    """md5 of each frame's luma."""
    path = data
    if isinstance(data, bytes):
        path = tmp_path / "streamed"
        path.write_bytes(data)
    with av.open(str(path), format=form) as container:
        return [
            hashlib.md5(np.ascontiguousarray(frame.to_ndarray()[: frame.height]).tobytes()).hexdigest()
            for frame in container.decode(video=0)
        ]


def test_y4m_goes_through_between_two_ffmpegs(ffmpeg: str, clip: Path, tmp_path: Path) -> None:
    before = subprocess.Popen([ffmpeg, "-v", "error", "-i", str(clip), "-f", "yuv4mpegpipe", "-"], stdout=-1)
    between = subprocess.Popen([*RTSR, "-", "-", *BICUBIC], stdin=before.stdout, stdout=-1, stderr=subprocess.DEVNULL)
    out = tmp_path / "o.mkv"
    after = subprocess.Popen([ffmpeg, "-v", "error", "-i", "-", "-c:v", "ffv1", str(out)], stdin=between.stdout)
    for process in (before, between):
        assert process.stdout is not None
        process.stdout.close()
    assert [process.wait(_LIMIT_S) for process in (before, between, after)] == [0, 0, 0]
    with av.open(str(out)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 30
    assert (frames[0].width, frames[0].height) == (256, 192)


def test_a_file_encoded_and_the_same_piped_are_the_same_pictures(ffmpeg: str, clip: Path, tmp_path: Path) -> None:
    assert run(str(clip), str(tmp_path / "o.mkv"), "-c:v", "ffv1").returncode == 0
    expected = luma_sums(tmp_path / "o.mkv", tmp_path)
    from_file = run(str(clip), "-")
    assert luma_sums(from_file.stdout, tmp_path, "yuv4mpegpipe") == expected
    through = run("-", "-", data=piped_from(ffmpeg, "-i", str(clip), "-f", "yuv4mpegpipe", "-"))
    assert luma_sums(through.stdout, tmp_path, "yuv4mpegpipe") == expected


@pytest.mark.parametrize(
    ("pix_fmt", "word"),
    [("yuv420p", b" C420"), ("yuv422p", b" C422 "), ("yuv444p10le", b" C444p10 "), ("yuv420p10le", b" C420p10 ")],
)
def test_layout_range_rate_and_pixel_shape_are_told(ffmpeg: str, pix_fmt: str, word: bytes) -> None:
    source = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=24000/1001:d=0.2", "-pix_fmt", pix_fmt, "-color_range", "pc"]
    data = piped_from(ffmpeg, *source, "-vf", "setsar=4/3", "-strict", "-1", "-f", "yuv4mpegpipe", "-")
    done = run("-", "-", data=data)
    assert done.returncode == 0
    header = done.stdout.split(b"\n", 1)[0] + b" "
    assert word in header
    for words in (b" W128 ", b" H96 ", b" F24000:1001 ", b" A4:3 ", b" Ip "):
        assert words in header


def test_nothing_but_the_video_goes_to_standard_output(clip: Path, tmp_path: Path) -> None:
    done = run(str(clip), "-", "--progress", "json", "--scale", "2")
    assert done.stdout.startswith(b"YUV4MPEG2 ")
    assert len(luma_sums(done.stdout, tmp_path, "yuv4mpegpipe")) == 30
    frame_bytes = 6 + 256 * 192 * 3 // 2
    assert len(done.stdout) == done.stdout.index(b"\n") + 1 + 30 * frame_bytes
    rows = [json.loads(line) for line in done.stderr.splitlines() if line.startswith(b"{")]
    assert rows[-1]["frame"] == 30
    told = run(str(clip), "-", "--dry-run")
    assert told.stdout == b""
    assert b"y4m" in told.stderr


def test_what_y4m_cannot_carry_is_said(clip: Path) -> None:
    said = run(str(clip), "-").stderr.decode()
    assert "colour tags" in said
    assert "stream 1: audio" in said
    assert "drop" in said


def test_that_a_pipe_is_not_looked_at_for_combs_is_said(ffmpeg: str, clip: Path, tmp_path: Path) -> None:
    for form in ("yuv4mpegpipe", "nut"):
        data = piped_from(ffmpeg, "-i", str(clip), "-an", "-c:v", "rawvideo", "-f", form, "-")
        assert b"not looked at for combs" in run("-", str(tmp_path / f"{form}.mkv"), data=data).stderr


def test_irregular_times_are_counted(tmp_path: Path) -> None:
    from tests.films import film

    source = film(tmp_path / "vfr.mkv", times=[0, 1, 2, 3, 14, 15, 16, 30])
    done = run(str(source), "-")
    assert done.returncode == 0
    assert "of 8 frames are shown more than half a frame off" in done.stderr.decode()


@pytest.mark.parametrize("form", ["nut", "matroska"])
def test_sound_goes_along_in_a_container(form: str, clip: Path, tmp_path: Path) -> None:
    done = run(str(clip), "-", "-f", form, "-preset", "ultrafast")
    assert done.returncode == 0
    path = tmp_path / "o"
    path.write_bytes(done.stdout)
    assert [[md5 for _, md5 in stream] for stream in sums(path, "audio")] == [
        [md5 for _, md5 in stream] for stream in sums(clip, "audio")
    ]
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 30


def test_nut_from_a_pipe_keeps_its_sound_and_times(ffmpeg: str, clip: Path, tmp_path: Path) -> None:
    data = piped_from(ffmpeg, "-i", str(clip), "-map", "0", "-c:v", "ffv1", "-c:a", "copy", "-f", "nut", "-")
    (tmp_path / "in.nut").write_bytes(data)
    done = run("-", str(tmp_path / "o.mkv"), "-preset", "ultrafast", data=data)
    assert done.returncode == 0, done.stderr
    assert [[md5 for _, md5 in stream] for stream in sums(tmp_path / "o.mkv", "audio")] == [
        [md5 for _, md5 in stream] for stream in sums(tmp_path / "in.nut", "audio")
    ]
    with av.open(str(tmp_path / "in.nut")) as container:
        times = [float(frame.time) for frame in container.decode(video=0)]
    with av.open(str(tmp_path / "o.mkv")) as container:
        np.testing.assert_allclose([float(frame.time) for frame in container.decode(video=0)], times, atol=6e-4)


def test_what_a_pipe_cannot_hold_is_refused_before_the_start(tmp_path: Path, ffmpeg: str, clip: Path) -> None:
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    with_text = tmp_path / "text.mkv"
    piped_from(
        ffmpeg, "-i", str(clip), "-i", str(tmp_path / "a.srt"), "-map", "0", "-map", "1", "-c", "copy", str(with_text)
    )
    done = run(str(with_text), "-", "-f", "nut")
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"-sn" in done.stderr
    assert run(str(with_text), "-", "-f", "nut", "-sn", "-preset", "ultrafast").returncode == 0


def test_a_reader_that_goes_ends_it_quietly(tmp_path: Path) -> None:
    source = made(tmp_path / "long.mkv", size=(320, 240), frames=100)
    for extra in ([], ["-f", "matroska", "-c:v", "ffv1"]):
        process = subprocess.Popen(
            [*RTSR, str(source), "-", *BICUBIC, "--progress", "none", *extra], stdout=-1, stderr=-1
        )
        assert process.stdout is not None
        assert len(process.stdout.read(50_000)) == 50_000
        process.stdout.close()
        assert process.wait(_LIMIT_S) == 141
        assert process.stderr is not None
        assert process.stderr.read().decode().splitlines() in ([], ["stream 1: audio aac: drop"])
        process.stderr.close()


def test_a_slow_reader_gets_everything(clip: Path) -> None:
    process = subprocess.Popen([*RTSR, str(clip), "-", *BICUBIC, "--progress", "none"], stdout=-1, stderr=-1)
    assert process.stdout is not None
    assert process.stderr is not None
    got = 0
    while block := os.read(process.stdout.fileno(), 3000):  # in small bites
        got += len(block)
    assert process.wait(_LIMIT_S) == 0
    assert got > 30 * 256 * 192 * 3 // 2
    process.stdout.close()
    process.stderr.close()


@pytest.fixture
def silent() -> Callable[[], subprocess.Popen[bytes]]:
    """Starts an encode of a pipe that falls silent after three frames, and waits until those came out."""

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen([*RTSR, "-", "-", *BICUBIC], stdin=-1, stdout=-1, stderr=-1)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"YUV4MPEG2 W64 H48 F25:1\n" + 3 * (b"FRAME\n" + bytes(64 * 48 * 3 // 2)) + b"FRAME\n")
        process.stdin.flush()
        wanted = 3 * 128 * 96 * 3 // 2
        while wanted > 0:
            wanted -= len(os.read(process.stdout.fileno(), 1 << 16))
        return process

    return start


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_pipe_that_falls_silent_is_left_at_the_first_signal(
    number: signal.Signals, silent: Callable[[], subprocess.Popen[bytes]]
) -> None:
    process = silent()
    process.send_signal(number)
    assert process.wait(_LIMIT_S) == 75
    said = process.communicate()[1].decode()
    assert "stopped after 3 frames" in said


def test_an_output_file_from_a_pipe_appears_when_it_is_whole(ffmpeg: str, clip: Path, tmp_path: Path) -> None:
    data = piped_from(ffmpeg, "-i", str(clip), "-f", "yuv4mpegpipe", "-")
    out = tmp_path / "o.mp4"
    assert run("-", str(out), "-preset", "ultrafast", data=data).returncode == 0
    assert len(luma_sums(out, tmp_path)) == 30
    cut = tmp_path / "cut.mp4"
    done = run("-", str(cut), "-preset", "ultrafast", data=data[: len(data) // 2])
    assert done.returncode == 4
    assert "which is left out" in done.stderr.decode()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.mp4", "o.mp4"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["-", "-", "-ss", "1"], 2),
        (["IN", "-", "-crf", "20"], 2),
        (["IN", "OUT.mkv", "-f", "nut"], 2),
        (["IN", "-", "-r", "24"], 2),
        (["-", "OUT.mkv"], 3),
    ],
)
def test_what_makes_no_sense_is_refused(words: list[str], code: int, clip: Path, tmp_path: Path) -> None:
    named = [word.replace("IN", str(clip)).replace("OUT", str(tmp_path / "out")) for word in words]
    done = run(*named)
    assert (done.returncode, done.stdout) == (code, b"")
    assert b"fault of rtsr" not in done.stderr
    assert list(tmp_path.iterdir()) == []
