"""What a governor's budget is at this moment, and the sensors that watch over it.

On battery the network may take half of what it may on mains, since a rate that is just held drains it fastest. What the
user asks for in numbers holds on both.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from rtsr.errors import BackendError, UsageError
from rtsr.power import Probe
from rtsr.power.mains import on_battery
from rtsr.power.thermal import Thermometer, open_thermometer
from rtsr.upscalers.steps import Budget

_READ_S = 1.0
"""Between two readings of a sensor: counters of energy are means over that time."""
_MAINS_S = 5.0
"""Between two looks at the plug."""
BATTERY_SHARE = 0.45
"""Of a frame's time, on battery; `Budget.share` on mains."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a user asks of the governor. None: it does not matter. Raises UsageError on what makes no sense."""

    target_fps: float | None = None
    max_watts: float | None = None
    max_latency_ms: float | None = None
    max_temp_c: float | None = None

    def __post_init__(self) -> None:
        given = {
            "--target-fps": (self.target_fps, "frames per second"),
            "--max-watts": (self.max_watts, "watts"),
            "--max-latency": (self.max_latency_ms, "milliseconds"),
            "--max-temp": (self.max_temp_c, "degrees Celsius"),
        }
        for flag, (value, unit) in given.items():
            if value is not None and not 0 < value < 1e6:
                raise UsageError(f"{flag} {value:g}", mend=f"say how many {unit}, more than 0")


def open_senses(limits: Limits, probe: Probe | None, sysfs: Path = Path("/sys")) -> "MachineSenses":
    """The sensors that `limits` need, and the plug.

    Args:
        limits: what is allowed.
        probe: what measures the watts, where they are limited; closed with what is given, or where this raises.
        sysfs: where the kernel's sysfs is mounted.

    Raises:
        BackendError: nothing here measures the temperature, and it is limited.
    """
    thermometer = None
    try:
        if limits.max_temp_c is not None:
            thermometer = open_thermometer(sysfs)
    except BackendError as error:
        if probe is not None:
            probe.close()
        raise BackendError(
            f"--max-temp {limits.max_temp_c:g}, and {error.problem}",
            mend="leave it out: it cannot be watched over here",
        ) from error
    return MachineSenses(limits, probe, thermometer, sysfs)


class MachineSenses:
    """This machine's; see `open_senses` and `rtsr.upscalers.governor.Senses`."""

    def __init__(self, limits: Limits, probe: Probe | None, thermometer: Thermometer | None, sysfs: Path) -> None:
        self._probe, self._thermometer, self._sysfs = probe, thermometer, sysfs
        self._mains = Budget(limits.target_fps, limits.max_watts, limits.max_latency_ms, limits.max_temp_c)
        self._battery = replace(self._mains, share=BATTERY_SHARE, profile="on battery")
        self._budget = self._mains
        self._looked_s = self._read_s = -_MAINS_S
        self._watts: float | None = None
        self._temp_c: float | None = None

    def budget(self) -> Budget:
        """See `Senses`."""
        now_s = time.monotonic()
        if now_s - self._looked_s >= _MAINS_S:
            self._looked_s = now_s
            self._budget = self._battery if on_battery(self._sysfs) else self._mains
        return self._budget

    def watts(self) -> float | None:
        """See `Senses`."""
        self._read()
        return self._watts

    def temp_c(self) -> float | None:
        """See `Senses`."""
        self._read()
        return self._temp_c

    def words(self) -> str:
        """See `Senses`; of what is limited only."""
        parts = [self._budget.profile]
        if self._probe is not None:
            watts = "not measured" if self._watts is None else f"{self._watts:.1f}"
            parts.append(f"{watts} of {self._mains.max_watts:g} W ({self._probe.rail})")
        if self._thermometer is not None:
            heat = "not measured" if self._temp_c is None else f"{self._temp_c:.0f}"
            parts.append(f"{heat} of {self._mains.max_temp_c:g} °C ({self._thermometer.place})")
        return " · ".join(filter(None, parts))

    def close(self) -> None:
        """See `Senses`."""
        for sensor in (self._probe, self._thermometer):
            if sensor is not None:
                sensor.close()

    def _read(self) -> None:
        now_s = time.monotonic()
        if now_s - self._read_s >= _READ_S:
            self._read_s = now_s
            self._watts = self._probe.read_w() if self._probe is not None else None
            self._temp_c = self._thermometer.read_c() if self._thermometer is not None else None
