"""`rtsr view` as a user runs it: off screen, and as a window under Xvfb driven by its keys."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).parents[2]
PATTERN = "pattern:320x180?fps=30&seconds=60"


def command(*arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "run_viewer.py"), "--backend", "bicubic", *arguments]


def environment(**extra: str) -> dict[str, str]:
    """Ours without any display, and with warnings as errors."""
    kept = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "PYTHONFAULTHANDLER": "1", **extra}


def view(*arguments: str, cwd: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command(*arguments), env=environment(**extra), cwd=cwd, capture_output=True, text=True, timeout=120
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@contextmanager
def x_server(*options: str) -> Iterator[str]:
    """An X server of our own."""
    missing = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed")
    reader, writer = os.pipe()
    arguments = ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x800x24", "-nolisten", "tcp", *options]
    server = subprocess.Popen(arguments, pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader) as said:
        number = said.readline().strip()
    try:
        if not number:
            pytest.skip("Xvfb does not start")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    with x_server() as name:
        yield name


class Window:
    """A viewer that runs under Xvfb, and the keys that are sent to it."""

    def __init__(self, process: "subprocess.Popen[str]", display: str, folder: Path) -> None:
        self.process, self.folder = process, folder
        self._environment = {**os.environ, "DISPLAY": display}
        self.id = self._xdotool("search", "--sync", "--onlyvisible", "--name", " - rtsr$").split()[0]
        self._xdotool("windowfocus", "--sync", self.id)
        self._shots = 0
        while not self.shot()[200:300].any():  # each shot takes a while; the test's own time limit ends this
            pass

    def _xdotool(self, *words: str) -> str:
        done = subprocess.run(["xdotool", *words], env=self._environment, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def key(self, *names: str) -> None:
        self._xdotool("key", *names)

    def shot_holding(self, name: str) -> NDArray[np.uint8]:
        self._xdotool("keydown", name)
        shot = self.shot()
        self._xdotool("keyup", name)
        return shot

    def drag(self, x: int, y: int) -> None:
        self._xdotool("mousemove", "--window", self.id, "300", str(y), "mousedown", "1")
        self._xdotool("mousemove", "--window", self.id, str(x), str(y))
        self._xdotool("mousemove", "--window", self.id, str(x + 1), str(y), "mouseup", "1")

    def click(self, x: int, y: int, times: int = 1) -> None:
        self._xdotool("mousemove", "--window", self.id, str(x), str(y), "click", "--repeat", str(times), "1")

    def shot(self) -> NDArray[np.uint8]:
        """The picture that `s` writes."""
        self._shots += 1
        path = self.folder / f"rtsr-shot{self._shots:04}.png"
        self.key("s")
        return pixels(wait_for(path))

    def wait(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=30)
        assert "Traceback" not in err, err
        return self.process.returncode, out, err


def wait_for(path: Path) -> Path:
    """Until `path` holds a whole PNG: a bounded wait for another process, which tells nobody when it is done."""
    ended = subprocess.run(
        ["timeout", "20", "sh", "-c", 'until tail -c 12 "$0" 2>/dev/null | grep -aq IEND; do sleep 0.05; done', path]
    )
    assert ended.returncode == 0, f"{path} never came"
    return path


@contextmanager
def window(display: str, folder: Path, *arguments: str) -> Iterator[Window]:
    process = subprocess.Popen(
        command(*arguments), env=environment(DISPLAY=display), cwd=folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield Window(process, display, folder)
    finally:
        process.kill()
        print(*process.communicate(), sep="\n")  # shown by pytest where the test failed


def test_headless_writes_the_window_and_says_what_was_measured(tmp_path: Path) -> None:
    done = view("--source", PATTERN, "--headless-frames", "5", "--screenshot", "out.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"5 frames shown, display [\d.]+ fps, model .* fps, 0 dropped\n", done.stdout)
    assert pixels(tmp_path / "out.png").shape == (360, 640, 3)


def test_headless_says_when_there_were_fewer_frames(tmp_path: Path) -> None:
    done = view("pattern:64x36?fps=10&seconds=1", "--headless-frames", "99", "--screenshot", "out.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "asked for 99, the source held 10" in done.stdout
    assert (tmp_path / "out.png").exists()


@pytest.mark.parametrize("layout", ["wipe", "side-by-side", "blink"])
def test_headless_knows_every_layout(layout: str, tmp_path: Path) -> None:
    done = view("pattern:3x5", "--headless-frames", "1", "--layout", layout, "--screenshot", "out.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "size_wh"),
    [
        ("phone_720p_rotated.mp4", (640, 1080)),
        ("bbb_800x640_anamorphic_bframes.mp4", (1920, 1080)),
        ("webcam_640x480_fullrange.mkv", (1280, 960)),
    ],
)
def test_headless_shows_real_clips_upright_and_in_shape(
    name: str, size_wh: tuple[int, int], shared: Path, tmp_path: Path
) -> None:
    done = view(str(shared / "video" / name), "--headless-frames", "3", "--screenshot", "out.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert pixels(tmp_path / "out.png").shape == (size_wh[1], size_wh[0], 3)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nothing.mp4", "--headless-frames", "1"), 3, "nothing.mp4 does not exist"),
        ((PATTERN,), 2, "there is no display"),
        ((PATTERN, "--headless-frames", "0"), 2, "--headless-frames is 0"),
        ((PATTERN, "--headless-frames", "1", "--painter", "opengl"), 2, "off screen"),
        ((PATTERN, "--headless-frames", "1", "--screenshot", "no/where.png"), 2, "does not exist"),
    ],
)
def test_what_cannot_be_shown_is_one_sentence_and_its_mend(
    arguments: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    done = view(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 2


def test_a_display_that_does_not_answer_is_said(tmp_path: Path) -> None:
    done = view(PATTERN, cwd=tmp_path, DISPLAY=":98765")
    assert done.returncode == 2, done.stderr
    assert "does not answer" in done.stderr


def test_opengl_on_a_platform_without_it_is_refused(tmp_path: Path) -> None:
    done = view(PATTERN, "--painter", "opengl", cwd=tmp_path, QT_QPA_PLATFORM="offscreen")
    assert done.returncode == 2, done.stderr
    assert "has no OpenGL" in done.stderr


def test_the_keys_do_what_they_say(display: str, tmp_path: Path) -> None:
    with window(display, tmp_path, PATTERN) as shown:
        shown.key("space", "i")
        whole = shown.shot()
        shown.key("i")
        numbers = shown.shot()
        assert np.abs(whole[60:100, :200].astype(int) - numbers[60:100, :200]).mean() > 10
        shown.key("Tab", "i")
        side_by_side = shown.shot()
        black_rows = (side_by_side[100:-100].max(axis=(1, 2)) == 0).sum()
        assert not black_rows
        assert side_by_side[60:80].max() == 0, "two pictures of 320x180 leave room above and below"
        shown.key("Tab", "Tab", "q")
        code, out, err = shown.wait()
    assert code == 0
    assert "frames shown" in out
    assert "painter: qpainter (OpenGL here is software" in err


def test_the_line_follows_the_mouse(display: str, tmp_path: Path) -> None:
    with window(display, tmp_path, PATTERN) as shown:
        shown.key("space")
        shown.drag(500, 180)
        shot = shown.shot()
        assert (shot[150:250, 499:502].min(axis=2) == 255).all(axis=0).any()
        shown.key("q")
        shown.wait()


def test_pause_step_jump_and_blink_change_the_picture_as_they_should(display: str, tmp_path: Path) -> None:
    with window(display, tmp_path, "pattern:320x180?fps=30&seconds=60") as shown:
        shown.key("space", "i")
        lower = slice(60, 320)  # without message and labels
        first, second = shown.shot()[lower], shown.shot()[lower]
        assert np.array_equal(first, second)
        shown.key("period")
        assert not np.array_equal(second, shown.shot()[lower])
        shown.key("Up", "Left", "Right")
        far = shown.shot()[lower]
        assert not np.array_equal(second, far)
        held = shown.shot_holding("a")[lower]
        assert np.array_equal(held[:, :310], far[:, :310])
        assert not np.array_equal(held[:, 312:330], far[:, 312:330]), "no line where one side is alone"
        assert np.array_equal(far, shown.shot()[lower])
        shown.key("question", "question", "f", "Escape", "q")
        code, out, _ = shown.wait()
    assert code == 0
    assert "frames shown" in out


def test_at_the_end_the_picture_stays_and_a_jump_plays_again(display: str, tmp_path: Path) -> None:
    with window(display, tmp_path, "pattern:320x180?fps=30&seconds=1") as shown:
        shown.key("Left", "Right", "Right", "Right", "Left", "space", "period")
        assert shown.shot().max() == 255
        shown.key("q")
        code, out, _ = shown.wait()
    assert code == 0
    assert "frames shown" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_even_a_paused_window(number: signal.Signals, display: str, tmp_path: Path) -> None:
    with window(display, tmp_path, PATTERN) as shown:
        shown.key("space")
        shown.process.send_signal(number)
        code, out, _ = shown.wait()
    assert code == 75
    assert "frames shown" in out


def test_both_painters_show_the_same_picture(display: str, tmp_path: Path) -> None:
    shots = []
    for painter in ("qpainter", "opengl"):
        folder = tmp_path / painter
        folder.mkdir()
        with window(display, folder, "pattern:321x181?fps=1/60&seconds=600", "--painter", painter) as shown:
            shown.key("space", "i")
            shots.append(shown.shot())
            shown.key("q")
            code, _, err = shown.wait()
            assert code == 0, err
            assert f"painter: {painter}" in err
    difference = np.abs(shots[0][60:320].astype(int) - shots[1][60:320])
    assert np.percentile(difference, 99.9) <= 3
    assert difference.mean() < 0.7


@pytest.mark.parametrize("form", ["yuv420p10le", "yuv422p10le", "yuv444p12le", "yuv444p"])
def test_both_painters_show_every_depth_and_subsampling(form: str, display: str, tmp_path: Path) -> None:
    still = tmp_path / "still.mkv"
    pattern = "pattern:161x91?fps=1/60&seconds=60"
    made = [*command()[:1], "-m", "rtsr", "encode", pattern, str(still), "--model", "bicubic"]
    subprocess.run([*made, "-c:v", "ffv1", "-pix_fmt", form], env=environment(), cwd=tmp_path, check=True, timeout=120)
    shots = []
    for painter in ("qpainter", "opengl"):
        folder = tmp_path / painter
        folder.mkdir()
        with window(display, folder, str(still), "--painter", painter) as shown:
            shown.key("space", "i")
            shots.append(shown.shot())
            shown.key("q")
            code, _, err = shown.wait()
            assert code == 0, err
            assert f"painter: {painter}" in err
    assert shots[0][60:320].std() > 20
    difference = np.abs(shots[0][60:320].astype(int) - shots[1][60:320])
    assert np.percentile(difference, 99.9) <= 4
    assert difference.mean() < 0.8


COUNT = """
import os, sys, threading
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication
from rtsr.config import View
from rtsr.viewer.app import open_viewer

