"""What a laptop draws from its battery, by the kernel's power_supply class: the whole machine, screen and all.

Only while it runs from the battery: on mains nobody tells what comes through the plug. Kernel documentation:
ABI/testing/sysfs-class-power.
"""

from pathlib import Path

from rtsr.errors import BackendError
from rtsr.power import NOTHING_TO_MEND, Part
from rtsr.power.load import CpuLoad
from rtsr.power.mains import batteries, on_battery
from rtsr.power.sysfs import board_name, number, word


def open_battery(sysfs: Path = Path("/sys"), proc: Path = Path("/proc")) -> "BatteryProbe":
    """All batteries that feed the machine.

    Args:
        sysfs: where the kernel's sysfs is mounted.
        proc: where its procfs is.

    Raises:
        BackendError: it has none.
    """
    cells = batteries(sysfs)
    if not cells:
        raise BackendError("no battery feeds this machine", mend=NOTHING_TO_MEND)
    return BatteryProbe(sysfs, cells, CpuLoad(proc))


class BatteryProbe:
    """See `open_battery`."""

    part: Part = "machine"

    def __init__(self, sysfs: Path, cells: list[Path], load: CpuLoad) -> None:
        self._sysfs, self._cells, self._load = sysfs, cells, load
        names = " + ".join(cell.name for cell in cells)
        self.rail = ", ".join(filter(None, (f"whole machine from battery {names}", board_name(sysfs))))
        self.why = ""

    def read_w(self) -> float | None:
        """See `Probe`: None unless the machine runs from the battery and nothing else."""
        feeding = [cell for cell in self._cells if word(cell / "status") == "Discharging"]
        if not feeding or not on_battery(self._sysfs):
            self.why = "the machine runs from the mains, and a battery tells only what it gives"
            return None
        drawn = [_watts(cell) for cell in feeding]
        if None in drawn:
            self.why = "the battery tells neither its power nor its current and voltage"
            return None
        self.why = ""
        return sum(one for one in drawn if one is not None)

    def spent_j(self) -> float | None:
        """See `Probe`: a gauge that counts charge counts it by minutes."""
        self.why = ""
        return None

    def busy(self) -> float | None:
        """See `Probe`; of the CPU."""
        return self._load.busy()

    def close(self) -> None:
        """See `Probe`: nothing is held open."""


def _watts(cell: Path) -> float | None:
    """Of one battery that discharges, from microwatts, or from microamperes and microvolts; some gauges say minus."""
    power_uw = number(cell / "power_now")
    if power_uw is not None:
        return abs(power_uw) / 1e6
    current_ua, voltage_uv = number(cell / "current_now"), number(cell / "voltage_now")
    return None if current_ua is None or voltage_uv is None else abs(current_ua) * voltage_uv / 1e12
