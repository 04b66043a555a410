"""What `--device` may name: the CPU, every GPU, and what runs on each."""

from rtsr.errors import BackendError
from rtsr.jobs.machine import cores, cpu_model
from rtsr.upscalers import BACKENDS, ON_GPU
from rtsr.upscalers.devices import CPU, NO_CARD, Device, absence, list_devices, usable_gpus

_GIB = 1 << 30


def as_list() -> str:
    """Plain text: what to write after `--device`, and below it what that is. Never raises."""
    on_cpu = ", ".join(name for name in BACKENDS if name not in ON_GPU)
    entries = [(CPU, [cpu_words(), f"runs {on_cpu}"])]
    entries += [(_number(one), gpu_words(one)) for one in list_devices()]
    lines = []
    for number, words in entries:
        lines += [f"{number:>4}  {words[0]}", *(f"      {line}" for line in words[1:])]
    if len(entries) == 1 and (reason := no_gpu()) is not None:
        lines += [f"   -  {reason[0]}", *([f"      {reason[1]}"] if reason[1] else [])]
    return "\n".join(lines)


def cpu_words() -> str:
    """What the CPU is."""
    count = cores()
    return f"{cpu_model()}, {count} core{'s' if count > 1 else ''} for rtsr"


def gpu_words(device: Device) -> list[str]:
    """What a GPU is, and what can use it, in lines."""
    memory = f"{device.memory_bytes / _GIB:.1f} GiB" if device.memory_bytes else ""
    free = "" if device.free_bytes is None else f"{device.free_bytes / _GIB:.1f} GiB free"
    capability = f"compute capability {device.capability}" if device.capability else ""
    driver = f"driver {device.driver}" if device.driver else ""
    about = ", ".join(part for part in (capability, memory, free, driver) if part)
    return [f"{device.name}, {device.uuid}".rstrip(", "), *filter(None, (about,)), *_uses(device)]


def no_gpu() -> tuple[str, str] | None:
    """Why no GPU can be used, and the mend, which is empty where nothing says that there is one. None where one can."""
    try:
        usable_gpus()
    except BackendError as error:
        return error.problem, "" if error.mend == NO_CARD else error.mend
    return None


def _uses(device: Device) -> list[str]:
    if device.hindrance:
        return [f"not used: {device.hindrance}; {device.mend}"]
    missing = {name: absence(name, device.capability) for name in BACKENDS if name in ON_GPU}
    runs = ", ".join(name for name, error in missing.items() if error is None)
    lacks = [f"not {name}: {error.problem}; {error.mend}" for name, error in missing.items() if error is not None]
    return [*([f"runs {runs}"] if runs else []), *lacks]


def _number(device: Device) -> str:
    return "-" if device.ordinal is None else str(device.ordinal)
