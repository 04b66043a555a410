"""Watts and degrees of this machine, whether or not there is a picture."""

import time
from contextlib import suppress
from dataclasses import dataclass

from rtsr.errors import BackendError
from rtsr.jobs.energy import open_sensors
from rtsr.power import CONTAINS
from rtsr.power.thermal import Thermometer, open_thermometer


@dataclass(frozen=True, kw_only=True, slots=True)
class Sensed:
    """One reading; None is not measured."""

    power_w: float | None = None
    spent_j: float | None = None
    """Since the reading before: of the hardware's counter where there is one, else watts times seconds."""
    rail: str = ""
    heat_c: float | None = None
    place: str = ""


class Sensors:
    """The power sensor that sees most of this machine, and its thermometer; read from one thread.

    Args:
        device: the GPU that `--device` names.
    """

    def __init__(self, device: str) -> None:
        probes = sorted(open_sensors(device), key=lambda probe: -len(CONTAINS[probe.part]))
        for unused in probes[1:]:
            unused.close()
        self._probe = probes[0] if probes else None
        self._counted_j = self._probe.spent_j() if self._probe else None
        self._read_s = time.monotonic()
        self._thermometer: Thermometer | None = None
        with suppress(BackendError):
            self._thermometer = open_thermometer()

    def read(self) -> Sensed:
        """Now."""
        heat_c = self._thermometer.read_c() if self._thermometer else None
        place = self._thermometer.place if self._thermometer else ""
        if self._probe is None:
            return Sensed(heat_c=heat_c, place=place)
        power_w, spent_j = self._probe.read_w(), self._spent_j()
        before_s, self._read_s = self._read_s, time.monotonic()
        if spent_j is None and power_w is not None:
            spent_j = power_w * (self._read_s - before_s)
        return Sensed(power_w=power_w, spent_j=spent_j, rail=self._probe.rail, heat_c=heat_c, place=place)

    def close(self) -> None:
        """Safe to call twice."""
        for sensor in (self._probe, self._thermometer):
            if sensor is not None:
                sensor.close()

    def _spent_j(self) -> float | None:
        before_j, self._counted_j = self._counted_j, self._probe.spent_j() if self._probe else None
        return None if before_j is None or self._counted_j is None else self._counted_j - before_j
