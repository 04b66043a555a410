"""Which GPU, if any: what the user may name, what there is, and why something cannot be used.

A GPU's number is CUDA's, after `CUDA_VISIBLE_DEVICES`. What CUDA does not show, NVML may (`rtsr.power.cards`), and then
there is something to mend. Where no driver is, that is known after asking for its library: nothing heavy is imported.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rtsr.errors import BackendError, UsageError
from rtsr.power.cards import Card, list_cards
from rtsr.upscalers.cuda import Gpu, driver_version, list_gpus

CPU, AUTO = "cpu", "auto"
VISIBLE = "CUDA_VISIBLE_DEVICES"
_DRIVER = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
_INSTALL = 'pip install "rtsr[tensorrt]"'
NO_CARD = "install the NVIDIA driver, or leave --backend, --device and --require out"
"""The mend where nothing says that there is a card."""
_NVIDIA_PCI, _DISPLAY_PCI = "0x10de", "0x03"
"""Vendor, and first byte of the class, of a card."""
_OLDEST = 7.5
"""Compute capability (Turing) from which on TensorRT 10.3 to 11 and TensorRT-RTX work."""
LIBRARIES = {"tensorrt": ("tensorrt_rtx", "tensorrt"), "torch": ("torch",)}
"""Of each backend of a GPU: the modules of which it needs one."""


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU of this machine, whether or not it can be used."""

    ordinal: int | None
    """CUDA's number; None where CUDA does not show it."""
    name: str
    uuid: str
    capability: str
    """Compute capability, as "8.9"; empty where it is not told."""
    memory_bytes: int
    """0 where it is not told."""
    free_bytes: int | None
    """Now; None where it is not told."""
    driver: str
    """Versions in words; empty where they are not told."""
    hindrance: str = ""
    """Why CUDA does not show it; empty where it does."""
    mend: str = ""

    def __str__(self) -> str:
        return self.name if self.ordinal is None else f"{self.ordinal} ({self.name})"


def usable_gpus() -> tuple[Gpu, ...]:
    """Every GPU that CUDA shows, in its order.

    Raises:
        BackendError: there is none; told with what hides it, or what is missing.
    """
    if not has_driver():
        raise _without_driver()
    try:
        return list_gpus()
    except BackendError as error:
        raise _hidden(error) from error


def find_gpu(words: str) -> Gpu:
    """The GPU that `words` name.

    Args:
        words: `auto` for CUDA's first, its number, its UUID or the beginning of that, or a part of its name that no
            other has; in any case.

    Raises:
        UsageError: `words` name none of those that are there, or several.
        BackendError: there is none at all, or the one that is meant cannot be used.
    """
    gpus = usable_gpus()
    if words == AUTO:
        return gpus[0]
    if words.isdecimal() and int(words) < len(gpus):
        return gpus[int(words)]
    found = [gpu for gpu in gpus if _means(words, gpu.uuid, gpu.name)]
    if len(found) == 1:
        return found[0]
    there = ", ".join(f"{gpu.ordinal} {gpu.name}" for gpu in (found or gpus))
    if found:
        raise UsageError(f"--device {words} means several GPUs: {there}", mend="name one by its number, or its UUID")
    for card in _cards():
        if _means(words, card.uuid, card.name):
            raise BackendError(
                f"{card.name} is here, and CUDA does not show it ({VISIBLE}={_visible() or ''})",
                mend=f"unset {VISIBLE}, or name another: {there}",
            )
    raise UsageError(f"there is no GPU {words!r}", mend=f"there is {there}; or --device cpu")


def usable_by(backend: str, words: str) -> Gpu:
    """`find_gpu`, and then whether the library of `backend`, a member of LIBRARIES, is here; raises BackendError."""
    gpu = find_gpu(words)
    missing = absence(backend, gpu.capability)
    if missing is not None:
        raise missing
    return gpu


def list_devices() -> tuple[Device, ...]:
    """Every NVIDIA GPU, those that CUDA shows first, in its order. Empty where there is none. Never raises."""
    cards = {card.uuid: card for card in _cards()}
    driver = next((card.driver for card in cards.values()), "")
    try:
        gpus, error, cuda = usable_gpus(), None, driver_version()
    except BackendError as refused:
        gpus, error, cuda = (), refused, ""
    shown = [
        Device(
            gpu.ordinal, gpu.name, gpu.uuid, gpu.capability, gpu.memory_bytes,
            free_bytes(gpu), ", ".join(filter(None, (driver, f"CUDA {cuda}"))),
        )
        for gpu in gpus
    ]  # fmt: skip
    known = {gpu.uuid for gpu in gpus}
    if error is not None:
        reason, mend = error.problem, error.mend
    elif _visible() is not None:
        reason, mend = f"hidden by {VISIBLE}", f"unset {VISIBLE}"
    else:
        reason, mend = "CUDA does not show it", "compare with: nvidia-smi -L"
    return (*shown, *(_out_of_sight(card, reason, mend) for card in cards.values() if card.uuid not in known))