def alive():
    named = [thread.name for thread in threading.enumerate() if thread.name.startswith("rtsr")]
    return len(named), len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd"))

def play(source, after_ms):
    viewer = open_viewer(View(source=source, backend="bicubic"))
    QTimer.singleShot(after_ms, viewer.stop)
    said = viewer.run()
    viewer.close()
    return said

for run in range(4):
    for source, after_ms in (("pattern:64x36?fps=30&live=yes", 300), ("pattern:64x36?fps=30&seconds=0.2", 600)):
        assert "frames shown" in play(source, after_ms)
    if run == 0:
        first = alive()
assert not [timer for timer in QApplication.instance().findChildren(QTimer) if timer.isActive()]
assert not QApplication.topLevelWidgets(), QApplication.topLevelWidgets()
print("before", first, "after", alive())
"""


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads and handles in /proc")
def test_no_thread_timer_window_or_handle_outlives_a_run(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COUNT],
        env=environment(QT_QPA_PLATFORM="offscreen"), cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    before, after = re.findall(r"\((\d+), (\d+), (\d+)\)", done.stdout)
    assert after == before


@pytest.mark.parametrize(
    "options", [(), ("-terminate",)], ids=["a server that stays", "one that ends when nobody is there"]
)
def test_a_source_that_fails_ends_the_window_with_its_error(tmp_path: Path, options: tuple[str, ...]) -> None:
    script = (
        "from rtsr.sources import pattern\n"
        "from rtsr.errors import SourceError\n"
        "whole = pattern.PatternSource.frames\n"
        "def failing(self):\n"
        "    for number, frame in enumerate(whole(self)):\n"
        "        if number == 3:\n"
        "            raise SourceError('the cable was pulled', mend='plug it in')\n"
        "        yield frame\n"
        "pattern.PatternSource.frames = failing\n"
        "from rtsr.cli import main\n"
        f"raise SystemExit(main(['view', {PATTERN!r}, '--backend', 'bicubic']))\n"
    )
    with x_server(*options) as display:
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=environment(DISPLAY=display), cwd=tmp_path, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "the cable was pulled" in done.stderr
    assert "Traceback" not in done.stderr
