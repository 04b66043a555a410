"""What a run draws, by the sensors of this machine: watts with the name of the rail, or "not measured", never 0."""

from collections.abc import Callable
from typing import Protocol

from rtsr.errors import BackendError

NOTHING_TO_MEND = "nothing is broken"
"""The mend of a sensor that this kind of machine does not have."""


class Probe(Protocol):
    """One power sensor, read from one thread."""

    @property
    def rail(self) -> str:
        """What the sensor sees, in words: the whole board, the CPU package, the GPU."""

    def read_w(self) -> float | None:
        """Watts now, or since the last call where the sensor counts energy; None when it gives nothing."""

    def close(self) -> None:
        """Let go of the sensor. Safe to call twice."""


def _tegra() -> Probe:
    from rtsr.power.tegra import open_tegra

    return open_tegra()


def _rapl() -> Probe:
    from rtsr.power.rapl import open_rapl

    return open_rapl()


def _nvml() -> Probe:
    from rtsr.power.nvml import open_nvml

    return open_nvml()


PROBES: dict[str, Callable[[], Probe]] = {"tegra": _tegra, "rapl": _rapl, "nvml": _nvml}
"""Every kind of sensor: the one that sees most of what the CPU path costs comes first."""


def open_probe() -> Probe | None:
    """The first sensor that works and does not lie, or None."""
    for name in PROBES:
        try:
            return open_checked(name)
        except BackendError:
            continue
    return None


def probe_reasons() -> list[tuple[str, str]]:
    """Name of every sensor that cannot be used, and why not, with its mend."""
    reasons = []
    for name in PROBES:
        try:
            open_checked(name).close()
        except BackendError as error:
            reasons.append((name, str(error)))
    return reasons


def open_checked(name: str) -> Probe:
    """Open one member of PROBES and read it once.

    Raises:
        BackendError: it is missing, may not be read, or reads what cannot be true.
    """
    probe = PROBES[name]()
    watts = probe.read_w()
    if watts is None or not watts > 0:
        probe.close()
        said = "nothing" if watts is None else f"{watts:g} W"
        raise BackendError(f"{probe.rail} says {said}, which cannot be true", mend=NOTHING_TO_MEND)
    return probe
