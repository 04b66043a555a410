"""The INA3221 of an NVIDIA Jetson: what feeds the module, found by the labels of its rails in sysfs.

Labels moved with JetPack: hwmon `in1_label` and its millivolts and milliamperes (5 and later), iio `rail_name_0` and
its milliwatts (4). Which labels there are, and what they feed, is told by NVIDIA's Jetson Linux Developer Guide under
"Platform Power and Performance".
"""

import math
from collections.abc import Iterator
from pathlib import Path

from rtsr.errors import BackendError
from rtsr.power import NOTHING_TO_MEND, Part
from rtsr.power.load import CpuLoad
from rtsr.power.sysfs import board_name, number, word

_INPUTS = ("VDD_IN", "POM_5V_IN")
"""Labels of the rail that feeds everything: Orin Nano, Orin NX, Xavier NX and TX2; Nano. The others are within it."""
_SUMS = (("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"), ("GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"))
"""Where no such rail is: labels of those that feed everything together. AGX Orin (its VDDQ_VDD2_1V8AO is fed by
VIN_SYS_5V0, and would count twice), and AGX Xavier (its VDDRQ is not fed by SYS5V)."""
_CHANNELS = ("1", "2", "3")
"""Of the chip. The kernel's channel 7 is the sum of the shunts' voltages, no rail."""
_UNCONNECTED = ("", "NC")
_LEAST_W = -0.2
"""Of a rail: what feeds a part that is off reads a little less than nothing, by the error of the chip."""


def open_tegra(sysfs: Path = Path("/sys"), proc: Path = Path("/proc")) -> "TegraProbe":
    """The module's input rail, or all the rails that feed it.

    Args:
        sysfs: where the kernel's sysfs is mounted.
        proc: where its procfs is.

    Raises:
        BackendError: no INA3221, or its rails do not add up to the whole module.
    """
    rails = dict(_rails(sysfs))
    if not rails:
        raise BackendError("no INA3221 in sysfs: only Jetson modules have one", mend=NOTHING_TO_MEND)
    for labels in (*((label,) for label in _INPUTS), *_SUMS):
        if all(label in rails for label in labels):
            what = f"module input {labels[0]}" if len(labels) == 1 else f"module, {' + '.join(labels)}"
            rail = ", ".join(filter(None, (what, board_name(sysfs))))
            return TegraProbe(rail, {label: rails[label] for label in labels}, CpuLoad(proc))
    raise BackendError(
        f"no rail of the INA3221 feeds the whole module (it has {', '.join(sorted(rails))})",
        mend=NOTHING_TO_MEND,
    )


def _rails(sysfs: Path) -> Iterator[tuple[str, tuple[Path, ...]]]:
    """Label of each rail, and the files whose product is its power: mV and mA, or mW alone."""
    for chip in sorted(sysfs.glob("class/hwmon/hwmon*")):
        for channel in _CHANNELS if word(chip / "name") == "ina3221" else ():
            label = word(chip / f"in{channel}_label")
            if label not in _UNCONNECTED:
                yield label, (chip / f"in{channel}_input", chip / f"curr{channel}_input")
    for file in sorted(sysfs.glob("bus/i2c/drivers/ina3221x/*/iio:device*/rail_name_*")):
        channel, label = file.name.removeprefix("rail_name_"), word(file)
        if label not in _UNCONNECTED:
            yield label, (file.parent / f"in_power{channel}_input",)


class TegraProbe:
    """One or several rails; see `open_tegra`."""

    part: Part = "module"

    def __init__(self, rail: str, rails: dict[str, tuple[Path, ...]], load: CpuLoad) -> None:
        self.rail, self._rails, self._load = rail, rails, load
        self.why = ""

    def read_w(self) -> float | None:
        """See `Probe`: of several rails none may be missing."""
        watts = 0.0
        for label, files in self._rails.items():
            values = [value / 1e3 for file in files if (value := number(file)) is not None]
            drawn = math.prod(values)
            if len(values) < len(files) or drawn < _LEAST_W:
                self.why = f"rail {label} " + ("says nothing" if len(values) < len(files) else f"says {drawn:.3g} W")
                return None
            watts += drawn
        self.why = ""
        return watts

    def spent_j(self) -> float | None:
        """See `Probe`: this chip counts no energy."""
        self.why = ""
        return None

    def busy(self) -> float | None:
        """See `Probe`; of the CPU: what the GPU does, sysfs does not tell on every JetPack."""
        return self._load.busy()

    def close(self) -> None:
        """See `Probe`: nothing is held open."""
