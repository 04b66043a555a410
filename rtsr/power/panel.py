"""Every sensor's number for the screen, a line each: they overlap, so they stand below each other, never added up."""

from collections.abc import Sequence

from rtsr.power import CONTAINS, Part, Probe

NO_SENSOR = "power not measured (no sensor)"


class Panel:
    """Read from one thread, some times a second.

    Args:
        probes: opened; closed with it.
    """

    def __init__(self, probes: Sequence[Probe]) -> None:
        self._probes = sorted(probes, key=lambda probe: -len(CONTAINS[probe.part]))

    def lines(self, rate_fps: float | None) -> tuple[str, ...]:
        """Watts now, and joules per frame at `rate_fps`, of the widest sensor first; what is within another says so."""
        if not self._probes:
            return (NO_SENSOR,)
        lines: list[str] = []
        parts: set[Part] = set()
        for probe in self._probes:
            watts = probe.read_w()
            lead = "of which" if any(probe.part in CONTAINS[part] for part in parts) else "power"
            parts.add(probe.part)
            if watts is None:
                lines.append(f"{lead} not measured ({probe.rail}: {probe.why})")
            else:
                each = f", {watts / rate_fps:.3g} J a frame" if rate_fps else ""
                lines.append(f"{lead} {watts:.1f} W{each} ({probe.rail})")
        return tuple(lines)

    def close(self) -> None:
        """Let go of the sensors. Safe to call twice."""
        for probe in self._probes:
            probe.close()
