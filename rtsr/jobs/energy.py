"""What making frames costs in energy: watts and joules per frame of every rail, and how that is told."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rtsr.errors import RtsrError
from rtsr.power import CONTAINS, NVIDIA_CARD, Part, Probe, open_probes
from rtsr.power.meter import Drawn, Span, total

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_AGREE = 0.1
"""Of the idle power: measured before and after, it should not differ by more."""
_AT_REST = 0.1
"""Of all cores: a machine that is busier with other programs is not idle."""


@dataclass(frozen=True, slots=True)
class Idle:
    """What a rail draws while nothing is upscaled; see `rtsr.jobs.idle`."""

    before_w: float
    after_w: float
    measured: str
    """The day, as ISO 8601 has it."""
    busy: float | None
    """How busy the CPU was meanwhile, by other programs: 0 to 1; None where it is not told."""

    @property
    def watts(self) -> float:
        """The mean."""
        return (self.before_w + self.after_w) / 2


@dataclass(frozen=True, slots=True)
class Power:
    """What one rail drew while frames were made, everything else that it feeds included."""

    rail: str
    part: Part
    watts: float | None
    """The mean; None: not measured, see `why`."""
    joules_per_frame: float | None
    is_counted: bool
    """By a counter of energy; otherwise summed up from readings."""
    why: str = ""
    idle: Idle | None = None
    """To be subtracted where only the frames are asked for; None where it was not measured."""

    def above_idle(self, value: float | None) -> float | None:
        """The share of `value`, watts or joules per frame, that goes beyond the idle machine."""
        if value is None or self.watts is None or self.idle is None:
            return None
        return value * (1 - self.idle.watts / self.watts)


def open_sensors(device: str) -> list[Probe]:
    """Every power sensor that can be read, of the NVIDIA card that `--device` names; of the first where it is auto."""
    from rtsr.upscalers.devices import find_gpu

    try:
        return open_probes(find_gpu(device).uuid)
    except RtsrError:  # no GPU, or none of that name: the backend says so
        return open_probes(NVIDIA_CARD)


@contextmanager
def metered(device: str) -> Iterator[Span]:
    """A span over all sensors of `open_sensors` that are closed at its end."""
    probes = open_sensors(device)
    try:
        yield Span(probes)
    finally:
        for probe in probes:
            probe.close()


def bill(drawn: Sequence[Drawn], frames: int) -> list[str]:
    """What a run of `frames` has cost, a line for each sensor; for the user."""
    lines = []
    for one in (total([each]) for each in sorted(drawn, key=lambda one: -len(CONTAINS[one.part]))):
        within = any(one.part in CONTAINS[other.part] for other in drawn)
        lead = "  of which" if within else "energy:"
        if one.joules is None or one.watts is None:
            lines.append(f"{lead} not measured ({one.rail}: {one.why})")
            continue
        each = f"{one.joules / frames:.3g} J a frame, " if frames else ""
        lines.append(f"{lead} {_joules(one.joules)} of {one.rail}, {each}{one.watts:.1f} W, its idle share included")
    return lines


def _joules(joules: float) -> str:
    return f"{joules / 3600:.3g} Wh" if joules >= 3600 else f"{joules:.3g} J"


def powers_of(spans: Sequence[tuple[Drawn, ...]], frames: int) -> tuple[Power, ...]:
    """What each sensor saw while `frames` were made in `spans`, one at least."""
    powers = []
    for parts in zip(*spans, strict=True):
        drawn = total(parts)
        each = None if drawn.joules is None or frames < 1 else drawn.joules / frames
        powers.append(Power(drawn.rail, drawn.part, drawn.watts, each, drawn.is_counted, drawn.why))
    return tuple(powers)


def with_idle(powers: Sequence[Power], idle: Mapping[str, Idle]) -> tuple[Power, ...]:
    """The same, each with what its rail draws when idle; `idle` is by the rail."""
    return tuple(replace(one, idle=idle.get(one.rail)) for one in powers)


def main_power(powers: Sequence[Power], *, on_gpu: bool) -> Power | None:
    """The one to name where only one is named: of what made the frames, as far as that is measured."""
    measured = [one for one in powers if one.watts is not None]
    if on_gpu:
        measured.sort(key=lambda one: one.part not in ("module", "gpu"))
    return next(iter(measured), None)


def columns(rows: Sequence[Sequence[Power]]) -> list[list[str]]:
    """Cells about power for a table: its head, and a line for each of `rows`; `feet` names the rails."""
    rails = _rails(rows)
    if not any(one.watts is not None for row in rows for one in row):
        return [["W"], *(["not measured"] for _ in rows)]
    has_idle = any(one.idle is not None for row in rows for one in row)
    head: list[str] = []
    lines: list[list[str]] = [[] for _ in rows]
    for rail, sign in rails.items():
        head += [f"{sign}{word}" for word in ("W", "J/frame", *(("W above idle", "J/frame above idle") * has_idle))]
        for line, row in zip(lines, rows, strict=True):
            found = next((one for one in row if one.rail == rail), None)
            line += _cells(found, has_idle=has_idle)
    return [head, *lines]


def _rails(rows: Sequence[Sequence[Power]]) -> dict[str, str]:
    """Each rail, and the sign of its columns: empty where it is the only one."""
    rails = list(dict.fromkeys(one.rail for row in rows for one in row))
    return {rail: f"{chr(ord('a') + at)}: " if len(rails) > 1 else "" for at, rail in enumerate(rails)}


def _cells(power: Power | None, *, has_idle: bool) -> list[str]:
    if power is None or power.watts is None or power.joules_per_frame is None:
        return ["not measured"] + ["-"] * (3 if has_idle else 1)
    cells = [f"{power.watts:.1f}", f"{power.joules_per_frame:.3g}"]
    if has_idle:
        above_w, above_j = power.above_idle(power.watts), power.above_idle(power.joules_per_frame)
        cells += ["-" if above_w is None else f"{above_w:.1f}", "-" if above_j is None else f"{above_j:.3g}"]
    return cells


def feet(rows: Sequence[Sequence[Power]]) -> list[str]:
    """What has to be said below a table of `columns`: what was measured, how, and what was taken away."""
    rails = _rails(rows)
    if not rails:
        return ["Power: not measured, no sensor can be read here; `rtsr doctor` tells why."]
    lines = []
    for rail, sign in rails.items():
        power = next(one for row in rows for one in row if one.rail == rail)
        reasons = sorted({one.why for row in rows for one in row if one.rail == rail and one.watts is None})
        how = "by its counter of energy" if power.is_counted else "summed up from readings"
        lines.append(f"{sign}{rail}, {how}" + (f"; not measured where {'; '.join(reasons)}" if reasons else "") + ".")
        if power.idle is not None:
            lines.append(f"  {idle_words(power.idle)}")
    if len(rails) > 1:
        lines.append("Rails are not added up: one may feed another.")
    return lines


def idle_words(idle: Idle) -> str:
    """What was measured of the idle machine, and what speaks against it."""
    words = f"idle {idle.before_w:.1f} W before and {idle.after_w:.1f} W after, on {idle.measured}"
    apart = abs(idle.before_w - idle.after_w) / idle.watts
    if apart > _AGREE:
        words += f"; they are {apart:.0%} apart, and what is above idle is no more certain"
    if idle.busy is not None and idle.busy > _AT_REST:
        words += f"; other programs kept the CPU {idle.busy:.0%} busy, so it was not idle"
    return words + "."
