"""Many files in one command: what each is called, what failed, and that a stop loses nothing."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import av
import pytest

from rtsr.cli import main
from rtsr.jobs.queue import open_queue
from tests.films import film
from tests.system.clips import shown_s

MOST_KILLS = 80
QUICK = ("--model", "bicubic", "-preset", "ultrafast", "--progress", "none")


@pytest.fixture(autouse=True)
def _own_state(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a folder in it: films of several segments, and one short one."""
    place = tmp_path_factory.mktemp("films") / "in"
    (place / "day 2").mkdir(parents=True)
    for number, name in enumerate(("a.mp4", "b.mkv", "day 2/a.mp4", "day 2/c.mov")):
        film(place / name, options={"g": "50", "bf": "2"}, times=range(400 + 50 * number))
    film(place / "day 2/short.mp4", times=range(10))
    return place


@pytest.fixture(scope="module")
def whole(films: Path) -> Path:
    """The folder, encoded by a run that nothing ended."""
    output = films.with_name("whole")
    assert main(["encode", str(films), str(output), *QUICK]) == 0
    return output


def few(place: Path, *names: str) -> Path:
    """A folder of short films."""
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        film(place / name, times=range(5))
    return place


def tree(place: Path) -> dict[str, str]:
    """SHA-256 of what each file holds, by its path."""
    return {path.relative_to(place).as_posix(): held(path) for path in sorted(place.rglob("*")) if path.is_file()}


def held(path: Path) -> str:
    """Of a Matroska file, whose identifiers are random, only the packets."""
    if path.suffix != ".mkv" or path.stat().st_size < 1000:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    with av.open(str(path)) as container:
        packets = [(one.stream_index, one.pts, one.dts, one.duration, bytes(one)) for one in container.demux()]
    return hashlib.sha256(repr(packets).encode()).hexdigest()


def names(place: Path) -> list[str]:
    return list(tree(place))


