"""A service manager small enough to read: what systemd does for the kiosk's unit, with a shorter patience."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from rtsr.kiosk.unit import STOP_SIGNAL
from tests.system.test_viewer import environment

LEFT = 75
"""The exit code that is not begun again."""
PATIENCE_S = 60.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Manager:
    """What systemd does for a unit of Type=notify with a watchdog: start, listen, kill what is silent, start again.

    Args:
        folder: for the settings, the state and the socket.
        settings: of the kiosk.
        watchdog_s: how long it may be silent once it is ready.
    """

    def __init__(
        self, folder: Path, settings: str, *, watchdog_s: float = 6.0, stdin: int = subprocess.DEVNULL
    ) -> None:
        self.folder, self.watchdog_s, self._stdin = folder, watchdog_s, stdin
        self.settings = folder / "kiosk.toml"
        self.port = free_port()
        self.settings.write_text(f'{settings}\n[metrics]\nlisten = "127.0.0.1:{self.port}"\n', "utf-8")
        self.state = folder / "state"
        self.state.mkdir()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._socket.settimeout(0.1)
        self.log = folder / "log"
        self.starts, self.fed, self.ready, self.status = 0, 0, False, ""
        self.killed_by_watchdog = 0
        self.code: int | None = None
        self.start()

    def start(self) -> None:
        self.starts, self.ready, self.code = self.starts + 1, False, None
        self._fed_s = time.monotonic()
        kept = environment(QT_QPA_PLATFORM="offscreen", NOTIFY_SOCKET=str(self.folder / "notify"))
        kept |= {"STATE_DIRECTORY": str(self.state), "RUNTIME_DIRECTORY": str(self.folder)}
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "rtsr", "kiosk", "run", "--config", str(self.settings)]
            self.process = subprocess.Popen(command, env=kept, stdin=self._stdin, stdout=log, stderr=log)

    def turn(self) -> None:
        """Hear what there is to hear, and act on silence and on an end."""
        with suppress(TimeoutError):
            for line in self._socket.recv(4096).decode().split("\n"):
                key, _, text = line.partition("=")
                if key == "WATCHDOG":
                    self.fed, self._fed_s = self.fed + 1, time.monotonic()
                self.ready = self.ready or key == "READY"
                self.status = text if key == "STATUS" else self.status
        self.code = self.process.poll()
        if self.code not in (None, LEFT):
            self.start()
        elif self.code is None and self.ready and time.monotonic() - self._fed_s > self.watchdog_s:
            self.killed_by_watchdog += 1
            self.process.kill()
            self.process.wait()

    def until(self, what: Callable[[], object]) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not what():
            self.turn()
            assert time.monotonic() < deadline_s, f"{self.status!r}\n{self.log.read_text()}"

    def health(self) -> tuple[int, dict[str, Any]]:
        """Status and page; 0 while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as answer:
                return 200, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
        except OSError:
            return 0, {}

    def stop(self) -> int:
        """As `systemctl stop`."""
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(STOP_SIGNAL)
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._socket.close()
