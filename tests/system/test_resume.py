"""Work is never lost: an encode goes on after whatever ended it, and the film is that of a run that nothing ended."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from rtsr.cli import main
from rtsr.jobs.folder import open_folder
from rtsr.segment import read_head
from tests.system.clips import shown_s

KILLS = 25
LENGTH_S = 240
QUICK = ("--model", "bicubic", "-preset", "ultrafast", "--progress", "none")


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four minutes of uneven times with sound: small pictures, and B-frames around its keyframes."""
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"preset": "veryfast", "x264-params": "open-gop=1"})
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        video.codec_context.time_base = Fraction(1, 1000)
        audio = container.add_stream("aac", rate=48_000, layout="mono")
        rows, columns = np.mgrid[:64, :96]
        at_ms = number = samples = 0
        while at_ms < LENGTH_S * 1000:
            picture = av.VideoFrame(96, 64, "yuv420p")
            luma = 120 + 90 * np.sin((columns + 2 * number) / 9) * np.cos((rows - number) / 7)
            np.frombuffer(picture.planes[0], np.uint8).reshape(64, -1)[:, :96] = luma
            for plane in picture.planes[1:]:
                np.frombuffer(plane, np.uint8)[:] = number % 200
            picture.pts, picture.time_base = at_ms, Fraction(1, 1000)
            container.mux(video.encode(picture))
            number += 1
            at_ms += 100 if number % 7 == 0 else 40
            while samples < at_ms * 48:
                tone = 0.1 * np.sin(np.arange(samples, samples + 1024) / 20)
                block = av.AudioFrame.from_ndarray(tone.astype(np.float32)[None], format="fltp", layout="mono")
                block.sample_rate, block.pts, block.time_base = 48_000, samples, Fraction(1, 48_000)
                container.mux(audio.encode(block))
                samples += 1024
        container.mux(video.encode(None))
        container.mux(audio.encode(None))
    return path


@pytest.fixture(scope="module")
def whole(film: Path) -> Path:
    """The film, encoded by a run that nothing ended."""
    output = film.with_name("whole.mp4")
    assert main(["encode", str(film), str(output), *QUICK]) == 0
    return output


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def began(film: Path, output: Path, *options: str) -> subprocess.Popen[str]:
    """`rtsr encode` in a process of its own."""
    command = [sys.executable, "-m", "rtsr", "encode", str(film), str(output), *QUICK, *options]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def segments(output: Path) -> list[Path]:
    return sorted(output.with_name(f"{output.name}.rtsr").glob("*.segment"))


def wait_for_segments(run: subprocess.Popen[str], output: Path, count: int) -> None:
    end_s = time.monotonic() + 60
    while len(segments(output)) < count:
        assert run.poll() is None, run.communicate()[1]
        assert time.monotonic() < end_s
        time.sleep(0.01)


def stopped_after(count: int, film: Path, output: Path) -> None:
    """Begin, and kill as soon as `count` segments are there."""
    run = began(film, output, "-preset", "veryslow")
    wait_for_segments(run, output, count)
    run.kill()
    run.communicate()


def same(one: Path, other: Path) -> bool:
    return hashlib.sha256(one.read_bytes()).digest() == hashlib.sha256(other.read_bytes()).digest()


