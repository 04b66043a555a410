"""What `rtsr encode` loses or leaves unfinished is said, and nothing outlives a run."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import av
import pytest

from rtsr.cli import main
from tests.system.clips import encode, made, shown_s, sums


def test_a_dropped_stream_is_named_even_when_nothing_else_is_said(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shared / "video/phone_vfr_rotated_two_tracks.mp4"
    assert encode(source, tmp_path / "o.mp4", "--model", "bicubic", "-t", "0.2", "-dn") == 0
    said = capsys.readouterr().err.splitlines()
    assert [line.split(" (")[0] for line in said] == ["stream 2", "stream 3"]
    assert all("-dn" in line for line in said)


@pytest.mark.parametrize("change", ["size", "interlaced"])
def test_a_stream_that_changes_its_nature_is_not_upscaled_silently(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    parts = [made(tmp_path / "a.h264"), made(tmp_path / "b.h264", size=(96, 64))]
    if change == "interlaced":  # behind the frames that are looked at
        parts = [made(tmp_path / "a.h264", frames=20), made(tmp_path / "b.h264", options={"flags": "+ildct+ilme"})]
    joined = tmp_path / "in.h264"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    code = main(["encode", str(joined), str(tmp_path / "o.mkv"), "--progress", "none"])
    said = capsys.readouterr().err
    assert (code, (tmp_path / "o.mkv").exists()) == ((3, False) if change == "size" else (4, True))
    assert (
        "changes from 64x48 to 96x64" if change == "size" else "5 frames within it are flagged as interlaced"
    ) in said


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
    for index, fate in enumerate(["upscale", "copy", "copy", "copy", "copy", "copy"]):
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