def began(source: Path, output: Path, *options: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "rtsr", "encode", str(source), str(output), *QUICK, *options]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def events(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_tree_is_mirrored_and_every_frame_is_there(films: Path, whole: Path) -> None:
    made = {
        "a.bicubic.2x.mp4": "a.mp4",
        "b.bicubic.2x.mkv": "b.mkv",
        "day 2/a.bicubic.2x.mp4": "day 2/a.mp4",
        "day 2/c.bicubic.2x.mov": "day 2/c.mov",
        "day 2/short.bicubic.2x.mp4": "day 2/short.mp4",
    }
    assert names(whole) == list(made)
    for output, source in made.items():
        assert shown_s(whole / output) == shown_s(films / source)


def test_kills_at_random_change_nothing(films: Path, whole: Path, tmp_path: Path) -> None:
    output, chance, kills = tmp_path / "out", random.Random(11), 0
    while names(output) != names(whole):
        run = began(films, output)
        changes, before = chance.randint(1, 3), state(output)
        while changes and run.poll() is None:  # time alone would kill a quick machine's runs too late
            if (now := state(output)) != before:
                changes, before = changes - 1, now
        time.sleep(chance.uniform(0, 0.05))
        if run.poll() is None:
            run.kill()
            kills += 1
        said = run.communicate()[1]
        assert run.returncode in (0, -signal.SIGKILL), said
        assert kills < MOST_KILLS
    assert kills >= 5
    assert tree(output) == tree(whole)


def state(output: Path) -> set[str]:
    """Finished segments and outputs, by their paths."""
    return {
        str(Path(folder) / name)
        for folder, _, files in os.walk(output)
        for name in files
        if name.endswith((".segment", ".2x.mp4", ".2x.mkv", ".2x.mov"))
    }


def test_what_a_kill_left_goes_on_and_what_is_done_is_not_made_again(films: Path, tmp_path: Path, whole: Path) -> None:
    output = tmp_path / "out"
    run = began(films, output, "-preset", "veryslow")
    last = output / "day 2/a.bicubic.2x.mp4.rtsr"
    end_s = time.monotonic() + 90
    while not list(last.glob("*.segment")):
        assert run.poll() is None, run.communicate()[1]
        assert time.monotonic() < end_s
        time.sleep(0.01)
    run.kill()
    run.communicate()
    done = output / "a.bicubic.2x.mp4"
    before = done.stat().st_mtime_ns
    again = began(films, output, "-preset", "veryslow", "--progress", "json")
    told = events(again.communicate(timeout=120)[0])
    assert again.returncode == 0
    verdicts = [str(one["event"]) for one in told if one["event"] in ("done", "went on", "skipped", "failed")]
    assert verdicts == ["skipped", "skipped", "went on", "done", "done"]
    assert done.stat().st_mtime_ns == before
    assert names(output) == names(whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_stops_it_and_it_goes_on(films: Path, whole: Path, tmp_path: Path, number: int) -> None:
    output = tmp_path / "out"
    run = began(films, output)
    end_s = time.monotonic() + 60
    while not (output / "a.bicubic.2x.mp4").exists():
        assert run.poll() is None, run.communicate()[1]
        assert time.monotonic() < end_s
        time.sleep(0.01)
    run.send_signal(number)
    said = run.communicate(timeout=60)[1]
    assert run.returncode == 75, said
    assert "of 5 files" in said
    assert "the same command goes on" in said
    assert main(["encode", str(films), str(output), *QUICK]) == 0
    assert tree(output) == tree(whole)


def test_a_bad_file_is_told_and_the_others_are_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = few(tmp_path / "in", "a.mp4", "c.mp4"), tmp_path / "out"
    (source / "b.mp4").write_bytes(b"no film")
    (source / "notes.txt").write_text("x")
    (source / "roll.braw").write_text("x")
    (source / ".a.mp4").write_text("x")
    command = ["encode", str(source), str(output), "--model", "bicubic", "-preset", "ultrafast"]
    assert main(command) == 7
    said = capsys.readouterr().err
    assert "[2/3]" in said
    assert "b.mp4: failed" in said
    assert "(code 3)" in said
    assert "roll.braw" in said
    assert "notes.txt" not in said
    assert "| done    |     2 |" in said
    assert "1 of 3 files failed" in said
    assert "the same command tries them again" in said
    shutil.copy(source / "a.mp4", source / "b.mp4")
    assert main(command) == 0
    said = capsys.readouterr().err
    assert said.count("skipped: done before") == 2
    assert "b.mp4: done" in said
    assert names(output) == ["a.bicubic.2x.mp4", "b.bicubic.2x.mp4", "c.bicubic.2x.mp4"]


def test_what_was_finished_with_a_loss_is_ours_and_tried_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, output = few(tmp_path / "in", "a.mp4"), tmp_path / "out"
    cut = film(source / "cut.mkv", times=range(200))
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    for _ in range(2):
        assert main(["encode", str(source), str(output), *QUICK]) == 7
        said = capsys.readouterr().err
        assert "is finished with" in said
        assert "(code 4)" in said
        assert names(output) == ["a.bicubic.2x.mp4", "cut.bicubic.2x.mkv", "rtsr-queue.jsonl", "rtsr-queue.lock"]


def test_the_second_interrupt_ends_it_at_once_and_it_goes_on(films: Path, whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    run = began(films, output, "-preset", "placebo")
    end_s = time.monotonic() + 60
    while not list(output.glob("a.*.rtsr/*.segment")):
        assert run.poll() is None, run.communicate()[1]
        assert time.monotonic() < end_s
        time.sleep(0.01)
    while run.poll() is None and time.monotonic() < end_s:
        run.send_signal(signal.SIGINT)
        time.sleep(0.002)
    run.communicate()
    assert run.returncode in (130, 75, -signal.SIGINT)  # 75 where it was stopped before it heard the second
    assert main(["encode", str(films), str(output), *QUICK, "-preset", "placebo"]) == 0
    assert names(output) == names(whole)


def test_every_event_is_an_object_with_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = few(tmp_path / "in", "a.mp4"), tmp_path / "out"
    (source / "b.mkv").write_bytes(b"no film")
    assert main(["encode", str(source), str(output), "--model", "bicubic", "--progress", "json"]) == 7
    told = events(capsys.readouterr().out)
    assert [one["event"] for one in told] == ["begin", "progress", "done", "failed", "end"]
    assert {one["file"] for one in told[:3]} == {str(source / "a.mp4")}
    assert told[2]["output"] == str(output / "a.bicubic.2x.mp4")
    assert told[3]["code"] == 3
    assert told[4] == {"event": "end", "files": 2, "done": 1, "went on": 0, "skipped": 0, "failed": 1}


def test_what_is_not_ours_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = few(tmp_path / "in", "a.mp4", "b.mp4"), tmp_path / "out"
    output.mkdir()
    mine = output / "a.bicubic.2x.mp4"
    mine.write_text("mine")
    command = ["encode", str(source), str(output), *QUICK]
    for _ in range(2):
        assert main(command) == 7
        assert f"{mine} exists" in capsys.readouterr().err
        assert mine.read_text() == "mine"
    assert main([*command, "--skip-existing"]) == 0
    assert mine.read_text() == "mine"
    assert names(output) == ["a.bicubic.2x.mp4", "b.bicubic.2x.mp4"]
    assert main([*command, "-y"]) == 0
    assert shown_s(mine) == shown_s(source / "a.mp4")


def test_a_killed_overwrite_does_not_make_a_file_ours(tmp_path: Path) -> None:
    source, output = few(tmp_path / "in", "a.mp4"), tmp_path / "out"
    output.mkdir()
    mine = output / "a.bicubic.2x.mp4"
    mine.write_text("mine")
    queue = open_queue(output, {})
    queue.begin("a", source / "a.mp4", mine)
    queue.close()
    queue = open_queue(output, {})
    assert not queue.is_ours("a", mine)
    mine.write_text("what the killed run had made, but not yet written down")
    assert queue.is_ours("a", mine)
    queue.close()


def test_a_changed_input_is_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = few(tmp_path / "in", "a.mp4", "b.mp4"), tmp_path / "out"
    (source / "c.mp4").write_bytes(b"no film")
    command = ["encode", str(source), str(output), "--model", "bicubic"]
    assert main(command) == 7
    film(source / "a.mp4", times=range(9))
    film(source / "added.mp4", times=range(3))
    (source / "c.mp4").unlink()
    capsys.readouterr()
    assert main(command) == 0
    said = capsys.readouterr().err
    assert "b.mp4: skipped: done before" in said
    assert len(shown_s(output / "a.bicubic.2x.mp4")) == 9
    assert len(shown_s(output / "added.bicubic.2x.mp4")) == 3


def test_other_settings_are_refused_until_restart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = few(tmp_path / "in", "a.mp4"), tmp_path / "out"
    (source / "b.mp4").write_bytes(b"no film")
    command = ["encode", str(source), str(output), *QUICK]
    assert main(command) == 7
    first = tree(output)
    assert main([*command, "-crf", "40"]) == 2
    said = capsys.readouterr().err
    assert "crf none -> 40.0" in said
    assert "--restart" in said
    assert tree(output) == first
    assert main([*command, "-crf", "40", "--restart"]) == 7
    assert tree(output)["a.bicubic.2x.mp4"] != first["a.bicubic.2x.mp4"]


def test_a_second_run_on_the_same_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = few(tmp_path / "in", "a.mp4"), tmp_path / "out"
    output.mkdir()
    holder = open_queue(output, {})
    assert main(["encode", str(source), str(output), *QUICK]) == 2
    assert "another rtsr is working on the files" in capsys.readouterr().err
    holder.close()
    assert main(["encode", str(source), str(output), *QUICK]) == 0


def test_a_torn_last_line_of_the_queue_is_not_there(tmp_path: Path) -> None:
    source, output = few(tmp_path / "in", "a.mp4"), tmp_path / "out"
    (source / "b.mp4").write_bytes(b"no film")
    command = ["encode", str(source), str(output), *QUICK]
    assert main(command) == 7
    queue = output / "rtsr-queue.jsonl"
    queue.write_bytes(queue.read_bytes()[:-20])
    (source / "b.mp4").unlink()
    assert main(command) == 0


def test_a_queue_of_something_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, output = few(tmp_path / "in", "a.mp4"), tmp_path / "out"
    output.mkdir()
    for text in ("hello\n", "[]\n", '{"form": 99}\n', '{"form": 1, "settings": {}}\n{"name": "a"}\n'):
        (output / "rtsr-queue.jsonl").write_text(text)
        assert main(["encode", str(source), str(output), *QUICK]) == 2
        assert "not of this version of rtsr" in capsys.readouterr().err


def test_a_full_disk_ends_the_batch(films: Path, tmp_path: Path) -> None:
    output = tmp_path / "small"
    output.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "none", str(output)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be made here: {mounted.stderr.strip()}")
    try:
        run = began(films, output, "-crf", "1")
        said = run.communicate(timeout=90)[1]
        assert run.returncode == 6, said
        assert "no room" in said
        assert said.count("failed") == 0  # told once, at the end
    finally:
        subprocess.run(["umount", str(output)], check=True)


def test_patterns_lists_and_several_inputs(tmp_path: Path) -> None:
    source = few(tmp_path / "in", "a.mp4", "deep/b.mp4", "deep/er/c.mkv")
    assert main(["encode", f"{source}/**/*.mp4", str(tmp_path / "o1"), *QUICK]) == 0
    assert names(tmp_path / "o1") == ["a.bicubic.2x.mp4", "deep/b.bicubic.2x.mp4"]
    listed = tmp_path / "in/list.txt"
    listed.write_text("# films\n\na.mp4\ndeep/b.mp4 -> other/b.mkv\n")
    assert main(["encode", f"@{listed}", str(tmp_path / "o2"), *QUICK]) == 0
    assert names(tmp_path / "o2") == ["a.bicubic.2x.mp4", "other/b.mkv"]
    assert main(["encode", str(source / "a.mp4"), str(source / "deep"), str(tmp_path / "o3"), *QUICK]) == 0
    assert names(tmp_path / "o3") == ["a.bicubic.2x.mp4", "b.bicubic.2x.mp4", "er/c.bicubic.2x.mkv"]
    by_flag = ["-i", str(source / "a.mp4"), "-i", str(source / "deep/b.mp4"), "-o", str(tmp_path / "o4")]
    assert main(["encode", *by_flag, *QUICK]) == 0
    assert names(tmp_path / "o4") == ["a.bicubic.2x.mp4", "b.bicubic.2x.mp4"]


def test_one_file_into_a_folder_is_named_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = few(tmp_path / "in", "a.mp4") / "a.mp4"
    assert main(["encode", str(source), f"{tmp_path}/new/", *QUICK]) == 0
    assert names(tmp_path / "new") == ["a.bicubic.2x.mp4"]
    assert main(["encode", str(source), str(tmp_path / "new"), *QUICK]) == 2
    assert "exists" in capsys.readouterr().err
    assert main(["encode", str(source), str(tmp_path / "new"), *QUICK, "--name", "{stem}_up.mkv"]) == 0
    assert names(tmp_path / "new") == ["a.bicubic.2x.mp4", "a_up.mkv"]


def test_outputs_below_the_inputs_are_no_inputs(tmp_path: Path) -> None:
    source = few(tmp_path / "in", "a.mp4")
    for _ in range(2):
        assert main(["encode", str(source), str(source / "up"), *QUICK, "--skip-existing"]) == 0
    assert names(source) == ["a.mp4", "up/a.bicubic.2x.mp4"]


def test_an_extension_that_cannot_hold_it_becomes_mkv(tmp_path: Path) -> None:
    source = few(tmp_path / "in", "a.mkv")
    film(source / "b.avi", "mpeg4", times=range(5))
    film(source / "c.webm", "libvpx-vp9", times=range(5))
    assert main(["encode", str(source), str(tmp_path / "o"), *QUICK, "-c:v", "libx264"]) == 0
    assert names(tmp_path / "o") == ["a.bicubic.2x.mkv", "b.bicubic.2x.mkv", "c.bicubic.2x.mkv"]


def test_dry_run_tells_all_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = few(tmp_path / "in", "a.mp4", "b/c.mp4")
    assert main(["encode", str(source), str(tmp_path / "o"), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert f"{source}/b/c.mp4 -> {tmp_path}/o/b/c.esr-tr-k5c2.2x.mp4" in said
    assert not (tmp_path / "o").exists()


def test_an_interrupted_single_encode_goes_on_in_a_batch(films: Path, tmp_path: Path) -> None:
    output = tmp_path / "o"
    output.mkdir()
    alone = began(films / "a.mp4", output / "a.bicubic.2x.mp4", "-preset", "veryslow")
    end_s = time.monotonic() + 60
    while not list(output.glob("*.rtsr/*.segment")):
        assert alone.poll() is None, alone.communicate()[1]
        assert time.monotonic() < end_s
        time.sleep(0.01)
    alone.kill()
    alone.communicate()
    run = began(films, output, "-preset", "veryslow", "--progress", "json")
    told = events(run.communicate(timeout=120)[0])
    assert run.returncode == 0
    assert next(one for one in told if one["event"] == "begin")["resumed_frames"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{in}/empty", "{out}"], "no video is in the folder"),
        (["{in}/*.xyz", "{out}"], "no video matches"),
        (["@{in}/missing.txt", "{out}"], "the list"),
        (["@{in}/list.txt", "{out}"], "list.txt line 2: "),
        (["@{in}/hollow.txt", "{out}"], "names nothing"),
        (["@{in}/arrow.txt", "{out}"], "no output follows the arrow"),
        (["{in}", "{in}/a.mp4"], "is a file"),
        (["{in}", "{out}.mp4"], "is named like a file"),
        (["{in}", "{in}"], "among the inputs"),
        (["{in}/a.mp4", "{in}/gone.mp4", "{out}"], "does not exist"),
        (["{in}/a.mp4", "pattern:8x8", "{out}"], "is not a file"),
        (["{in}/a.mp4", "-", "{out}"], "is not a file"),
        (["{in}", "-"], "is no folder"),
        (["{in}", "{out}", "--name", "{stm}.{ext}"], "did you mean stem?"),
        (["{in}", "{out}", "--name", "{stem"], "--name {stem"),
        (["{in}", "{out}", "--name", "x.{ext}"], "would both become"),
        (["{in}", "{out}", "--name", "a/{stem}.{ext}"], "names a folder"),
        (["@{in}/over.txt", "{in}", "-y"], "which is an input"),
        (["{in}", "{out}", "--name", "{stem}"], "end it in .{ext}"),
        (["{in}", "{out}", "--name", "{stem:>9}.{ext}"], "takes no format"),
        (["{in}", "{out}", "--model", "esr"], "there is no model"),
        (["{in}", "{out}", "--scale", "0"], "--scale 0"),
        (["{in}", "{out}", "--sample", "3x5s"], "looks at one film"),
        (["{in}", "{out}", "-f", "nut"], "-f says what goes through a pipe"),
        (["{in}/a.mp4", "{out}.mp4", "--skip-existing"], "is of use where OUT is a folder"),
        (["{in}/a.mp4", "{out}.mp4", "--name", "{stem}.{ext}"], "is of use where OUT is a folder"),
        (["{in}/a.mp4", "{in}/b.mp4", "/proc/nowhere/out"], "cannot be made"),
    ],
)
def test_bad_input_gets_one_sentence(
    tmp_path: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = few(tmp_path / "in", "a.mp4", "b.mp4")
    (place / "empty").mkdir()
    (place / "list.txt").write_text("a.mp4\nmissing.mp4\n")
    (place / "over.txt").write_text("a.mp4 -> b.mp4\nb.mp4 -> c.mp4\n")
    (place / "hollow.txt").write_text("# nothing\n")
    (place / "arrow.txt").write_text("a.mp4 -> \n")
    before = tree(place)
    given = [one.replace("{in}", str(place)).replace("{out}", str(tmp_path / "out")) for one in arguments]
    assert main(["encode", *given, "--progress", "none"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert len(said.splitlines()) == 2
    assert tree(place) == before
    assert not (tmp_path / "out").exists()


def test_times_of_the_queue_do_not_keep_a_moved_folder_from_going_on(tmp_path: Path) -> None:
    source, output = few(tmp_path / "in", "a.mp4"), tmp_path / "out"
    (source / "b.mp4").write_bytes(b"no film")
    assert main(["encode", str(source), str(output), *QUICK]) == 7
    made = (output / "a.bicubic.2x.mp4").stat().st_mtime_ns
    moved = output.rename(tmp_path / "moved")
    (source / "b.mp4").unlink()
    assert main(["encode", str(source), str(moved), *QUICK]) == 0
    assert (moved / "a.bicubic.2x.mp4").stat().st_mtime_ns == made
    assert Fraction(len(shown_s(moved / "a.bicubic.2x.mp4"))) == 5