def test_25_kills_at_random_change_nothing(film: Path, tmp_path: Path) -> None:
    slow, output, whole = ("-preset", "veryslow"), tmp_path / "killed.mp4", tmp_path / "whole.mp4"
    chance = random.Random(7)
    grown = 0
    for _ in range(KILLS):
        before = len(segments(output))
        run = began(film, output, *slow)
        try:
            run.communicate(timeout=chance.uniform(0.2, 1.4))
        except subprocess.TimeoutExpired:
            run.kill()
            run.communicate()
        assert not output.exists(), "the film is too short for this machine"
        grown += len(segments(output)) > before
    assert main(["encode", str(film), str(output), *QUICK, *slow]) == 0
    assert main(["encode", str(film), str(whole), *QUICK, *slow]) == 0
    assert same(output, whole)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "state") == ["killed.mp4", "whole.mp4"]
    assert shown_s(output) == shown_s(film)
    print(f"{KILLS} kills, {grown} of them after further segments")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_goes_on(film: Path, whole: Path, tmp_path: Path, number: int) -> None:
    output = tmp_path / "o.mp4"
    run = began(film, output)
    wait_for_segments(run, output, 2)
    run.send_signal(number)
    said = run.communicate(timeout=30)[1]
    assert run.returncode == 75, said
    assert "the same command goes on" in said
    assert not output.exists()
    assert main(["encode", str(film), str(output), *QUICK]) == 0
    assert same(output, whole)


