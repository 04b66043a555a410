"""What `rtsr encode` refuses: one sentence, its mend, the documented exit code, and nothing under the output's name."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from rtsr.cli import main
from tests.system.clips import made


def refused(capsys: pytest.CaptureFixture[str], source: str | Path, output: Path, *options: str) -> tuple[int, str]:
    """Exit code and message; whatever it is, there is no traceback and nothing under the output's name."""
    before = output.exists() and output.read_bytes()
    code = main(["encode", str(source), str(output), "--progress", "none", *options])
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert said.startswith("rtsr: ")
    assert len(said.strip().splitlines()) <= 2
    assert (output.exists() and output.read_bytes()) == before
    return code, said


def test_bad_inputs_get_a_sentence_and_code_3(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text, empty, cut = tmp_path / "notes.mp4", tmp_path / "empty.mp4", tmp_path / "cut.mp4"
    text.write_text("not a film\n" * 50)
    empty.touch()
    cut.write_bytes((shared / "video/nasa_multi_stream_mov_text.mp4").read_bytes()[:20_000])
    moov_gone = tmp_path / "moov.mp4"
    moov_gone.write_bytes(_without_moov((shared / "video/camera_768x432_traffic_aac.mp4").read_bytes()))
    sound = tmp_path / "sound.m4a"
    with av.open(str(sound), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        container.mux(stream.encode(_silence()))
        container.mux(stream.encode(None))
    for source, word in [
        (tmp_path / "missing.mp4", "does not exist"),
        (text, "not a media file"),
        (empty, "0 bytes"),
        (moov_gone, "moov"),
        (sound, "no video stream (it holds audio)"),
        ("/dev/video0", "is live"),
        ("pattern:64x36?live=yes", "is live"),
    ]:
        code, said = refused(capsys, source, tmp_path / "o.mp4")
        assert code == 3, said
        assert word in said


def _without_moov(content: bytes) -> bytes:
    at = content.index(b"moov")
    return content[: at - 4] if at > len(content) // 2 else content[:32] + content[content.index(b"mdat") - 4 :]


def _silence() -> av.AudioFrame:
    block = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
    block.sample_rate, block.pts, block.time_base = 48000, 0, Fraction(1, 48000)
    return block


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "word"),
    [
        ("ffv1", "yuva420p", "8-bit with alpha"),
        ("ffv1", "gray", "8-bit grey"),
        ("ffv1", "bgr0", "8-bit RGB"),
    ],
)
def test_other_pixels_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], codec: str, pix_fmt: str, word: str
) -> None:
    source = made(tmp_path / "in.mkv", codec=codec, pix_fmt=pix_fmt, levels=(90, 90, 90, 90))
    code, said = refused(capsys, source, tmp_path / "o.mkv")
    assert code == 3
    assert word in said


def test_bad_usage_gets_a_sentence_and_code_2(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = made(tmp_path / "in.mkv")
    existing = tmp_path / "there.mkv"
    existing.write_bytes(b"precious")
    pgs = shared / "video/clip_pgs_bitmap_subs_ac3.mkv"
    srt = shared / "video/bbb_720p_2audio_srt_chapters.mkv"
    for arguments, word in [
        ((source, source, "-y"), "is the input itself"),
        ((source, existing), "-y"),
        ((source, tmp_path / "no/where.mkv"), "mkdir"),
        ((source, tmp_path / "o.xyz"), "extension"),
        ((source, tmp_path / "o.mkv", "--model", "esr-tm-k5c9"), "did you mean esr-tm-k5c2?"),
        ((source, tmp_path / "o.mkv", "--scale", "9"), "scale 9"),
        ((source, tmp_path / "o.mkv", "-preset", "warp"), "preset warp"),
        ((source, tmp_path / "o.mkv", "-ss", "10"), "nothing is left"),
        ((source, tmp_path / "o.mkv", "-ss", "abc"), "not a time"),
        ((source, tmp_path / "o.mkv", "--crff", "3"), "--crf"),
        ((source, Path("/proc/o.mkv")), "cannot be written"),
        ((pgs, tmp_path / "o.mp4"), "cannot hold stream 2"),
        ((srt, tmp_path / "o.mov"), "cannot hold stream 2"),
        ((srt, tmp_path / "o.mkv", "-map", "0:a"), "nothing to upscale"),
        ((srt, tmp_path / "o.mkv", "-c:a", "aak"), "did you mean aac?"),
        ((srt, tmp_path / "o.mkv", "-c:a", "libx264"), "not audio"),
        ((srt, tmp_path / "o.mkv", "-b:a", "96k"), "audio that is copied"),
        ((srt, tmp_path / "o.mkv", "--video-track", "1"), "has 1 video streams"),
        ((srt, tmp_path / "o.mkv", "-movflags", "faststart"), "of MP4 and MOV"),
        ((srt, tmp_path / "o.mkv", "-e", "tunee=film"), "did you mean tune?"),
        ((srt, tmp_path / "o.mkv", "-x264-params", "reff=3"), "did you mean ref?"),
        ((source, tmp_path / "o.webm", "-c:v", "libx264"), "cannot hold video of libx264"),
    ]:
        code, said = refused(capsys, *arguments)
        assert code == 2, said
        assert word in said
    assert existing.read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "there.mkv"]


def test_a_named_backend_that_is_missing_fails_and_is_not_swapped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "rtsr.upscalers.openvino", None)  # as if OpenVINO were not installed
    monkeypatch.delattr("rtsr.upscalers.openvino", raising=False)
    code, said = refused(capsys, made(tmp_path / "in.mkv"), tmp_path / "o.mkv", "--backend", "openvino")
    assert code == 5
    assert "pip install openvino" in said


def test_a_full_disk_is_code_6_and_leaves_no_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a 64 KiB disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        code, said = refused(capsys, "pattern:320x180?seconds=2", small / "o.mp4", "-crf", "5")
        assert code == 6
        assert "no room" in said
    finally:
        subprocess.run(["umount", str(small)], check=True)
