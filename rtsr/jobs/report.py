"""`rtsr doctor --report`: all that helps somebody else to find a fault on this machine, in one text file.

It names nobody: user, host, home folder, UUIDs and hardware addresses are replaced before it is shown or written.
"""

from __future__ import annotations

import getpass
import platform
import re
import socket
import subprocess
import time
from contextlib import closing
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, cast

from rtsr.config import Upscale
from rtsr.errors import RtsrError
from rtsr.jobs.doctor import as_page, examine
from rtsr.jobs.machine import GPU_PACKAGES, PACKAGES, power_mode, version
from rtsr.models import find_model
from rtsr.sources.pattern import open_pattern
from rtsr.upscalers import BACKENDS, absence, open_upscaler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rtsr.config import Backend

HEAD = "Report of rtsr. It names no user, host, folder or card's number."
"""The first line of every report."""
_SIZE = "960x540"
_MODELS = ("esr-tr-k5c2", "imdn-light")
"""A small network and a large one."""
_FRAMES, _LONGEST_S = 30, 10.0
"""Timed of each, and when to stop in any case."""
_WITHOUT_LIMITS = ("onnx", "nvidia-ml-py", "torch-tensorrt", "torch-tensorrt-rtx", "safetensors")
_JETPACK = ("dpkg-query", "-W", "-f", "${Version}", "nvidia-jetpack")
_NO_NAMES = frozenset({"jetson", "localhost", "nvidia", "root", "runner", "ubuntu", "user", "video"})
"""What machines and users are called before anybody names them: words that mean something here."""
_UUID = re.compile(r"\b(?:(GPU|MIG)-)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)
_HARDWARE_ADDRESS = re.compile(r"\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b", re.IGNORECASE)
_HOMES = re.compile(r"(?:/home|/Users|[A-Z]:\\Users)[/\\][^/\\\s:\"')]+")


def make_report() -> str:
    """The text. Never raises; takes some seconds, for it builds and runs engines."""
    sections: dict[str, Callable[[], Iterator[str]]] = {
        "System": _system,
        "Packages": _packages,
        "TensorRT": _tensorrt,
        f"Times for a frame of {_SIZE}, made twice as large, copies included": _times,
    }
    lines = [HEAD, "", as_page(examine())]
    for title, look in sections.items():
        lines += ["", title]
        try:
            lines += [f"  {line}" for line in look()]
        except Exception as error:  # noqa: BLE001 - half a report is better than none
            lines.append(f"  broke off: {type(error).__name__}: {error}")
    return anonymous("\n".join(lines)) + "\n"


def anonymous(text: str, user: str | None = None, host: str | None = None, home: Path | None = None) -> str:
    """`text` without who and where: by default this user and this machine."""
    user, host = _user() if user is None else user, socket.gethostname() if host is None else host
    place = str(_home() if home is None else home)
    if len(place) > 1:
        text = text.replace(place, "~")
    text = _HOMES.sub("~", text)
    text = _UUID.sub(lambda found: f"{found[1]}-(uuid)" if found[1] else "(uuid)", text)
    text = _HARDWARE_ADDRESS.sub("(address)", text)
    for name, word in ((host, "(host)"), (host.split(".")[0], "(host)"), (user, "(user)")):
        if len(name) > 1 and name.lower() not in _NO_NAMES:
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", word, text)
    return text


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def _system() -> Iterator[str]:
    yield f"{platform.platform()}, {' '.join(platform.libc_ver())}".rstrip(", ")
    model = _read(Path("/proc/device-tree/model")).rstrip("\0")
    if model:
        yield f"board: {model}"
    tegra = _read(Path("/etc/nv_tegra_release")).split("\n")[0].lstrip("# ")
    if tegra:
        yield f"Jetson Linux: {tegra}"
    jetpack = _said(_JETPACK)
    if jetpack:
        yield f"JetPack: {jetpack}"
    memory = next((line for line in _read(Path("/proc/meminfo")).splitlines() if line.startswith("MemTotal")), "")
    if memory:
        yield f"memory: {memory.partition(':')[2].strip()}"
    power = ", ".join(f"{name} {word}" for name, word in power_mode().items())
    yield f"power: {power or 'the kernel does not tell'}"


def _packages() -> Iterator[str]:
    for name in dict.fromkeys((*PACKAGES, *GPU_PACKAGES, *_WITHOUT_LIMITS)):
        yield f"{name:20} {version(name) or '-'}"


def _tensorrt() -> Iterator[str]:
    """Whether it can be loaded, and what a small engine takes to be built; where there is no GPU, too."""
    from rtsr.upscalers import trt_library

    try:
        library = trt_library.find()
        yield f"{library} is loaded"
        from rtsr.frame import YUV420P
        from rtsr.upscalers.trt_build import build_plan
        from rtsr.upscalers.typed_onnx import typed_graph

        for name in _MODELS:
            began_s = time.monotonic()
            graph = typed_graph(find_model(name, 2), (960, 540), YUV420P, "fp16")
            plan = build_plan(graph, "any" if library.is_rtx else "this")
            yield f"{name}: engine built in {time.monotonic() - began_s:.2f} s, {len(plan)} bytes"
    except RtsrError as error:
        yield f"{error.problem}. {error.mend}"


def _times() -> Iterator[str]:
    for backend in BACKENDS:
        for model in _MODELS if backend != "bicubic" else ("bicubic",):
            options = Upscale(model=model, backend=_named(backend))
            missing = absence(backend, options)
            yield f"{backend:9} {model:12} {_time(options) if missing is None else 'not here'}"


def _time(options: Upscale) -> str:
    try:
        with closing(open_pattern(f"pattern:{_SIZE}")) as source:
            frames = list(islice(source.frames(), _FRAMES))
            began_s = time.monotonic()
            with closing(open_upscaler(options, source.info)) as upscaler:
                opened_s, times_ms = time.monotonic() - began_s, []
                for frame in frames:
                    start_s = time.monotonic()
                    upscaler.upscale(frame)
                    times_ms.append((time.monotonic() - start_s) * 1e3)
                    if time.monotonic() - began_s > _LONGEST_S:
                        break
                badge = upscaler.badge
    except RtsrError as error:
        return f"{error.problem}. {error.mend}"
    return f"{median(times_ms):8.2f} ms, opened in {opened_s:.2f} s: {badge}"


def _named(backend: str) -> Backend:
    return cast("Backend", backend)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _said(command: tuple[str, ...]) -> str:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""
