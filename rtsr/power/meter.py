"""The energy of a span of a run, by every sensor at once: counters are subtracted, other readings are summed up."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rtsr.power import Part, Probe

_READ_S = 0.05
"""Between two readings of a sensor without a counter."""
_LONGEST_S = 2.0
"""Between two such readings, at most: what lies between them is guessed."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What one sensor saw of a span."""

    rail: str
    part: Part
    seconds: float
    joules: float | None
    """None: not measured, see `why`."""
    is_counted: bool
    """By a counter of the hardware; otherwise summed up from readings."""
    why: str = ""

    @property
    def watts(self) -> float | None:
        """The mean."""
        return None if self.joules is None or self.seconds <= 0 else self.joules / self.seconds


class Span:
    """From its making to `end`; from one thread.

    Args:
        probes: opened; nobody else reads them meanwhile.
    """

    def __init__(self, probes: Sequence[Probe]) -> None:
        self._gauges = [_Gauge(probe) for probe in probes]
        self._ticked_s = time.monotonic()

    def tick(self) -> None:
        """Call it often: sensors without a counter know only what is read, and counters go round."""
        now_s = time.monotonic()
        if now_s - self._ticked_s >= _READ_S:
            self._ticked_s = now_s
            for gauge in self._gauges:
                gauge.read()

    def end(self) -> tuple[Drawn, ...]:
        """What each sensor saw, in the order of the probes; 0 J of a span that is shorter than a counter's step."""
        return tuple(gauge.end() for gauge in self._gauges)


class _Gauge:
    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._why, self._sum_j = "", 0.0
        self._before_j = probe.spent_j()
        self._watts = probe.read_w() if self._before_j is None else None
        self._began_s = self._read_s = time.monotonic()
        if self._before_j is None and self._watts is None:
            self._why = probe.why

    def read(self) -> None:
        """Of a counter: so that it does not go round unseen. Of another: one more trapezium."""
        if self._before_j is not None:
            self._probe.spent_j()
            return
        before_w, self._watts = self._watts, self._probe.read_w()
        before_s, self._read_s = self._read_s, time.monotonic()
        if before_w is None or self._watts is None:
            self._why = self._why or self._probe.why
        elif self._read_s - before_s > _LONGEST_S:
            self._why = self._why or f"it was read only after {self._read_s - before_s:.1f} s"
        else:
            self._sum_j += (before_w + self._watts) / 2 * (self._read_s - before_s)

    def end(self) -> Drawn:
        probe, is_counted = self._probe, self._before_j is not None
        if self._before_j is not None:
            after_j = probe.spent_j()
            seconds = time.monotonic() - self._began_s
            joules = None if after_j is None else after_j - self._before_j
            self._why = probe.why
        else:
            self.read()
            seconds, joules = self._read_s - self._began_s, None if self._why else self._sum_j
        return Drawn(probe.rail, probe.part, seconds, joules, is_counted, self._why)


def total(spans: Sequence[Drawn]) -> Drawn:
    """Spans of one sensor, one at least, as one; not measured where a part is not, or where nothing was drawn."""
    joules, seconds = 0.0, sum(one.seconds for one in spans)
    whole = replace(spans[0], seconds=seconds)
    for one in spans:
        if one.joules is None:
            return replace(whole, joules=None, why=one.why)
        joules += one.joules
    if joules <= 0:
        return replace(whole, joules=None, why=f"it says {joules:g} J for {seconds:.2g} s")
    return replace(whole, joules=joules)
