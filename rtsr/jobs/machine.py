"""What machine this is, for `rtsr doctor` and for the figures of `rtsr bench`."""

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import rtsr
from rtsr.errors import BackendError

GPU_PACKAGES = ("tensorrt_rtx", "tensorrt", "torch", "triton", "cuda-bindings")
"""The same where there is a GPU."""
PACKAGES = ("av", "numpy", "openvino", "PyQt6")
"""What the speed and the picture depend on."""


def fingerprint() -> dict[str, Any]:
    """CPU, its power mode, system and versions, as a JSON object."""
    return {
        "cpu": cpu_model(),
        "cores": cores(),
        "power": power_mode(),
        "os": platform.platform(),
        "python": platform.python_version(),
        "rtsr": rtsr.__version__,
        "packages": {name: version(name) for name in PACKAGES},
        "openvino": _openvino(),
        **_gpus(),
    }


def cpu_model(proc: Path = Path("/proc")) -> str:
    """The name that the CPU gives itself, else its architecture."""
    entries = _cpuinfo(proc)
    for key in ("model name", "Model", "Hardware"):
        if entries.get(key):
            return entries[key]
    return platform.machine()


def cpu_flags(proc: Path = Path("/proc")) -> frozenset[str]:
    """Instruction sets by the kernel's names: avx2, avx512f, avx512_bf16, amx_tile, asimd; empty where not known."""
    entries = _cpuinfo(proc)
    return frozenset((entries.get("flags") or entries.get("Features") or "").split())


def _cpuinfo(proc: Path) -> dict[str, str]:
    """The first entry of each key."""
    try:
        lines = (proc / "cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in reversed(lines))
    return {key.strip(): value.strip() for key, _, value in pairs}


def cores() -> int:
    """CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def power_mode(sys: Path = Path("/sys")) -> dict[str, str]:
    """What makes the same CPU slower at times, by the kernel's names: governor, preference, profile, mains or battery.

    Empty where the kernel does not tell, as in most virtual machines.
    """
    cpufreq = sys / "devices/system/cpu/cpu0/cpufreq"
    files = {
        "governor": cpufreq / "scaling_governor",
        "preference": cpufreq / "energy_performance_preference",
        "profile": sys / "firmware/acpi/platform_profile",
    }
    told = {name: _word(path) for name, path in files.items()}
    supplies = (sys / "class/power_supply").glob("*")
    plugs = [_word(supply / "online") for supply in supplies if _word(supply / "type") == "Mains"]
    told["mains"] = "" if not plugs else "on" if "1" in plugs else "off"
    return {name: word for name, word in told.items() if word}


def is_busy() -> bool:
    """Whether programs have kept more than half of the machine's CPUs at work in the last minute."""
    return hasattr(os, "getloadavg") and os.getloadavg()[0] > (os.cpu_count() or 1) / 2


def _word(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def version(package: str) -> str | None:
    """The installed version of a package; None when it is missing."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _gpus() -> dict[str, Any]:
    """GPUs that CUDA shows, with their driver, and the libraries for them; nothing where there is none."""
    from rtsr.upscalers.devices import list_devices

    shown = [device for device in list_devices() if device.ordinal is not None]
    if not shown:
        return {}
    told = [{"name": one.name, "capability": one.capability, "driver": one.driver} for one in shown]
    return {"gpus": told, "gpu_packages": {name: version(name) for name in GPU_PACKAGES}}


def _openvino() -> dict[str, str] | None:
    """The device that runs networks, and in which precision; None where OpenVINO cannot be loaded."""
    try:
        from rtsr.upscalers.openvino import describe, precisions

        device, _ = describe()
        precision = precisions()
    except (ImportError, RuntimeError, BackendError):
        return None
    return {"device": device, "precision": precision}
