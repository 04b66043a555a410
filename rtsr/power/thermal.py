"""How hot the parts are that make the picture: the hottest of CPU, GPU and module, by name; else "not measured".

Linux tells temperatures twice: as thermal zones (Jetson, ARM boards, laptops) and as hwmon chips (coretemp, k10temp,
amdgpu). An NVIDIA card on PCIe tells its own through NVML. Disks, radios, batteries and the board's own sensor are left
out: they say nothing of the work at hand.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from rtsr.errors import BackendError
from rtsr.power import NOTHING_TO_MEND
from rtsr.power.sysfs import word

_ZONES = re.compile(r"cpu|gpu|soc|pkg|package|^tj|junction|tboard|cv\d|core", re.IGNORECASE)
"""Types of thermal zones: x86_pkg_temp, cpu-thermal, CPU-therm, gpu-thermal, tj-thermal, soc0-thermal, cpuss0, ..."""
_CHIPS = frozenset({"coretemp", "k10temp", "zenpower", "amdgpu", "cpu_thermal", "nouveau", "i915", "xe"})
_COLDEST_C, _HOTTEST_C = -20.0, 150.0
"""What is outside is no temperature of a chip that works: a sensor that is off says 0 kelvin, 255, or -256."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """One place whose temperature can be read."""

    place: str
    read_c: Callable[[], float | None]
    """Degrees Celsius; None when it gives nothing, or what cannot be true."""
    close: Callable[[], None] = lambda: None


class Thermometer:
    """The hottest of several sensors, read from one thread; see `open_thermometer`."""

    def __init__(self, sensors: list[Sensor]) -> None:
        self._sensors = sensors
        self.place = ""
        """Of what the last reading is; empty before the first."""

    def read_c(self) -> float | None:
        """Degrees Celsius of the hottest place; None when no sensor gives anything now."""
        read = [(heat_c, sensor.place) for sensor in self._sensors if (heat_c := sensor.read_c()) is not None]
        if not read:
            return None
        heat_c, self.place = max(read)
        return heat_c

    def close(self) -> None:
        """Let go of the sensors. Safe to call twice."""
        for sensor in self._sensors:
            sensor.close()


def open_thermometer(sysfs: Path = Path("/sys")) -> Thermometer:
    """Every sensor of CPU, GPU and module that reads something true now.

    Args:
        sysfs: where the kernel's sysfs is mounted; the NVIDIA cards are asked only where it is the machine's own.

    Raises:
        BackendError: nothing here tells a temperature.
    """
    sensors = [sensor for sensor in (*_zones(sysfs), *_chips(sysfs)) if sensor.read_c() is not None]
    if sysfs == Path("/sys"):
        sensors += _cards()
    if not sensors:
        raise BackendError(
            "no temperature of CPU or GPU in sysfs or NVML: virtual machines have none", mend=NOTHING_TO_MEND
        )
    return Thermometer(sensors)


def _zones(sysfs: Path) -> Iterator[Sensor]:
    for zone in sorted(sysfs.glob("class/thermal/thermal_zone*")):
        kind = word(zone / "type")
        if _ZONES.search(kind):
            yield _file_sensor(kind, zone / "temp")


def _chips(sysfs: Path) -> Iterator[Sensor]:
    for chip in sorted(sysfs.glob("class/hwmon/hwmon*")):
        name = word(chip / "name")
        for file in sorted(chip.glob("temp*_input")) if name in _CHIPS else ():
            label = word(file.with_name(file.name.replace("_input", "_label")))
            yield _file_sensor(f"{name} {label}".strip(), file)


def _file_sensor(place: str, file: Path) -> Sensor:
    def read_c() -> float | None:
        try:
            return _plausible(int(file.read_text()) / 1e3)
        except (OSError, ValueError):  # a sensor whose part is asleep gives EAGAIN or nothing
            return None

    return Sensor(place, read_c)


def _plausible(heat_c: float) -> float | None:
    """None for 0, too: no chip that runs is exactly at the freezing point, and sensors that are off say so."""
    return heat_c if _COLDEST_C < heat_c < _HOTTEST_C and heat_c != 0 else None


def _cards() -> list[Sensor]:
    """Of every NVIDIA card that tells its temperature."""
    try:
        import pynvml as nvml
    except ImportError:
        return []
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return []
    sensors = [sensor for sensor in _told_by(nvml) if sensor.read_c() is not None]
    if not sensors:
        nvml.nvmlShutdown()
        return []
    left = [nvml.nvmlShutdown]

    def close() -> None:
        if left:
            left.pop()()

    return [*sensors[:-1], replace(sensors[-1], close=close)]


def _told_by(nvml: Any) -> Iterator[Sensor]:  # noqa: ANN401 - a library without types
    try:
        cards = [nvml.nvmlDeviceGetHandleByIndex(number) for number in range(nvml.nvmlDeviceGetCount())]
        names = [str(nvml.nvmlDeviceGetName(card)) for card in cards]
    except nvml.NVMLError:
        return
    for card, name in zip(cards, names, strict=True):
        yield Sensor(f"GPU {name}", partial(_card_c, nvml, card))


def _card_c(nvml: Any, card: Any) -> float | None:  # noqa: ANN401 - a library without types
    try:
        return _plausible(float(nvml.nvmlDeviceGetTemperature(card, nvml.NVML_TEMPERATURE_GPU)))
    except nvml.NVMLError:
        return None