def free_bytes(gpu: Gpu) -> int | None:
    """Of the GPU's memory, now; None where nobody tells. Opens nothing on the GPU."""
    if gpu.is_integrated:
        return _available_bytes()
    return next((card.free_bytes for card in _cards() if card.uuid == gpu.uuid), None)


def absence(backend: str, capability: str = "") -> BackendError | None:
    """What to raise where `backend`, a member of LIBRARIES, is not installed, or takes no GPU of `capability`.

    Its library is not imported.
    """
    if backend == "tensorrt" and capability and float(capability) < _OLDEST:
        return BackendError(
            f"TensorRT takes GPUs of compute capability {_OLDEST} or more, and this one has {capability}",
            mend="use --backend torch, or leave --backend and --require out",
        )
    if not any(_is_installed(module) for module in LIBRARIES[backend]):
        if backend == "tensorrt":
            from rtsr.upscalers.trt_library import find

            try:  # its words, which know a Jetson from a desktop
                find()
            except BackendError as error:
                return error
        return BackendError("torch is not installed", mend='pip install "rtsr[torch]"')
    if backend == "torch" and not _torch_knows_cuda():
        return BackendError(
            "the torch that is installed computes on the CPU alone",
            mend="install the one for CUDA: https://pytorch.org",
        )
    return None


@cache
def has_driver() -> bool:
    """Whether NVIDIA's driver library can be loaded."""
    try:
        ctypes.CDLL(_DRIVER)
    except OSError:
        return False
    return True


def _without_driver(pci: Path = Path("/sys/bus/pci/devices")) -> BackendError:
    """Why there is no GPU where the driver's library is missing."""
    if any(_is_card(place) for place in (pci.iterdir() if pci.is_dir() else ())):
        return BackendError(
            f"an NVIDIA GPU is in this machine, and its driver cannot be used ({_DRIVER} cannot be loaded)",
            mend="install the NVIDIA driver; start a container with --gpus all",
        )
    return BackendError(
        f"no NVIDIA GPU can be used: there is no NVIDIA driver here ({_DRIVER} cannot be loaded)",
        mend=NO_CARD,
    )


def _is_card(place: Path) -> bool:
    try:
        vendor, kind = ((place / name).read_text().strip() for name in ("vendor", "class"))
    except OSError:
        return False
    return vendor == _NVIDIA_PCI and kind.startswith(_DISPLAY_PCI)


def _hidden(error: BackendError) -> BackendError:
    """`error`, or a better reason why CUDA shows nothing."""
    cards = ", ".join(card.name for card in _cards())
    if importlib.util.find_spec("cuda") is None or importlib.util.find_spec("cuda.bindings") is None:
        here = f"{cards} is here" if cards else "an NVIDIA driver is here"
        return BackendError(f"{here}, and no library to use it", mend=_INSTALL)
    if cards and _visible() is not None:
        return BackendError(f"{VISIBLE}={_visible()} hides every GPU ({cards})", mend=f"unset {VISIBLE}")
    return error


def _visible() -> str | None:
    return os.environ.get(VISIBLE)  # noqa: TID251 - CUDA's own variable


def _means(words: str, uuid: str, name: str) -> bool:
    asked = words.casefold()
    bare, own = asked.removeprefix("gpu-"), uuid.casefold().removeprefix("gpu-")
    return (len(bare) >= _LEAST_OF_UUID and own.startswith(bare)) or (asked != "" and asked in name.casefold())


_LEAST_OF_UUID = 4
"""Characters, or a part of a name would be taken for it."""


def _cards() -> tuple[Card, ...]:
    try:
        return list_cards()
    except BackendError:
        return ()


def _out_of_sight(card: Card, reason: str, mend: str) -> Device:
    return Device(
        None, card.name, card.uuid, card.capability, card.memory_bytes, card.free_bytes, card.driver, reason, mend
    )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _torch_knows_cuda() -> bool:
    """Whether the installed torch has its CUDA half: the file, since importing takes seconds."""
    spec = importlib.util.find_spec("torch")
    places = [] if spec is None else spec.submodule_search_locations or []
    names = ("libtorch_cuda.so", "torch_cuda.dll")
    return any((Path(place) / "lib" / name).exists() for place in places for name in names)


def _available_bytes(meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Of memory that CPU and GPU share. Why not CUDA's own figure: it leaves out what Linux would give up."""
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None
