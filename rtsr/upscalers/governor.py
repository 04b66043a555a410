"""An upscaler that steps along a ladder, so that what is watched keeps within its budget.

It looks four times a second at what is measured, and `rtsr.upscalers.steps` decides. The next rung is opened in the
background and takes over between two frames: the picture never stands. Every step is logged with its reason, which the
badge tells, too, until the next one.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from rtsr.background import Background, Report
from rtsr.errors import RtsrError
from rtsr.frame import Frame
from rtsr.stages import Badge, Upscaler
from rtsr.telemetry import Recent
from rtsr.upscalers.exchange import Exchange
from rtsr.upscalers.steps import TRIAL_S, Budget, Measured, State, Step, decide

log = logging.getLogger(__name__)
LOOK_S = 0.25
"""Between two decisions."""
WINDOW_S, LEAST_S = 1.0, 0.5
"""What is measured over, and the least of it that says anything."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One way to make the picture."""

    title: str
    cost_ms: float
    """Of a frame, on this machine when it is idle."""
    open: Callable[[Report | None], Upscaler]
    """Of the same scale and size as every other rung."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """Every way to make the picture."""

    rungs: tuple[Rung, ...]
    """Best first; the cheapest is the last."""
    start: int
    """Where a run begins, and where it stays while the governor is off."""


class Watch(Protocol):
    """What the other stages of the pipeline know; None is not known."""

    def source_fps(self) -> float | None:
        """Frames per second that come."""

    def shown_fps(self) -> float | None:
        """Frames per second that are shown, of the last moments without a pause."""

    def latency_ms(self) -> float | None:
        """Capture to present; 90 of 100 frames stay under it."""

    def forget(self) -> None:
        """Something else makes the picture: what was measured before does not count."""


class Senses(Protocol):
    """What the machine tells of itself, and what is allowed of it now."""

    def budget(self) -> Budget:
        """What must hold now."""

    def watts(self) -> float | None:
        """None where it is not measured."""

    def temp_c(self) -> float | None:
        """None where it is not measured."""

    def words(self) -> str:
        """Readings and limits of watts and temperature, in words."""

    def close(self) -> None:
        """Let go of the sensors. Safe to call twice."""


class GovernedUpscaler:
    """One rung of a ladder at a time; see `Upscaler`.

    Args:
        now: the rung that `ladder` starts with, open.
        ladder: what it steps along.
        watch: of the pipeline that it is a part of.
        senses: closed with it.
        clock: monotonic, in seconds.
    """

    def __init__(
        self, now: Upscaler, ladder: Ladder, watch: Watch, senses: Senses, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._exchange = Exchange(now)
        self._rungs, self._start, self._clock = ladder.rungs, ladder.start, clock
        self._costs_ms: list[float | None] = [rung.cost_ms for rung in ladder.rungs]
        self._watch, self._senses = watch, senses
        self._state = State(ladder.start, clock())
        self._rung = ladder.start
        self._opening: Background[Upscaler] | None = None
        self._cost_ms = Recent(WINDOW_S, LEAST_S)
        self._looked_s = 0.0
        self._told_s = -TRIAL_S
        """When a budget was last found broken on the last rung: one time of trouble is said once."""
        self._began = False
        self._why, self._unheld = "", ""
        """Of the last step; what is broken though there is no further one."""
        self._on = True
        self._seen, self._budget = Measured(0.0), senses.budget()
        self.steps = 0
        """Changes made so far."""

    @property
    def scale(self) -> int:
        """See `Upscaler`."""
        return self._exchange.now.scale

    @property
    def size_wh(self) -> tuple[int, int]:
        """See `Upscaler`."""
        return self._exchange.now.size_wh

    @property
    def badge(self) -> Badge:
        """Of what runs, with the reason of the last step."""
        badge = self._exchange.now.badge
        return replace(badge, reason="; ".join(filter(None, (badge.reason, self._unheld or self._why))))

    @property
    def slots(self) -> int:
        """See `Upscaler`."""
        return self._exchange.slots

    @property
    def on(self) -> bool:
        """Whether it takes steps."""
        return self._on

    @property
    def words(self) -> str:
        """Where it stands, for the screen; from any thread."""
        if not self._on:
            return f"governor off, {self._rungs[self._rung].title}"
        seen, target = self._seen, self._budget.target_fps
        rates = [rate for rate in (target, seen.source_fps) if rate]
        shown = "-" if seen.shown_fps is None else f"{seen.shown_fps:.1f}"
        parts = [f"governor: rung {self._rung + 1} of {len(self._rungs)}, {self._rungs[self._rung].title}"]
        parts += [f"{shown} of {min(rates):.1f} fps"] if rates else []
        if self._budget.max_latency_ms is not None:
            late = "-" if seen.latency_ms is None else f"{seen.latency_ms:.0f}"
            parts.append(f"{late} of {self._budget.max_latency_ms:g} ms")
        return " · ".join(filter(None, (*parts, self._senses.words())))

    def turn(self, *, to_on: bool) -> None:
        """From any thread: let it take steps, or go back to where it began and stay there."""
        if to_on != self._on:
            log.info("governor: turned %s", "on" if to_on else "off")
        self._on = to_on

    def begin(self, frame: Frame) -> Callable[[], Frame]:
        """See `Upscaler`."""
        self._look()
        began_s, abreast = time.perf_counter(), self._exchange.under_way + 1
        inner = self._exchange.begin(frame)

        def result() -> Frame:
            larger = inner()
            self._cost_ms.add((time.perf_counter() - began_s) * 1e3 / abreast, self._clock())
            return larger

        return result

    def upscale(self, frame: Frame) -> Frame:
        """See `Upscaler`."""
        return self.begin(frame)()

    def close(self) -> None:
        """See `Upscaler`."""
        if self._opening is not None:
            self._opening.close()
        self._exchange.close()
        self._senses.close()

    def _look(self) -> None:
        now_s = self._clock()
        if not self._began:  # the window may open long after the network
            self._began, self._state = True, replace(self._state, changed_s=now_s)
        if self._opening is not None:
            self._take(self._opening, now_s)
        if self._exchange.turn():
            self._taken_over(now_s)
        if self._opening is None and not self._exchange.changing and now_s - self._looked_s >= LOOK_S:
            self._looked_s = now_s
            self._decide(now_s)

    def _decide(self, now_s: float) -> None:
        self._seen = Measured(
            now_s,
            source_fps=self._watch.source_fps(),
            shown_fps=self._watch.shown_fps(),
            cost_p50_ms=self._cost_ms.percentile(50, now_s),
            cost_p90_ms=self._cost_ms.percentile(90, now_s),
            latency_ms=self._watch.latency_ms(),
            watts=self._senses.watts(),
            temp_c=self._senses.temp_c(),
        )
        if not self._on:
            self._unheld = ""
            if self._rung != self._start:
                self._go(Step(self._start, "the governor was turned off"), State(self._start, now_s))
            return
        self._budget = self._senses.budget()
        state, step = decide(self._state, self._seen, self._budget, self._costs_ms)
        if state.breach_s is None:
            self._unheld = ""
        if step is None:
            self._state = state
        elif step.rung == self._rung:
            self._state, self._unheld = state, f"governor: the budget is not held, {step.why}"
            if now_s - self._told_s >= TRIAL_S:
                log.warning("governor: %s stays: %s", self._rungs[self._rung].title, step.why)
            self._told_s = now_s
        else:
            self._go(step, state)

    def _go(self, step: Step, state: State) -> None:
        before, after = self._rungs[self._rung], self._rungs[step.rung]
        way = "down" if step.rung > self._rung else "up"
        log.info("governor: %s from %s to %s: %s", way, before.title, after.title, step.why)
        self._state, self._why = state, f"governor: {way} from {before.title}, {step.why}"
        self._opening = Background(after.open, "rtsr-rung")

    def _take(self, opening: Background[Upscaler], now_s: float) -> None:
        """Put what was opened in line, once it is there."""
        try:
            made = opening.take()
        except RtsrError as error:
            title = self._rungs[self._state.rung].title
            log.warning("governor: %s cannot be had: %s. %s", title, error.problem, error.mend)
            self._why = f"governor: {title} cannot be had, {error.problem}"
            self._costs_ms[self._state.rung] = None
            self._state, self._opening = replace(self._state, rung=self._rung, changed_s=now_s), None
            return
        if made is not None:
            self._opening = None
            self._exchange.put(made)

    def _taken_over(self, now_s: float) -> None:
        self._rung = self._state.rung
        self._state = replace(self._state, changed_s=now_s)
        self._cost_ms.clear()
        self._watch.forget()
        self.steps += 1
