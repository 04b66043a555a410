"""A sensor that is not believed blindly: what cannot be true counts as not measured, and is told with its reason.

Four ways of lying are known of real ones: nothing (0 W), less than nothing, kilowatts where watts are meant, and the
same number for ever. The last is a lie only when the load has changed meanwhile: an idle board may well draw the same
current for seconds.
"""

import math
import time
from dataclasses import dataclass

from rtsr.power import Part, Probe

MOST_W: dict[Part, float] = {"machine": 1000.0, "module": 300.0, "platform": 4000.0, "cpu": 4000.0, "gpu": 2500.0}
"""More than any such part draws."""
_SLACK_S = 0.25
"""Counters move in steps: so much longer may the time be that a step is of."""
_LOAD_CHANGE = 0.5
"""Of all cores, or of the card: no part draws the same before and after."""
_STILL_S: dict[Part, float] = {"machine": 180.0, "module": 3.0, "platform": 3.0, "cpu": 3.0, "gpu": 3.0}
"""A reading that stands still for so long, while the load does not, is stuck. Gauges of batteries are slow."""


@dataclass(slots=True)
class Stillness:
    """Whether readings stand still while the load changes."""

    patience_s: float
    watts: float = math.nan
    since_s: float = 0.0
    least_load: float = 1.0
    most_load: float = 0.0

    def is_stuck(self, watts: float, load: float | None, now_s: float) -> bool:
        """Take one reading, and the load since the one before."""
        if watts != self.watts:
            self.watts, self.since_s, self.least_load, self.most_load = watts, now_s, 1.0, 0.0
            return False
        if load is not None:
            self.least_load, self.most_load = min(self.least_load, load), max(self.most_load, load)
        return now_s - self.since_s >= self.patience_s and self.most_load - self.least_load >= _LOAD_CHANGE


class Truthful:
    """`probe`, with what cannot be true left out; see `Probe`."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self.rail, self.part, self.why = probe.rail, probe.part, ""
        self._stillness = Stillness(_STILL_S[probe.part])
        self._spent_j, self._spent_s = 0.0, time.monotonic()
        self._broken = ""
        """Why its count of energy cannot be trusted any more."""

    def read_w(self) -> float | None:
        """See `Probe`."""
        watts = self._probe.read_w()
        self.why = self._lie(watts)
        return None if self.why else watts

    def spent_j(self) -> float | None:
        """See `Probe`; once it has lied, nothing for good: a sum cannot be mended."""
        spent_j, now_s = self._probe.spent_j(), time.monotonic()
        if spent_j is None:
            self.why = self._broken or self._probe.why
            return None
        grown_j, passed_s = spent_j - self._spent_j, now_s - self._spent_s
        self._spent_j, self._spent_s = spent_j, now_s
        if not 0 <= grown_j <= MOST_W[self.part] * (passed_s + _SLACK_S):
            self._broken = f"it counted {grown_j:.4g} J in {passed_s:.2g} s, which cannot be true"
        self.why = self._broken
        return None if self._broken else spent_j

    def busy(self) -> float | None:
        """See `Probe`."""
        return self._probe.busy()

    def close(self) -> None:
        """See `Probe`."""
        self._probe.close()

    def _lie(self, watts: float | None) -> str:
        if watts is None:
            return self._probe.why or "it says nothing, which cannot be true"
        if not 0 < watts <= MOST_W[self.part]:
            return f"it says {watts:.5g} W, which cannot be true"
        if self._stillness.is_stuck(watts, self._probe.busy(), time.monotonic()):
            return f"it says {watts:.5g} W whatever the load is, which cannot be true"
        return ""
