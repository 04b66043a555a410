"""RAPL, the energy counters of Intel's and AMD's x86 CPUs, in the kernel's powercap tree.

A zone for each package; on some Intel machines one more, psys, for the whole platform as its maker wired it. The zones
within a package (core, uncore) are parts of it. The same packages may be there again as `intel-rapl-mmio`: not counted.
Kernel documentation: power/powercap/powercap.rst.
"""

import time
from functools import partial
from pathlib import Path

from rtsr.errors import BackendError
from rtsr.mailbox import Mailbox
from rtsr.power import NOTHING_TO_MEND, Part
from rtsr.power.counter import Counter
from rtsr.power.load import CpuLoad
from rtsr.power.sysfs import board_name, cpu_name, number, word

_FIRST_S = 0.05
"""Time between the two readings of the first power: counters move once per millisecond."""
_PSYS_LEAST = 0.9
"""Of what the packages draw, psys draws at the least: they are a part of it, and both are estimates."""
FOR_GOOD = (
    """echo 'SUBSYSTEM=="powercap", KERNEL=="intel-rapl:*", ACTION=="add", """
    """RUN+="/bin/chmod a+r /sys%p/energy_uj"' | sudo tee /etc/udev/rules.d/90-rapl.rules"""
    " && sudo udevadm control --reload && sudo udevadm trigger --action=add --subsystem-match=powercap"
)
"""Makes the counters readable now and after every boot; docs/power.md says what that gives away."""


def open_rapl(sysfs: Path = Path("/sys"), proc: Path = Path("/proc")) -> "RaplProbe":
    """The sum of all CPU packages.

    Args:
        sysfs: where the kernel's sysfs is mounted.
        proc: where its procfs is.

    Raises:
        BackendError: no counter, or it may not be read.
    """
    zones = _zones(sysfs, "package")
    if not zones:
        raise BackendError("no RAPL counter in sysfs: x86 CPUs outside virtual machines have one", mend=NOTHING_TO_MEND)
    rail = "CPU package" if len(zones) == 1 else f"{len(zones)} CPU packages"
    probe = _open(zones, ", ".join(filter(None, (rail, cpu_name(proc)))), "cpu", proc)
    Mailbox[None](1).wait_closed(_FIRST_S)
    return probe


def open_psys(sysfs: Path = Path("/sys"), proc: Path = Path("/proc")) -> "RaplProbe":
    """The whole platform, where the maker of an Intel machine wired that; raises as `open_rapl`, and when it lies."""
    zones = _zones(sysfs, "psys")[:1]  # each would be of the whole platform
    if not zones:
        raise BackendError("no RAPL counter of the whole platform: some Intel machines have one", mend=NOTHING_TO_MEND)
    probe = _open(zones, ", ".join(filter(None, ("platform (psys)", board_name(sysfs)))), "platform", proc)
    packages = _open(_zones(sysfs, "package"), "CPU", "cpu", proc)
    Mailbox[None](1).wait_closed(_FIRST_S)
    whole_j, part_j = probe.spent_j(), packages.spent_j()
    if whole_j is not None and part_j is not None and whole_j < _PSYS_LEAST * part_j:
        raise BackendError(
            f"platform (psys) counts {whole_j:.3g} J while the CPU in it counts {part_j:.3g} J, which cannot be true",
            mend=NOTHING_TO_MEND,
        )
    return probe


def _zones(sysfs: Path, kind: str) -> list[Path]:
    return [one for one in sorted(sysfs.glob("class/powercap/intel-rapl:*")) if word(one / "name").startswith(kind)]


def _open(zones: list[Path], rail: str, part: Part, proc: Path) -> "RaplProbe":
    try:
        return RaplProbe(zones, rail, part, proc)
    except PermissionError as error:
        raise BackendError(
            f"{zones[0].name}/energy_uj is readable by root only",
            mend=FOR_GOOD,
        ) from error
    except (OSError, ValueError) as error:
        raise BackendError(
            f"{zones[0].name}/energy_uj cannot be read ({error})", mend="sudo modprobe intel_rapl_msr"
        ) from error


def _micro_joules(zone: Path) -> int:
    return int((zone / "energy_uj").read_text())


class RaplProbe:
    """Zones whose energies are added up: all packages, or psys alone; see `open_rapl`."""

    def __init__(self, zones: list[Path], rail: str, part: Part, proc: Path) -> None:
        limits = [number(zone / "max_energy_range_uj") for zone in zones]
        self._counter = Counter([partial(_micro_joules, zone) for zone in zones], limits)
        self._load = CpuLoad(proc)
        self.rail, self.part, self.why = rail, part, ""
        self._read_s, self._read_j = time.monotonic(), 0.0

    def read_w(self) -> float | None:
        """See `Probe`: the mean since the last call; None when the counter has not moved since."""
        now_s, spent_j = time.monotonic(), self.spent_j()
        if spent_j is None:
            return None
        passed_s, grown_j = now_s - self._read_s, spent_j - self._read_j
        if grown_j <= 0 or passed_s <= 0:
            self.why = "it says nothing: its counter stands still"
            return None
        self._read_s, self._read_j = now_s, spent_j
        return grown_j / passed_s

    def spent_j(self) -> float | None:
        """See `Probe`."""
        try:
            spent_j = self._counter.spent() / 1e6
        except (OSError, ValueError) as error:
            self.why = f"its counter cannot be read ({error})"
            return None
        self.why = ""
        return spent_j

    def busy(self) -> float | None:
        """See `Probe`."""
        return self._load.busy()

    def close(self) -> None:
        """See `Probe`: nothing is held open."""
