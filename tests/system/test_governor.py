"""`rtsr view --governor` as a user runs it: programs that burn CPU come and go, and the log says what it does."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rtsr.jobs.machine import cores, is_busy
from tests.system.test_viewer import command, display, environment, view, window  # noqa: F401 - a fixture

LIVE = "pattern:640x360?fps=30&live=yes"
GOVERNED = ("--governor", "--backend", "openvino", "--model", "ecbsr-m4c16")


@contextmanager
def burners(number: int) -> Iterator[None]:
    """Programs that keep a core at work each."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(number)]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


class Log:
    """The lines that a program writes, as they come."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.lines: list[str] = []
        self._came = threading.Condition()
        self._process = process
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        for line in self._process.stderr or ():
            with self._came:
                self.lines.append(line.rstrip())
                self._came.notify_all()

    def wait_for(self, form: str, after: int = 0, most_s: float = 120) -> int:
        """The number of the first line of this form after `after` lines."""
        deadline_s = time.monotonic() + most_s
        with self._came:
            while True:
                for at, line in enumerate(self.lines[after:], after):
                    if re.search(form, line):
                        return at
                left_s = deadline_s - time.monotonic()
                assert left_s > 0, f"{form} never came:\n" + "\n".join(self.lines)
                self._came.wait(left_s)

    def close(self) -> None:
        self._thread.join(30)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_under_load_it_steps_down_and_when_that_ends_up_again(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command(LIVE, *GOVERNED, "--headless-frames", "100000"), env=environment(), cwd=tmp_path,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    log = Log(process)
    try:
        began = log.wait_for("governor: begins with ecbsr-m4c16")
        with burners(3 * cores()):
            fell = log.wait_for("governor: (down from ecbsr-m4c16|.* stays: )", began)
        try:
            log.wait_for("governor: up from .* room for .* and it should cost", fell)
        except AssertionError:
            if is_busy():  # two minutes after our own programs have ended
                pytest.skip("other programs keep this machine busy, so there is no room to go up")
            raise
    finally:
        process.terminate()
        process.wait(30)
        log.close()
        with process:  # closes its pipes
            out = process.stdout.read() if process.stdout else ""
    assert re.search(r"governor: down from .*: .*(fps are shown|are allowed)", "\n".join(log.lines))
    assert not [line for line in log.lines if "Traceback" in line]
    assert "frames shown" in out


def test_a_network_that_no_machine_holds_gives_way_at_once(tmp_path: Path) -> None:
    """Named, so that it is the first rung whatever it costs; the last one is bicubic."""
    source = "pattern:480x270?fps=60&live=yes"
    done = view(
        source, "--governor", "--backend", "openvino", "--model", "imdn-light", "--headless-frames", "100",
        "--screenshot", "out.png", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"governor: begins with imdn-light; its ladder: imdn-light \(.* ms\), imdn-light on ", done.stderr)
    assert re.search(r"governor: down from imdn-light to .*: .*(fps are shown|are allowed)", done.stderr)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--max-watts", "9"], 2, "--max-watts is for the governor"),
        (["--region", "64x64+0+0"], 2, "--region is for the governor"),
        ([*GOVERNED, "--max-latency", "50"], 2, "of live sources"),
        (["--governor", "--target-fps", "-1"], 2, "say how many frames per second"),
        (["--governor"], 2, "bicubic leaves a governor nothing to step down from"),
        (["--governor", "--backend", "openvino", "--model", "esr-tm-k5c2", "--region", "9"], 2, "write --region WxH"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], code: int, words: str, tmp_path: Path) -> None:
    done = view("pattern:320x180", *arguments, "--headless-frames", "1", cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert words in done.stderr


def test_y_turns_it_off_and_on(display: str, tmp_path: Path) -> None:  # noqa: F811
    arguments = ("pattern:320x180?fps=30&live=yes", "--governor", "--backend", "openvino", "--model", "esr-tm-k5c2")
    with window(display, tmp_path, *arguments) as shown:
        shown.key("y")
        time.sleep(0.5)
        shown.key("y")
        time.sleep(0.5)
        shown.key("q")
        code, _, err = shown.wait()
    assert code == 0, err
    told = [line for line in err.splitlines() if "governor: turned" in line]
    assert [line.rpartition(" ")[2] for line in told] == ["off", "on"]


def test_y_without_one_says_how_to_have_one(display: str, tmp_path: Path) -> None:  # noqa: F811
    with window(display, tmp_path, "pattern:320x180?fps=30&seconds=60") as shown:
        shown.key("y")
        shown.key("q")
        code, _, err = shown.wait()
    assert code == 0, err
    assert "governor" not in err