def test_two_interrupts_end_it_at_once_and_it_goes_on(film: Path, whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.mp4"
    run = began(film, output)
    wait_for_segments(run, output, 1)
    run.send_signal(signal.SIGINT)
    run.send_signal(signal.SIGINT)
    said = run.communicate(timeout=30)[1]
    assert run.returncode in (75, 130), said  # 75 where it had ended before the second came
    assert "Traceback" not in said
    assert main(["encode", str(film), str(output), *QUICK]) == 0
    assert same(output, whole)


@pytest.mark.parametrize("damage", ["a bit", "its end", "its head"])
def test_a_damaged_segment_is_made_again(
    film: Path, whole: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    output = tmp_path / "o.mp4"
    run = began(film, output)
    wait_for_segments(run, output, 3)
    run.kill()
    run.communicate()
    hurt = segments(output)[1]
    content = bytearray(hurt.read_bytes())
    if damage == "a bit":
        content[-100] ^= 4
    elif damage == "its end":
        del content[-200:]
    else:
        content[70:75] = b"?????"
    hurt.write_bytes(content)
    assert main(["encode", str(film), str(output), *QUICK]) == 0
    assert damage == "its head" or "segment 1 is damaged" in caplog.text
    assert same(output, whole)


def test_an_input_that_changed_is_refused(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own, output = tmp_path / "own.mkv", tmp_path / "o.mp4"
    own.write_bytes(film.read_bytes())
    stopped_after(1, own, output)
    with own.open("r+b") as file:
        file.seek(own.stat().st_size // 2)
        file.write(b"changed")
    kept = segments(output)
    assert main(["encode", str(own), str(output), *QUICK, "-preset", "veryslow"]) == 2
    said = capsys.readouterr().err
    assert "the input's" in said
    assert "--restart" in said
    assert segments(output) == kept
    assert not output.exists()


def test_other_settings_are_refused_and_restart_begins_anew(
    film: Path, whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "o.mp4"
    stopped_after(1, film, output)
    assert main(["encode", str(film), str(output), *QUICK, "-crf", "30"]) == 2
    said = capsys.readouterr().err
    assert "crf none -> 30" in said
    assert "preset veryslow -> ultrafast" in said
    assert main(["encode", str(film), str(output), *QUICK, "--restart"]) == 0
    assert same(output, whole)


def test_what_does_not_matter_may_change(film: Path, whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.mp4"
    run = began(film, output)
    wait_for_segments(run, output, 1)
    run.kill()
    run.communicate()
    assert main(["encode", str(film), str(output), *QUICK, "--threads", "1", "-y"]) == 0
    assert same(output, whole)


def test_two_runs_to_one_output_do_not_meet(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "o.mp4"
    run = began(film, output, "-preset", "veryslow")
    wait_for_segments(run, output, 1)
    try:
        assert main(["encode", str(film), str(output), *QUICK]) == 2
        assert "another rtsr is writing" in capsys.readouterr().err
        assert run.poll() is None
    finally:
        run.kill()
        run.communicate()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a disk of 1 MB cannot be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_is_gone_on_from_when_there_is_room(
    film: Path, whole: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = small_disk / "o.mp4"
    assert main(["encode", str(film), str(output), *QUICK]) == 6
    said = capsys.readouterr().err
    assert "no room" in said
    assert not output.exists()
    finished = segments(output)
    assert finished
    stamps = [path.stat().st_mtime_ns for path in finished]
    subprocess.run(["mount", "-o", "remount,size=60m", str(small_disk)], check=True)
    assert main(["encode", str(film), str(output), *QUICK]) == 0
    assert same(output, whole)
    assert stamps
    assert [path.name for path in small_disk.iterdir()] == ["o.mp4"]


def test_jobs_lists_shows_and_discards(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "o.mp4"
    stopped_after(2, film, output)
    assert main(["jobs", "list"]) == 0
    listed = capsys.readouterr().out
    assert str(output) in listed
    assert "waits" in listed
    assert main(["jobs", "show", str(output)]) == 0
    assert f"rtsr jobs discard {output}" in capsys.readouterr().out
    assert main(["jobs", "show", str(tmp_path / "p.mp4")]) == 2
    assert f"did you mean {output}?" in capsys.readouterr().err
    assert main(["jobs", "discard", f"{output}.rtsr"]) == 0
    assert not output.with_name("o.mp4.rtsr").exists()
    capsys.readouterr()
    assert main(["jobs", "list"]) == 0
    assert "no encode waits" in capsys.readouterr().out


def test_what_is_finished_can_be_watched(film: Path, tmp_path: Path) -> None:
    output, shot = tmp_path / "o.mp4", tmp_path / "shot.png"
    stopped_after(2, film, output)
    options = ("--model", "bicubic", "--headless-frames", "200", "--screenshot", str(shot))
    assert main(["view", f"{output}.rtsr", *options]) == 0
    assert shot.stat().st_size > 1000


def test_one_pass_gives_the_same_frames_and_sound(film: Path, whole: Path, tmp_path: Path) -> None:
    """Other keyframes, so other bits of video; all times and every packet of sound are equal."""
    output = tmp_path / "o.mp4"
    assert main(["encode", str(film), str(output), *QUICK, "--no-segments"]) == 0
    assert shown_s(output) == shown_s(whole)
    sounds = []
    for path in (output, whole):
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            sounds.append([(packet.pts, bytes(packet)) for packet in container.demux(stream) if packet.size])
    assert sounds[0] == sounds[1]


def test_segments_are_whole_or_not_there(film: Path, tmp_path: Path) -> None:
    """Each is written under another name, synchronised and renamed: any moment may be the last."""
    output = tmp_path / "o.mp4"
    chance = random.Random(3)
    for count in range(1, 6):
        run = began(film, output, "-preset", "veryslow")
        wait_for_segments(run, output, count)
        time.sleep(chance.uniform(0, 0.4))
        run.kill()
        run.communicate()
        for path in segments(output):
            with path.open("rb") as file:
                assert read_head(file).frames > 0
    folder = open_folder(output)
    assert folder.job is not None
    folder.close()


def test_what_an_earlier_run_missed_is_told_at_the_end(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run that finishes the film does not read the damaged part again."""
    hurt, output = tmp_path / "hurt.mkv", tmp_path / "o.mp4"
    content = bytearray(film.read_bytes())
    for at in range(len(content) // 20, len(content) // 12, 37):
        content[at] ^= 255
    hurt.write_bytes(content)
    assert main(["encode", str(hurt), str(tmp_path / "whole.mp4"), *QUICK]) == 4
    told = capsys.readouterr().err
    assert "damaged" in told
    run = began(hurt, output)
    wait_for_segments(run, output, 12)
    run.kill()
    run.communicate()
    assert main(["encode", str(hurt), str(output), *QUICK]) == 4
    assert "damaged" in capsys.readouterr().err
    assert same(output, tmp_path / "whole.mp4")
