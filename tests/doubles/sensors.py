"""Power sensors with a known truth, and the clock that they are read by."""

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from rtsr.power import Part


class Clock:
    """The monotonic clock of modules of `rtsr.power` that use `time`, moved by hand."""

    def __init__(self, patch: pytest.MonkeyPatch, *modules: str) -> None:
        self.now_s = 1000.0
        for module in modules:
            patch.setattr(f"rtsr.power.{module}.time", SimpleNamespace(monotonic=lambda: self.now_s))


class Sensor:
    """What `power_w` gives, as a sensor with or without a counter of energy tells it; see `rtsr.power.Probe`.

    Args:
        power_w: watts at a moment of the monotonic clock; None: it says nothing then.
        counts: whether it counts energy, of a power that does not change.
        load: how busy the part is at that moment.
    """

    def __init__(
        self,
        power_w: Callable[[float], float | None],
        *,
        part: Part = "cpu",
        counts: bool = False,
        load: Callable[[float], float | None] = lambda _now_s: None,
        rail: str = "CPU package, X",
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._power_w, self._counts, self._load, self._now = power_w, counts, load, now
        self.rail, self.part, self.why = rail, part, ""
        self._opened_s = now()
        self.closed = 0

    def read_w(self) -> float | None:
        """See `Probe`."""
        watts = self._power_w(self._now())
        self.why = "" if watts is not None else "it fell off"
        return watts

    def spent_j(self) -> float | None:
        """See `Probe`."""
        if not self._counts:
            self.why = ""
            return None
        watts = self.read_w()
        return None if watts is None else watts * (self._now() - self._opened_s)

    def busy(self) -> float | None:
        """See `Probe`."""
        return self._load(self._now())

    def close(self) -> None:
        """See `Probe`."""
        self.closed += 1
