"""What a run draws, by the sensors of this machine: watts with the name of the rail, or "not measured", never 0.

Sensors overlap: a battery feeds the CPU whose counter stands beside it. So their numbers are shown side by side, each
with its name, and never added up.
"""

from collections.abc import Callable
from typing import Literal, Protocol

from rtsr.errors import BackendError

NOTHING_TO_MEND = "nothing is broken"
"""The mend of a sensor that this kind of machine does not have."""

Part = Literal["machine", "module", "platform", "cpu", "gpu"]
"""What a sensor sees: all that a battery feeds; a Jetson's module without its carrier board; what the maker of an Intel
machine wired to its platform counter; the CPU packages; an NVIDIA card with its memory and fans."""
CONTAINS: dict[Part, frozenset[Part]] = {
    "machine": frozenset({"module", "platform", "cpu", "gpu"}),
    "module": frozenset({"cpu", "gpu"}),
    "platform": frozenset({"cpu"}),
    "cpu": frozenset(),
    "gpu": frozenset(),
}
"""The parts whose power is a part of the key's."""
NVIDIA_CARD = 0
"""The card that is read where none is named: the first, as nvidia-smi counts."""


class Probe(Protocol):
    """One power sensor, read from one thread."""

    @property
    def rail(self) -> str:
        """What the sensor sees, in words, with the name of the chip or board."""

    @property
    def part(self) -> Part:
        """What the sensor sees, for what contains what."""

    @property
    def why(self) -> str:
        """Why the last `read_w` or `spent_j` gave nothing; empty where it gave something."""

    def read_w(self) -> float | None:
        """Watts now, or since the last call where the sensor counts energy; None when it gives nothing."""

    def spent_j(self) -> float | None:
        """Joules since it was opened, by a counter of the hardware; None where it has none, or cannot be read now."""

    def busy(self) -> float | None:
        """How busy that is which it sees, 0 to 1; None where it is not told."""

    def close(self) -> None:
        """Let go of the sensor. Safe to call twice."""


def _tegra(_card: int | str) -> Probe:
    from rtsr.power.tegra import open_tegra

    return open_tegra()


def _psys(_card: int | str) -> Probe:
    from rtsr.power.rapl import open_psys

    return open_psys()


def _rapl(_card: int | str) -> Probe:
    from rtsr.power.rapl import open_rapl

    return open_rapl()


def _nvml(card: int | str) -> Probe:
    from rtsr.power.nvml import open_nvml

    return open_nvml(card)


def _battery(_card: int | str) -> Probe:
    from rtsr.power.battery import open_battery

    return open_battery()


PROBES: dict[str, Callable[[int | str], Probe]] = {
    "tegra": _tegra,
    "rapl": _rapl,
    "psys": _psys,
    "nvml": _nvml,
    "battery": _battery,
}
"""Every kind of sensor, made for an NVIDIA card: the one that sees best what the CPU path costs comes first."""


def open_probe(card: int | str = NVIDIA_CARD) -> Probe | None:
    """The first sensor that works and does not lie, or None; `card` as in `open_probes`."""
    for name in PROBES:
        try:
            return open_checked(name, card)
        except BackendError:
            continue
    return None


def open_probes(card: int | str = NVIDIA_CARD) -> list[Probe]:
    """Every sensor that works and does not lie, in the order of PROBES.

    Args:
        card: the NVIDIA card to read, by its number as nvidia-smi counts, or its UUID, "GPU-...".
    """
    probes = []
    for name in PROBES:
        try:
            probes.append(open_checked(name, card))
        except BackendError:
            continue
    return probes


def probe_reasons() -> list[tuple[str, str]]:
    """Name of every sensor that cannot be used, and why not, with its mend."""
    reasons = []
    for name in PROBES:
        try:
            open_checked(name).close()
        except BackendError as error:
            reasons.append((name, str(error)))
    return reasons


def open_checked(name: str, card: int | str = NVIDIA_CARD) -> Probe:
    """Open one member of PROBES and read it once; what it says later is judged, too: see `rtsr.power.truth`.

    Raises:
        BackendError: it is missing, may not be read, or reads what cannot be true.
    """
    from rtsr.power.truth import Truthful

    probe = Truthful(PROBES[name](card))
    if probe.read_w() is None:
        probe.close()
        raise BackendError(f"{probe.rail}: {probe.why}", mend=NOTHING_TO_MEND)
    return probe
