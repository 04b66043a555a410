"""What this machine can do for rtsr, and which command mends what it cannot: tried, not guessed."""

import ctypes
import importlib.util
import os
import platform
import tempfile
import typing
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Literal

import rtsr
from rtsr.config import Backend, Upscale
from rtsr.errors import BackendError, RtsrError
from rtsr.jobs.machine import cores, cpu_flags, cpu_model, version
from rtsr.power import NOTHING_TO_MEND, PROBES, open_checked
from rtsr.power.trial import try_probe
from rtsr.sources.pattern import open_pattern

_X86 = {
    "AVX2": ("avx2",),
    "AVX-512": ("avx512f", "avx512bw", "avx512vl"),
    "AVX-512 BF16": ("avx512_bf16",),
    "AMX": ("amx_tile",),
}
"""Instruction sets that make networks faster, and the kernel's flags that must all be there."""
_ARM = {"NEON": ("asimd",), "dot product": ("asimddp",), "BF16": ("bf16",)}
"""The same for 64-bit Arm."""
_LIBRARIES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}
"""What Qt's window needs of the system, and the Debian package that brings it."""
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")
_NO_SCREEN = "rtsr view --headless-frames 60 --screenshot view.png needs none"

Mark = Literal["ok", "--", "!!"]
"""It works; it is not there, and need not be; it should work and does not."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the page."""

    mark: Mark
    name: str
    words: str
    mend: str = ""
    """A command where there is one; empty where nothing is to be mended."""


def examine(*only: str) -> dict[str, list[Finding]]:
    """Every finding, by section, in the order of the page; of some sections where `only` names them. Never raises."""
    sections = {
        "CPU": _cpu,
        "GPUs": _gpus,
        "Backends": _backends,
        "Video encoders": _encoders,
        "Cameras": _cameras,
        "Power sensors": _sensors,
        "Display": _display,
    }
    return {title: survived(look) for title, look in sections.items() if not only or title in only}


