"""`rtsr kiosk run` under a service manager and under compositors: killed, stopped, starved, without its camera."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rtsr.kiosk.unit import STOP_SIGNAL
from tests.rtsp_server import RtspServer
from tests.service_manager import LEFT, PATIENCE_S, Manager
from tests.system.test_viewer import environment, pixels, x_server

LIVE = "pattern:320x180?live=yes"


@contextmanager
def managed(folder: Path, settings: str, **how: Any) -> Iterator[Manager]:
    manager = Manager(folder, settings, **how)
    try:
        yield manager
    finally:
        manager.close()
        assert "Traceback" not in manager.log.read_text(), manager.log.read_text()


def source(uri: str) -> str:
    return f'sources = ["{uri}"]\n[view]\nbackend = "bicubic"\n'


def test_it_is_ready_feeds_the_watchdog_and_ends_with_its_day_written_down(tmp_path: Path) -> None:
    with managed(tmp_path, source(LIVE)) as unit:
        unit.until(lambda: unit.ready and unit.fed >= 3)
        status, page = unit.health()
        assert (status, page["state"]) == (200, "playing")
        assert page["frames"]["shown"] > 0
        unit.until(lambda: (tmp_path / "state" / "last-good.toml").exists())
        assert unit.stop() == LEFT
        (report,) = (tmp_path / "state" / "reports").iterdir()
        day = json.loads(report.read_text())
        assert day["frames"]["shown"] >= page["frames"]["shown"]
        assert day["starts"] == 1


def test_killed_it_is_started_again_and_the_day_goes_on(tmp_path: Path) -> None:
    with managed(tmp_path, source(LIVE)) as unit:
        unit.until(lambda: unit.ready)
        unit.process.kill()
        unit.until(lambda: unit.starts == 2 and unit.ready)
        assert unit.health()[0] in (200, 503)


def test_stopped_it_feeds_no_watchdog_and_is_killed_and_started_again(tmp_path: Path) -> None:
    with managed(tmp_path, source(LIVE)) as unit:
        unit.until(lambda: unit.ready and unit.fed >= 2)
        unit.process.send_signal(signal.SIGSTOP)
        unit.until(lambda: unit.killed_by_watchdog == 1)
        unit.until(lambda: unit.starts == 2 and unit.ready and unit.fed > 3)


def test_a_pipeline_that_hangs_starves_the_watchdog_though_the_window_lives(tmp_path: Path) -> None:
    """A pipe whose writer neither writes nor ends: the window paints, its timers run, and no frame comes."""
    reader, writer = os.pipe()
    picture = np.full((48 * 3 // 2, 64), 128, np.uint8).tobytes()
    with os.fdopen(writer, "wb") as film, managed(tmp_path, source("-"), stdin=reader) as unit:
        os.close(reader)
        film.write(b"YUV4MPEG2 W64 H48 F10:1 Ip A1:1 C420jpeg\n")
        film.write((b"FRAME\n" + picture) * 50)
        film.flush()
        unit.until(lambda: unit.ready)
        unit.until(lambda: unit.killed_by_watchdog == 1)
        assert unit.fed >= 2, "while frames came"


def test_a_camera_that_is_gone_at_boot_is_waited_for_and_said(tmp_path: Path) -> None:
    with RtspServer(size=(160, 90)) as server:
        server.close()
        with managed(tmp_path, source(server.url), watchdog_s=25.0) as unit:
            unit.until(lambda: unit.ready)
            assert "opened again as soon as it is there" in unit.status
            status, page = unit.health()
            assert (status, page["state"]) == (503, "waiting")
            assert "try" in page["why"]
            before = unit.fed
            unit.until(lambda: unit.fed >= before + 2)
            server.start()
            unit.until(lambda: unit.health()[0] == 200)
            assert unit.starts == 1, "waiting is no reason to be killed"
            server.close()
            unit.until(lambda: unit.health()[1].get("outages") == 2)


def test_settings_broken_at_boot_give_way_to_the_last_good_ones_until_they_are_mended(tmp_path: Path) -> None:
    with managed(tmp_path, source(LIVE)) as unit:
        unit.until(lambda: (tmp_path / "state" / "last-good.toml").exists())
        good = unit.settings.read_text()
        unit.settings.write_text(good.replace("sources", "sauces"))
        unit.process.kill()
        unit.until(lambda: unit.starts == 2 and unit.ready)
        status, page = unit.health()
        assert status == 503
        assert "unknown key 'sauces'" in page["why"]
        assert "last good" in page["why"]
        unit.until(lambda: unit.health()[1].get("state") == "playing")
        unit.settings.write_text(good + "# mended\n")
        unit.until(lambda: unit.starts == 3 and unit.ready)
        unit.until(lambda: unit.health()[0] == 200)


def test_settings_that_name_what_is_not_there_give_way_too(tmp_path: Path) -> None:
    with managed(tmp_path, source(LIVE)) as unit:
        unit.until(lambda: (tmp_path / "state" / "last-good.toml").exists())
        good = unit.settings.read_text()
        missing = good.replace('backend = "bicubic"', 'model = "no-such-network"')
        unit.settings.write_text(missing)
        unit.process.kill()
        unit.until(lambda: unit.starts == 2 and unit.ready)
        assert "no-such-network" in unit.health()[1]["why"]
        unit.until(lambda: unit.health()[1].get("state") == "playing")


def test_settings_broken_from_the_first_day_are_told_on_the_screen_and_opened_once_mended(tmp_path: Path) -> None:
    with managed(tmp_path, "sauces = 1") as unit:
        unit.until(lambda: unit.ready and unit.fed >= 3)
        assert unit.starts == 1, "it stays up, to say so"
        unit.settings.write_text(source(LIVE), "utf-8")
        unit.until(lambda: unit.starts == 2 and (tmp_path / "state" / "last-good.toml").exists())


def test_a_screen_that_is_off_by_its_schedule_opens_nothing_and_is_well(tmp_path: Path) -> None:
    day = time.strftime("%a", time.localtime(time.time() + 3 * 86400)).lower()
    schedule = f'[schedule]\non = ["{day} 12:00-12:01"]\noff_command = ["touch", "{tmp_path}/off"]\n'
    with managed(tmp_path, source("/dev/video77") + schedule) as unit:
        unit.until(lambda: unit.ready and unit.fed >= 3)
        status, page = unit.health()
        assert (status, page["state"]) == (200, "dark")
        unit.until(lambda: (tmp_path / "off").exists())


def test_a_film_that_ends_begins_again(tmp_path: Path) -> None:
    with managed(tmp_path, source("pattern:64x48?fps=25&seconds=1")) as unit:
        unit.until(lambda: unit.health()[1].get("frames", {}).get("shown", 0) > 60)
        assert unit.starts == 1
        assert unit.health()[1]["outages"] == 0


def test_several_sources_are_shown_and_one_that_is_away_is_said(tmp_path: Path) -> None:
    settings = f'sources = ["{LIVE}", "/dev/video77"]\n[view]\nbackend = "bicubic"\n'
    with managed(tmp_path, settings, watchdog_s=25.0) as unit:
        unit.until(lambda: unit.ready)
        unit.until(lambda: unit.health()[1].get("frames", {}).get("shown", 0) > 30)
        status, page = unit.health()
        assert (status, page["state"]) == (503, "waiting")
        assert "video77" in page["why"]


def test_what_is_watched_by_hand_needs_no_systemd(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rtsr", "kiosk", "run", "--config", str(tmp_path / "kiosk.toml")],
        env=environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "there is no display" in done.stderr


WORDS = """sources = ["pattern:640x360?live=yes"]
[view]
model = "esr-tr-k5c2"
[overlay]
clock = "%H:%M:%S"
message = "Welcome"
labels = true
"""


def is_shown(shot: NDArray[np.uint8]) -> bool:
    """The whole screen, to its corners, and words in white at its lower end."""
    height, width = shot.shape[:2]
    edges = (shot[:, : width // 8], shot[:, -width // 8 :], shot[: height // 8], shot[-height // 8 :])
    return all(edge.std() > 20 for edge in edges)


def settings_file(folder: Path, text: str) -> Path:
    path = folder / "kiosk.toml"
    path.write_text(text, "utf-8")
    return path


def test_under_x_without_a_desktop_it_fills_the_screen_and_only_the_chord_leaves(tmp_path: Path) -> None:
    import av

    def screen(display: str) -> NDArray[np.uint8]:
        """All of it, with the cursor, if there were one."""
        with av.open(f"{display}.0", format="x11grab", options={"video_size": "1280x800"}) as grabbed:
            frames = grabbed.decode(video=0)
            next(frames)
            return next(frames).to_ndarray(format="rgb24")

    with x_server("-noreset") as display:  # else it begins anew when who looks leaves before the kiosk has come
        kept = environment(DISPLAY=display, STATE_DIRECTORY=str(tmp_path), RUNTIME_DIRECTORY=str(tmp_path))
        command = [sys.executable, "-m", "rtsr", "kiosk", "run", "--config", str(settings_file(tmp_path, WORDS))]
        kiosk = subprocess.Popen(command, env=kept, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            deadline_s = time.monotonic() + PATIENCE_S
            while not is_shown(shot := screen(display)) and time.monotonic() < deadline_s:
                pass
            assert is_shown(shot)
            keys = ["q", "Escape", "f", "Tab", "space", "alt+F4", "ctrl+c", "ctrl+alt+q", "super+q", "ctrl+alt+F2"]
            subprocess.run(["xdotool", "key", *keys, "click", "1", "click", "3"], env=kept, check=True, timeout=30)
            time.sleep(1)
            assert kiosk.poll() is None
            assert is_shown(screen(display))
            subprocess.run(["xdotool", "key", "ctrl+alt+shift+q"], env=kept, check=True, timeout=30)
            out, err = kiosk.communicate(timeout=30)
        finally:
            kiosk.kill()
            kiosk.wait()
    assert kiosk.returncode == LEFT, err
    assert (tmp_path / "left").exists(), "the unit's last line looks for it"
    assert "frames shown" in out
    assert "Traceback" not in err


def processes_under(parent: int) -> list[int]:
    """It, and all that it has begun."""
    told = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    children = [int(line.split()[0]) for line in told.splitlines() if int(line.split()[1]) == parent]
    return [parent, *(one for child in children for one in processes_under(child))]


def test_under_cage_it_fills_the_screen(tmp_path: Path) -> None:
    """The compositor of the unit, without a GPU and a screen: its headless backend and software rendering."""
    missing = [name for name in ("cage", "Xwayland", "grim", "unshare") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    kept = environment(WLR_BACKENDS="headless", WLR_RENDERER="pixman", WLR_LIBINPUT_NO_DEVICES="1")
    kept |= {"XDG_RUNTIME_DIR": str(runtime), "QT_QPA_PLATFORM": "wayland", "NOTIFY_SOCKET": str(runtime / "none")}
    kept |= {"STATE_DIRECTORY": str(tmp_path / "state"), "RUNTIME_DIRECTORY": str(tmp_path)}
    kiosk = [sys.executable, "-m", "rtsr", "kiosk", "run", "--config", str(settings_file(tmp_path, WORDS))]
    command = ["cage", "-d", "--", *kiosk]
    if os.geteuid() == 0:  # cage refuses to be root's
        command = ["unshare", "--user", "--map-user=1000", "--map-group=1000", *command]
    shot = tmp_path / "shot.png"
    with (tmp_path / "log").open("wb") as log:
        cage = subprocess.Popen(command, env=kept, stdout=log, stderr=log)
        try:
            deadline_s = time.monotonic() + PATIENCE_S
            while time.monotonic() < deadline_s and cage.poll() is None:
                there = kept | {"WAYLAND_DISPLAY": "wayland-0"}
                looked = subprocess.run(["grim", str(shot)], env=there, capture_output=True, timeout=30)
                if looked.returncode == 0 and is_shown(pixels(shot)):
                    break
        finally:
            for process in processes_under(cage.pid):  # as systemd: all of them
                os.kill(process, STOP_SIGNAL)
            cage.wait(30)
    said = (tmp_path / "log").read_text()
    assert "Traceback" not in said, said
    assert is_shown(pixels(shot)), said
    assert "frames shown" in said
    assert list((tmp_path / "state" / "reports").iterdir()), "stopped before its display went"
