"""A sensor put to the test: read at rest, then while a core works. What says the same to the last digit is stuck.

For `rtsr doctor`, which has the time. Gauges of batteries are too slow for it, and a card would need work of its own:
those are only read. Whether they move is watched while they are used, see `rtsr.power.truth`.
"""

import math
import time
from dataclasses import dataclass

from rtsr.errors import BackendError
from rtsr.mailbox import Mailbox
from rtsr.power import NOTHING_TO_MEND, Probe
from rtsr.power.meter import Span, total

REST_S, WORK_S = 0.4, 0.6
_STEP_S = 0.06
"""Longer than what lies between two readings of a `Span`."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a sensor says."""

    watts: float
    """At rest."""
    loaded_w: float | None
    """While a core works; None where that was not tried."""

    def __str__(self) -> str:
        loaded = "" if self.loaded_w is None else f", {self.loaded_w:.1f} W with a core busy"
        return f"{self.watts:.1f} W now{loaded}"


def try_probe(probe: Probe) -> Trial:
    """Read it for a second.

    Raises:
        BackendError: it says nothing, or the same at rest and at work.
    """
    rest = _Span(probe)
    rest.wait(REST_S)
    watts = rest.end()
    if probe.part in ("machine", "gpu"):
        return Trial(watts, None)
    work = _Span(probe)
    work.toil(WORK_S)
    loaded_w = work.end()
    is_read = probe.spent_j() is None  # a counter that moves is not stuck, however evenly
    if is_read and math.isclose(watts, loaded_w, rel_tol=1e-9):  # but for the rounding of sums
        raise BackendError(
            f"{probe.rail}: it says {watts:.5g} W at rest and at work, which cannot be true", mend=NOTHING_TO_MEND
        )
    return Trial(watts, loaded_w)


class _Span:
    """A short one, whose mean is asked for."""

    def __init__(self, probe: Probe) -> None:
        self._rail, self._span = probe.rail, Span([probe])

    def wait(self, seconds: float) -> None:
        never = Mailbox[None](1)
        for _ in range(round(seconds / _STEP_S)):
            never.wait_closed(_STEP_S)
            self._span.tick()

    def toil(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            sum(range(20_000))
            self._span.tick()

    def end(self) -> float:
        (drawn,) = self._span.end()
        watts = total([drawn]).watts
        if watts is None:
            raise BackendError(f"{self._rail}: {total([drawn]).why}", mend=NOTHING_TO_MEND)
        return watts
