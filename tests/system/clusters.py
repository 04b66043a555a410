"""Real dask clusters on loopback for tests: processes that can be killed and started anew."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
ROOT = Path(__file__).parents[2]


def wait_for(found: Callable[[], T], what: str, seconds: float = 60) -> T:
    """The first true answer of `found`."""
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        if answer := found():
            return answer
        time.sleep(0.05)
    raise AssertionError(f"{what} did not come within {seconds} s")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Cluster:
    """A scheduler and its workers; ended by `close`, each by its own id."""

    def __init__(self, folder: Path, *, tls: tuple[Path, Path, Path] | None = None) -> None:
        self._folder, self._tls = folder, tls
        self._port = free_port()
        self.address = f"{'tls' if tls else 'tcp'}://127.0.0.1:{self._port}"
        self.scheduler: subprocess.Popen[bytes]
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_scheduler(self) -> None:
        self.scheduler = self._start(
            ["dask_scheduler", "--host", self.address.rpartition(":")[0], "--port", str(self._port)]
        )

        def answers() -> bool:
            with socket.socket() as one:
                one.settimeout(1)
                return one.connect_ex(("127.0.0.1", self._port)) == 0

        wait_for(answers, "the scheduler")

    def start_worker(self, *options: str, **environment: str) -> subprocess.Popen[bytes]:
        place = self._folder / f"worker{len(self.workers)}"
        command = ["dask_worker", self.address, "--nthreads", "1", "--no-nanny", "--local-directory", str(place)]
        host = [] if self._tls else ["--host", "127.0.0.1"]
        self.workers.append(self._start([*command, *host, *options], **environment))
        return self.workers[-1]

    def close(self) -> None:
        for process in [*self.workers, self.scheduler]:
            process.terminate()
        for process in [*self.workers, self.scheduler]:
            self.end(process)

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for its end; a worker whose scheduler went at the same moment may stand still for ever."""
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)

    def log(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in sorted(self._folder.glob("*.log")))

    def _start(self, command: list[str], **environment: str) -> subprocess.Popen[bytes]:
        names = ("--tls-ca-file", "--tls-cert", "--tls-key")
        more = [str(one) for pair in zip(names, self._tls or (), strict=False) for one in pair]
        more += ["--no-dashboard", "--dashboard-address", ":0"]
        settings = {
            "PYTHONPATH": f"{environment.pop('before', '')}{os.pathsep}{ROOT}".lstrip(os.pathsep),
            "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "warning",
        }
        name, *options = command
        number = len(list(self._folder.glob("*.log")))
        with (self._folder / f"{number:02}-{name}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{name}", *options, *more],
                stdout=log, stderr=log, env=os.environ | settings | environment, cwd=self._folder,
            )  # fmt: skip
