"""`rtsr encode --workers N`: the same file as one process makes, and no work lost with a process that is."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rtsr.cli import main
from rtsr.config import Encode
from rtsr.errors import ResourceError
from rtsr.jobs.crew import Report
from rtsr.jobs.encode import open_encode
from rtsr.jobs.plan import make_plan
from rtsr.jobs.segmented import open_segmented
from rtsr.jobs.task import Task
from rtsr.jobs.workers import Workers, shares
from tests.films import film
from tests.system.clusters import wait_for

SETTINGS = ("-crf", "30", "-preset", "veryfast")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 seconds, so four segments."""
    return film(tmp_path_factory.mktemp("clip") / "clip.mp4", options={"g": "25"}, times=range(600), size=(128, 72))


@pytest.fixture(scope="module")
def alone(clip: Path) -> bytes:
    """What one process makes of it."""
    output = clip.with_name("alone.mp4")
    assert main(["encode", str(clip), str(output), *SETTINGS]) == 0
    return output.read_bytes()


def test_workers_make_the_very_file_that_one_process_makes(clip: Path, alone: bytes, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    assert main(["encode", str(clip), str(output), *SETTINGS, "--workers", "3"]) == 0
    assert output.read_bytes() == alone
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_headers_of_x265_are_the_same_in_all_processes(clip: Path, tmp_path: Path) -> None:
    how = ("-c:v", "libx265", "-crf", "40", "-preset", "ultrafast", "-t", "12")
    for workers in (1, 2):
        assert main(["encode", str(clip), str(tmp_path / f"{workers}.mp4"), *how, "--workers", str(workers)]) == 0
    assert (tmp_path / "1.mp4").read_bytes() == (tmp_path / "2.mp4").read_bytes()


def test_a_killed_worker_costs_only_its_segment(clip: Path, alone: bytes, tmp_path: Path) -> None:
    output, killed, frames = tmp_path / "out.mp4", [], []

    def on_frame(frame: object) -> None:
        frames.append(frame)
        if len(frames) > 20 and not killed:
            (victim, *_) = multiprocessing.active_children()
            os.kill(victim.pid or 0, signal.SIGKILL)
            killed.append(victim.pid)

    job = open_encode(Encode(source=str(clip), output=str(output), crf=30, preset="veryfast", workers=2))
    done = job.run(on_frame)
    assert killed
    assert done.encoded == len(frames) == 600, "no frame is told of twice"
    assert output.read_bytes() == alone


class Bomb:
    """Whoever unpacks it ends at once, as by a fault in native code."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (11,)


class Bombed(Workers):
    """Real workers whose tasks are not what they seem."""

    def encode(self, tasks: Sequence[Task], report: Report, stopped: Callable[[], bool]) -> None:
        super().encode([replace(task, settings={"": Bomb()}) for task in tasks], report, stopped)


def test_a_segment_that_ends_every_process_ends_the_run_in_words(clip: Path, tmp_path: Path) -> None:
    options = Encode(source=str(clip), output=str(tmp_path / "out.mp4"), crf=30, preset="veryfast")
    job = open_segmented(options, make_plan(options), Bombed(2))
    with pytest.raises(ResourceError, match="has cost 3 processes, the last one: it ended with 11"):
        job.run(lambda frame: None)
    assert not multiprocessing.active_children()
    assert not (tmp_path / "out.mp4").exists()


def test_when_the_first_process_is_killed_its_workers_end_and_the_same_command_goes_on(
    clip: Path, alone: bytes, tmp_path: Path
) -> None:
    if not Path("/proc/self/task").is_dir():
        pytest.skip("needs /proc to see which processes are whose")
    output = tmp_path / "out.mp4"
    command = [sys.executable, "-m", "rtsr", "encode", str(clip), str(output), *SETTINGS, "--workers", "2"]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    workers = wait_for(lambda: workers_of(run.pid), "workers")
    wait_for(lambda: list(tmp_path.glob("*.rtsr/*.segment")), "a segment")
    run.kill()
    run.wait(30)
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() and is_worker(pid) for pid in workers), "the workers' end")
    assert main(command[3:]) == 0
    assert output.read_bytes() == alone


def test_a_stop_ends_the_workers_and_the_same_command_goes_on(clip: Path, alone: bytes, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    command = [sys.executable, "-m", "rtsr", "encode", str(clip), str(output), *SETTINGS, "--workers", "2"]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: list(tmp_path.glob("*.rtsr/*.segment")), "a segment")
    run.send_signal(signal.SIGTERM)
    told = run.communicate(timeout=60)[1]
    assert run.returncode == 75, told
    assert "segments" in told
    assert "the same command goes on" in told
    assert main(command[3:]) == 0
    assert output.read_bytes() == alone


def test_what_a_worker_could_not_read_is_told(clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    short = tmp_path / "short.mkv"
    film(short, options={"g": "25"}, times=range(600), size=(128, 72))
    content = short.read_bytes()
    short.write_bytes(content[: len(content) * 2 // 3])
    said = []
    for workers in ("1", "2"):
        output = tmp_path / f"{workers}.mp4"
        assert main(["encode", str(short), str(output), *SETTINGS, "--workers", workers]) == 4
        said.append(capfd.readouterr().err.partition(" is finished with ")[2])
    assert "cut short" in said[0]
    assert said[0] == said[1]
    assert (tmp_path / "1.mp4").read_bytes() == (tmp_path / "2.mp4").read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["IN", "OUT.mp4", "--workers", "0"], "it is a number of processes"),
        (["IN", "OUT.mp4", "--workers", "2", "--no-segments"], "shares out the segments of a file"),
        (["pattern:64x48", "OUT.mp4", "-t", "1", "--workers", "2"], "shares out the segments of a file"),
        (["IN", "-", "--workers", "2"], "shares out the segments of a file"),
        (["IN", "OUT.mp4", "--workers", "2", "--cluster", "127.0.0.1:1"], "of this machine"),
        (["IN", "OUT.mp4", "--cluster-storage", "/x"], "add --cluster ADDRESS"),
        (["IN", "OUT.mp4", "--encoder-threads", "-1"], "0 or more"),
    ],
)
def test_what_makes_no_sense_is_refused(
    options: list[str], words: str, clip: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    places = {"IN": str(clip), "OUT.mp4": str(tmp_path / "out.mp4")}
    assert main(["encode", *(places.get(one, one) for one in options)]) == 2
    assert words in capfd.readouterr().err
    assert not list(tmp_path.iterdir())


def test_one_process_loads_nothing_of_workers_or_clusters(clip: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from rtsr.cli import main; "
        f"assert main(['encode', {str(clip)!r}, {str(tmp_path / 'out.mp4')!r}, '-t', '1']) == 0; "
        "print([name for name in ('dask', 'distributed', 'fsspec', 'rtsr.jobs.workers', 'rtsr.jobs.cluster', "
        "'multiprocessing.popen_spawn_posix') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("cores", "count", "each"),
    [
        ([0, 1, 2, 3], 2, [(0, 1), (2, 3)]),
        ([0, 1, 2], 2, [(0,), (1, 2)]),
        ([4, 7], 3, [(4,), (7,), (4,)]),
        ([5], 2, [(5,), (5,)]),
    ],
)
def test_no_core_is_idle_and_none_is_shared_where_there_are_enough(
    cores: list[int], count: int, each: list[tuple[int, ...]]
) -> None:
    assert shares(cores, count) == each


def workers_of(pid: int) -> list[int]:
    """Processes that `pid` started to encode for it."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [int(child) for child in children if is_worker(int(child))]


def is_worker(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
