"""RAPL, the energy counters of Intel's and AMD's x86 CPUs, in the kernel's powercap tree."""

import time
from pathlib import Path

from rtsr.errors import BackendError
from rtsr.mailbox import Mailbox
from rtsr.power import NOTHING_TO_MEND

_FIRST_S = 0.05
"""Time between the two readings of the first power: counters move once per millisecond."""


def open_rapl(sysfs: Path = Path("/sys")) -> "RaplProbe":
    """The sum of all CPU packages.

    Args:
        sysfs: where the kernel's sysfs is mounted.

    Raises:
        BackendError: no counter, or it may not be read.
    """
    zones = [zone for zone in sorted(sysfs.glob("class/powercap/intel-rapl:*")) if _is_package(zone)]
    if not zones:
        raise BackendError("no RAPL counter in sysfs: x86 CPUs outside virtual machines have one", mend=NOTHING_TO_MEND)
    try:
        for zone in zones:
            _micro_joules(zone)
    except PermissionError as error:
        raise BackendError(
            f"{zones[0].name}/energy_uj is readable by root only",
            mend="until the next boot: sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj",
        ) from error
    except (OSError, ValueError) as error:
        raise BackendError(
            f"{zones[0].name}/energy_uj cannot be read ({error})", mend="sudo modprobe intel_rapl_msr"
        ) from error
    probe = RaplProbe(zones)
    Mailbox[None](1).wait_closed(_FIRST_S)
    return probe


def _is_package(zone: Path) -> bool:
    try:
        return (zone / "name").read_text().startswith("package")
    except OSError:
        return False


def _micro_joules(zone: Path) -> int:
    return int((zone / "energy_uj").read_text())


class RaplProbe:
    """All CPU packages; see `open_rapl`."""

    def __init__(self, zones: list[Path]) -> None:
        self._zones = zones
        self.rail = "CPU package" if len(zones) == 1 else f"{len(zones)} CPU packages"
        self._read_s = time.monotonic()
        self._energies_uj = [_micro_joules(zone) for zone in zones]

    def read_w(self) -> float | None:
        """See `Probe`: the mean since the last call; None when the counter has not moved since."""
        try:
            energies_uj = [_micro_joules(zone) for zone in self._zones]
            spent_uj = sum(
                now - before if now >= before else now - before + int((zone / "max_energy_range_uj").read_text())
                for zone, now, before in zip(self._zones, energies_uj, self._energies_uj, strict=True)
            )
        except (OSError, ValueError):
            return None
        now_s = time.monotonic()
        passed_s = now_s - self._read_s
        self._read_s, self._energies_uj = now_s, energies_uj
        return spent_uj / passed_s / 1e6 if spent_uj > 0 and passed_s > 0 else None

    def close(self) -> None:
        """See `Probe`: nothing is held open."""
