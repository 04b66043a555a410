"""How busy the CPU is, over all programs and cores: what a power sensor should follow."""

from pathlib import Path

from rtsr.power.sysfs import word

_IDLE = (3, 4)
"""Columns of /proc/stat, proc(5): idle, and waiting for a disk."""
_LEAST_TICKS = 20
"""That say anything: there are a hundred a second and core."""


class CpuLoad:
    """Read from one thread.

    Args:
        proc: where the kernel's procfs is mounted.
    """

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._stat = proc / "stat"
        self._ticks = self._read()

    def busy(self) -> float | None:
        """Share of all cores' time that was worked since the last answer, 0 to 1.

        None where it is not told, and where the last answer was only just given.
        """
        before, now = self._ticks, self._read()
        if before is None or now is None:
            self._ticks = now
            return None
        total, idle = now[0] - before[0], now[1] - before[1]
        if total < _LEAST_TICKS:
            return None
        self._ticks = now
        return min(1.0, max(0.0, 1 - idle / total))

    def _read(self) -> tuple[int, int] | None:
        """(all ticks, idle ticks)."""
        head, _, rest = word(self._stat).partition("\n")[0].partition(" ")
        try:
            ticks = [int(one) for one in rest.split()][:8]  # after them guests, which are counted in the first two
        except ValueError:
            return None
        return (sum(ticks), sum(ticks[at] for at in _IDLE)) if head == "cpu" and len(ticks) > max(_IDLE) else None
