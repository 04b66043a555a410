"""`rtsr encode` on real clips: nothing is lost, and what would be lost is refused in a sentence."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from rtsr.cli import main

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
QUICK = ["-y", "-preset", "ultrafast", "--progress", "none"]


def encode(source: str | Path, output: Path, *options: str) -> int:
    return main(["encode", str(source), str(output), *QUICK, *options])


def shown_s(path: str | Path) -> list[Fraction]:
    """When each frame of the first video stream is shown."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def sums(path: str | Path, kind: str) -> list[list[tuple[float, str]]]:
    """(time, md5) of every packet, for each stream of a kind."""
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type == kind]
        found: dict[int, list[tuple[float, str]]] = {stream.index: [] for stream in streams}
        for packet in container.demux(streams) if streams else ():
            if packet.size:
                time_s = round(float((packet.pts or 0) * packet.time_base), 3)
                found[packet.stream.index].append((time_s, hashlib.md5(bytes(packet)).hexdigest()))
    return list(found.values())


def described(path: str | Path) -> dict[str, object]:
    """What must not change, of the first video stream."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        context = stream.codec_context
        return {
            "matrix": int(context.colorspace),
            "transfer": int(context.color_trc),
            "primaries": int(context.color_primaries),
            "range": 2 if context.pix_fmt == "yuvj420p" else int(context.color_range),
            "sar": stream.sample_aspect_ratio or Fraction(1),
            "rotation": frame.rotation,
            "language": stream.metadata.get("language"),
            "default": int(stream.disposition) & 1,
        }


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
    options = ["--model", "bicubic", "-t", "0.7", "-c:v", codec, "-crf", "30", "-preset", preset]
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

    source = _made(tmp_path / "in.mkv", options={"chroma_sample_location": siting})
    for codec in ("libx264", "libx265"):
        assert encode(source, tmp_path / "o.mkv", "--model", "bicubic", "-c:v", codec) == 0
        opened = open_source(str(tmp_path / "o.mkv"))
        opened.close()
        assert opened.info.color.siting.value == siting


def test_flat_colours_stay_within_one_level(tmp_path: Path) -> None:
    source = _made(tmp_path / "in.mkv", size=(64, 48), levels=(81, 90, 240), options={"qp": "0"})
    assert encode(source, tmp_path / "o.mkv", "--model", "esr-tr-k5c2", "-crf", "0") == 0
    with av.open(str(tmp_path / "o.mkv")) as container:
        frame = next(container.decode(video=0))
    for plane, level in zip(frame.planes, (81, 90, 240), strict=True):
        pixels = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        assert np.abs(pixels.astype(int) - level).max() <= 1


@pytest.mark.parametrize("size", [(2, 2), (34, 2), (66, 50), (4096, 4)])
@pytest.mark.parametrize("scale", ["2", "3"])
def test_sizes_that_video_can_have_work(tmp_path: Path, size: tuple[int, int], scale: str) -> None:
    source = _made(tmp_path / "in.mkv", size=size)
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


# What is refused ------------------------------------------------------------------------------------------------


def _made(path: Path, *, size: tuple[int, int] = (64, 48), frames: int = 5, **how: object) -> Path:
    """A small clip of one colour, made with libav itself."""
    levels = how.get("levels", (120, 100, 140))
    with av.open(str(path), "w") as container:
        stream = container.add_stream(how.get("codec", "libx264"), rate=25, options=how.get("options") or {})
        stream.width, stream.height, stream.pix_fmt = *size, how.get("pix_fmt", "yuv420p")
        for number in range(frames):
            picture = av.VideoFrame(*size, stream.pix_fmt)
            for plane, level in zip(picture.planes, levels, strict=False):
                np.frombuffer(plane, np.uint8)[:] = level
            picture.pts, picture.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


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
        (tmp_path, "is a folder"),
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
    ("name", "word"),
    [
        ("phone_1080p_hlg10_rotated_editlist.mp4", "10-bit 4:2:0"),
        ("phone_1080p_pq10_hdr10.mp4", "10-bit 4:2:0"),
        ("bbb_480i_tff_anamorphic.ts", "interlaced"),
    ],
)
def test_what_a_later_version_brings_is_refused_with_its_mend(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, word: str
) -> None:
    code, said = refused(capsys, shared / "video" / name, tmp_path / "o.mkv")
    assert code == 3
    assert word in said
    assert "ffmpeg -i" in said


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "word"),
    [
        ("libx264", "yuv422p", "8-bit 4:2:2"),
        ("libx264", "yuv444p", "8-bit 4:4:4"),
        ("libx264", "yuv420p10le", "10-bit 4:2:0"),
        ("ffv1", "yuva420p", "8-bit with alpha"),
        ("ffv1", "gray", "8-bit grey"),
        ("ffv1", "bgr0", "8-bit RGB"),
    ],
)
def test_other_pixels_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], codec: str, pix_fmt: str, word: str
) -> None:
    source = _made(tmp_path / "in.mkv", codec=codec, pix_fmt=pix_fmt, levels=(90, 90, 90, 90))
    code, said = refused(capsys, source, tmp_path / "o.mkv")
    assert code == 3
    assert word in said


def test_bad_usage_gets_a_sentence_and_code_2(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = _made(tmp_path / "in.mkv")
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
        ((srt, tmp_path / "o.mp4"), "cannot hold stream 3"),
        ((source, tmp_path / "o.webm"), "cannot hold video of libx264"),
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
    code, said = refused(capsys, _made(tmp_path / "in.mkv"), tmp_path / "o.mkv", "--backend", "openvino")
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


# What is lost is said ---------------------------------------------------------------------------------------------


def test_a_dropped_stream_is_named_even_when_nothing_else_is_said(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shared / "video/phone_vfr_rotated_two_tracks.mp4"
    assert encode(source, tmp_path / "o.mp4", "--model", "bicubic", "-t", "0.2") == 0
    said = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in said] == ["stream 1", "stream 2", "stream 3"]
    assert all("drop" in line for line in said)


@pytest.mark.parametrize("change", ["size", "interlaced"])
def test_a_stream_that_changes_its_nature_is_not_upscaled_silently(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    parts = [_made(tmp_path / "a.h264"), _made(tmp_path / "b.h264", size=(96, 64))]
    if change == "interlaced":
        parts[1] = _made(tmp_path / "b.h264", options={"flags": "+ildct+ilme"})
    joined = tmp_path / "in.h264"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    code = main(["encode", str(joined), str(tmp_path / "o.mkv"), "--progress", "none"])
    said = capsys.readouterr().err
    assert (code, (tmp_path / "o.mkv").exists()) == ((3, False) if change == "size" else (4, True))
    assert ("changes from 64x48 to 96x64" if change == "size" else "5 frames within it are interlaced") in said


@pytest.mark.parametrize("name", ["nasa_multi_stream_mov_text.mp4", "webcam_640x480_fullrange.mkv"])
def test_a_file_cut_in_the_middle_is_encoded_as_far_as_it_goes(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    whole, cut = shared / "video" / name, tmp_path / name
    if whole.suffix == ".mp4":  # its index must come first to survive the cut
        with av.open(str(whole)) as came, av.open(str(cut), "w", options={"movflags": "faststart"}) as went:
            stream = went.add_stream_from_template(came.streams.video[0])
            for packet in came.demux(came.streams.video[0]):
                if packet.dts is not None:
                    packet.stream = stream
                    went.mux(packet)
        content = cut.read_bytes()
    else:
        content = whole.read_bytes()
    cut.write_bytes(content[: len(content) * 6 // 10])
    output = tmp_path / f"o{whole.suffix}"
    code = encode(cut, output, "--model", "bicubic")
    said = capsys.readouterr().err
    assert code == 4
    assert "cut short" in said or "damaged" in said
    shown = shown_s(output)
    assert len(shown) > 10
    assert set(shown) <= set(shown_s(whole))
    assert shown[:10] == shown_s(whole)[:10]


def test_ctrl_c_finishes_cleanly_and_keeps_what_plays(tmp_path: Path) -> None:
    output = tmp_path / "o.mp4"
    run = subprocess.Popen(
        [sys.executable, "-m", "rtsr", "encode", "pattern:640x360?seconds=600", str(output), "--progress", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert run.stdout is not None
    first = json.loads(run.stdout.readline())
    assert first["frame"] > 0
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 75
    assert "stopped after" in said
    assert "Traceback" not in said
    assert not output.exists()
    kept = shown_s(tmp_path / "o.part.mp4")
    assert len(kept) >= first["frame"]


def test_progress_json_tells_every_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encode", "pattern:64x36?seconds=1", str(tmp_path / "o.mp4"), "--progress", "json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows[-1]["frame"] == rows[-1]["total"] == 30
    assert rows[-1]["percent"] == 100
    assert set(rows[-1]) == {"frame", "total", "percent", "fps", "speed", "elapsed_s", "remaining_s"}


def test_dry_run_names_every_stream_and_writes_nothing(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shared / "video/nasa_multi_stream_mov_text.mp4"
    assert main(["encode", str(source), str(tmp_path / "o.mp4"), "--dry-run"]) == 0
    said = capsys.readouterr().out
    for index, fate in enumerate(["upscale", "copy", "copy", "drop", "copy", "copy"]):
        assert any(f"stream {index}:" in line and fate in line for line in said.splitlines())
    assert list(tmp_path.iterdir()) == []


def test_memory_stays_flat_and_nothing_outlives_a_run(tmp_path: Path) -> None:
    script = (
        "import os, resource, threading\n"
        "from rtsr.cli import main\n"
        "def fds(): return len(os.listdir('/proc/self/fd'))\n"
        "def rss(): return int(open('/proc/self/statm').read().split()[1]) * 4096\n"
        "def run(s): assert main(['encode', f'pattern:320x180?seconds={s}', 'o.mp4', '-y', '-preset', 'ultrafast',"
        " '--progress', 'none']) == 0\n"
        "run(2); run(2); first = rss(), fds(), threading.active_count()\n"
        "run(40); last = rss(), fds(), threading.active_count()\n"
        "assert last[0] - first[0] < 24e6, (first, last)\n"
        "assert last[1:] == first[1:], (first, last)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, env=environment, timeout=170)


def test_a_copy_elsewhere_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.mkv", "b.mkv"):
        assert encode("pattern:96x64?seconds=0.5", tmp_path / name) == 0
    assert sums(tmp_path / "a.mkv", "video") == sums(tmp_path / "b.mkv", "video")
    shutil.rmtree(tmp_path)