def survived(look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """What `look` found; where it broke off, the reason is the last finding."""
    findings: list[Finding] = []
    try:
        findings.extend(look())
    except Exception as error:  # noqa: BLE001 - a doctor who faints helps nobody: a broken install is a finding
        words = f"cannot be looked at ({type(error).__name__}: {error})"
        findings.append(Finding("!!", "rtsr", words, "pip install --force-reinstall rtsr"))
    return findings


def as_page(sections: dict[str, list[Finding]]) -> str:
    """Aligned plain text, a mend under each finding that has one."""
    width = max(len(finding.name) for findings in sections.values() for finding in findings)
    lines = [f"rtsr {rtsr.__version__}, Python {platform.python_version()}, {platform.platform()}"]
    for title, findings in sections.items():
        lines += ["", title]
        for finding in findings:
            lines.append(f"  {finding.mark}  {finding.name:{width}}  {finding.words}".rstrip())
            if finding.mend:
                lines.append(f"      {'':{width}}  -> {finding.mend}")
    broken = sum(finding.mark == "!!" for findings in sections.values() for finding in findings)
    verdict = "nothing is broken" if not broken else f"{broken} to mend, marked !!"
    return "\n".join([*lines, "", f"ok works   -- not here, not needed   !! broken: {verdict}"])


def _cpu() -> Iterator[Finding]:
    count = cores()
    yield Finding("ok", "model", f"{cpu_model()}, {count} core{'s' if count > 1 else ''} for rtsr")
    flags = cpu_flags()
    for name, wanted in (_ARM if platform.machine() in ("aarch64", "arm64") else _X86).items():
        has = flags.issuperset(wanted)
        yield Finding("ok" if has else "--", name, "" if has else "this CPU has none")


def _gpus() -> Iterator[Finding]:
    """As `--list-devices`, without the CPU."""
    from rtsr.jobs.gpus import gpu_words, no_gpu
    from rtsr.upscalers.devices import list_devices

    devices = list_devices()
    for device in devices:
        what, *about = gpu_words(device)
        number = "gpu" if device.ordinal is None else str(device.ordinal)
        yield Finding("--" if device.hindrance else "ok", number, what)
        for line in about:
            yield Finding("--" if line.startswith("not ") else "ok", "", line)
    if not devices and (reason := no_gpu()) is not None:
        yield Finding("--", "gpu", *reason)


def _backends() -> Iterator[Finding]:
    from rtsr.jobs.gpus import no_gpu
    from rtsr.upscalers import BACKENDS, absence, open_upscaler

    source = open_pattern("pattern:64x64")
    frame = next(source.frames())
    for name in BACKENDS:
        options = Upscale(model="bicubic" if name == "bicubic" else Upscale().model, backend=_named(name))
        missing = absence(name, options)
        if missing is not None:
            words = ("no GPU for it, see above",) if no_gpu() is not None else (missing.problem, missing.mend)
            yield Finding("--", name, *words)
            continue
        try:
            upscaler = open_upscaler(options, source.info)
            try:
                upscaler.upscale(frame)
            finally:
                upscaler.close()
        except RtsrError as error:
            yield Finding("!!", name, error.problem, error.mend)
        else:
            badge, package = upscaler.badge, _package(name)
            parts = (f"{package} {version(package)}", badge.device, badge.precision, badge.model)
            yield Finding("ok", name, ", ".join(part for part in parts if part))


def _named(name: str) -> Backend:
    return typing.cast("Backend", name)


def _package(backend: str) -> str:
    """What brings the backend: of several the one that is installed."""
    names = {"tensorrt": ("tensorrt_rtx", "tensorrt"), "bicubic": ("av",)}.get(backend, (backend,))
    return next((name for name in names if version(name) is not None), names[-1])


def _encoders() -> Iterator[Finding]:
    """Each encoder encodes three small frames, with sound; those of hardware one, since most machines have none."""
    from rtsr.sinks.codecs import CODECS, HARDWARE, carriers
    from rtsr.sinks.encoder import Encoder
    from rtsr.sinks.hardware import refusal
    from rtsr.sinks.tone import Tone
    from rtsr.sinks.video import open_video

    source = open_pattern("pattern:64x64?seconds=1")
    frames = list(islice(source.frames(), 3))
    for codec in CODECS:
        if codec in HARDWARE:
            why_not = refusal(codec, "yuv420p")
            yield Finding("ok" if why_not is None else "--", codec, why_not or f"in av {version('av')}")
            continue
        try:
            with tempfile.TemporaryDirectory() as folder:
                place = str(Path(folder) / "try.mkv")
                layouts = carriers(codec)
                layout = source.info.layout if source.info.layout in layouts else next(iter(layouts))
                sink = open_video(place, source.info, Encoder(codec, layout=layout), Tone(Fraction(1, 10), Fraction(0)))
                try:
                    for frame in frames:
                        sink.write(frame)
                    sink.finish()
                finally:
                    sink.close()
        except RtsrError as error:
            yield Finding("!!", codec, error.problem, "pip install --force-reinstall av")
        except OSError as error:
            yield Finding("!!", codec, f"no room to try it ({error.strerror})", "free some space in /tmp")
        else:
            yield Finding("ok", codec, f"in av {version('av')}")


def _cameras() -> Iterator[Finding]:
    from rtsr.sources.camera import list_cameras

    cameras = list_cameras()
    for device, name in cameras:
        if os.access(device, os.R_OK | os.W_OK):
            yield Finding("ok", device, name)
        else:
            yield Finding(
                "!!", device, f"{name}: may not be opened by you", 'sudo usermod -aG video "$USER", then log in again'
            )
    if not cameras:
        yield Finding("--", "cameras", "none; to try without: rtsr view --source 'pattern:?live=yes'")


def _sensors() -> Iterator[Finding]:
    for name in PROBES:
        try:
            probe = open_checked(name)
        except BackendError as error:
            yield Finding("--", name, error.problem, "" if error.mend == NOTHING_TO_MEND else error.mend)
        else:
            try:
                yield Finding("ok", name, f"{probe.rail}, {try_probe(probe)}")
            except BackendError as error:
                yield Finding("!!", name, error.problem, "" if error.mend == NOTHING_TO_MEND else error.mend)
            finally:
                probe.close()


def _display() -> Iterator[Finding]:
    if importlib.util.find_spec("PyQt6") is None:
        yield Finding("!!", "PyQt6", "not installed", "pip install 'PyQt6<6.12'")
    else:
        yield Finding("ok", "PyQt6", str(version("PyQt6")))
    set_ones = [f"{name}={os.environ[name]}" for name in _SCREENS if os.environ.get(name)]  # noqa: TID251 - looked at
    if set_ones:
        yield Finding("ok", "screen", ", ".join(set_ones))
    else:
        yield Finding("--", "screen", f"neither {' nor '.join(_SCREENS)} is set", _NO_SCREEN)
    missing = list(_missing(_LIBRARIES))
    if not missing:
        yield Finding("ok", "libraries", "all that Qt's window needs")
        return
    packages = " ".join(_LIBRARIES[library] for library in missing)
    yield Finding("!!", "libraries", f"missing: {', '.join(missing)}", f"sudo apt-get install {packages}")


def _missing(libraries: Iterable[str]) -> Iterator[str]:
    for library in libraries:
        try:
            ctypes.CDLL(library)
        except OSError:
            yield library
