"""When the governor takes a step, and why: a pure function of what was decided before and what is measured now.

A rung is one way to make the picture; they lie best first, and the last is the cheapest. Down is quick: after
`BREACH_S` of a broken budget, and at once as far as the forecast says is needed. Up is slow: one rung, after everything
has had room for `hold_s`, and only where the cost known of the next rung, at the load of this moment, would fit. A
climb that is followed by a fall within a minute has failed, and doubles `hold_s`; calm halves it again. So a load that
comes and goes makes fewer and fewer steps, and a load that ends is answered in seconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

BREACH_S = 1.5
"""A budget that was broken for so long in one go is broken; longer than the window of the measurements, or one late
frame would be a reason."""
SETTLE_S = 1.0
"""After a change nothing is judged: the windows of the measurements fill anew."""
WATTS_SETTLE_S = 3.0
"""Watts follow later: sensors average."""
HEAT_SETTLE_S = 10.0
"""And heat later still."""
LEAST_HOLD_S, MOST_HOLD_S = 5.0, 320.0
TRIAL_S = 60.0
"""A fall so soon after a climb is the climb's fault."""
FPS_HELD = 0.95
"""Of the frames per second asked for: less is a broken budget."""
ROOM = 0.8
"""Of a budget, at most, where there is room for the next better rung."""
COOLER_C = 5.0
"""Below the limit, where there is."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What must hold. None: it does not matter."""

    target_fps: float | None = None
    """At the screen; None is what the source gives. Never more than that."""
    max_watts: float | None = None
    max_latency_ms: float | None = None
    max_temp_c: float | None = None
    share: float = 0.9
    """Of a frame's time, that the network may take: 90 of 100 frames stay under it."""
    profile: str = ""
    """Why the budget is as it is, in words; empty for the usual one."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One reading of everything, over the last second or two. None: not measured, and not judged."""

    at_s: float
    """Monotonic."""
    source_fps: float | None = None
    shown_fps: float | None = None
    cost_p50_ms: float | None = None
    """Of a frame in the upscaler; where a GPU has several at once, its part of the time."""
    cost_p90_ms: float | None = None
    latency_ms: float | None = None
    """Capture to present; 90 of 100 frames stay under it."""
    watts: float | None = None
    temp_c: float | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What `decide` remembers."""

    rung: int
    changed_s: float
    """When this rung began."""
    hold_s: float = LEAST_HOLD_S
    """How long there must be room before a climb."""
    breach_s: float | None = None
    """Since when the budget is broken without a pause."""
    room_s: float | None = None
    """Since when there is room without a pause."""
    climbed_s: float | None = None
    """The last step up."""
    calm_s: float | None = None
    """The last fall, or when `hold_s` was halved since; None before the first."""


@dataclass(frozen=True, slots=True)
class Step:
    """To another rung; to the same one as long as there is no cheaper one and the budget is broken."""

    rung: int
    why: str
    """In one clause."""


def decide(state: State, seen: Measured, budget: Budget, costs_ms: Sequence[float | None]) -> tuple[State, Step | None]:
    """What to remember, and the step to take now, if any.

    Args:
        state: what the last call gave; after a step the caller goes on with the state of that call once it is made.
        seen: measured now; `at_s` never goes back.
        budget: what must hold now; it may be another one each time.
        costs_ms: what a frame costs on each rung on this machine when it is idle; None: that rung cannot be had.
    """
    state = _calmed(state, seen.at_s)
    broken = _breach(seen, budget)
    since_s = seen.at_s - state.changed_s
    if broken and since_s >= broken.settle_s:
        state = replace(state, room_s=None, breach_s=seen.at_s if state.breach_s is None else state.breach_s)
        if seen.at_s - (state.breach_s or 0.0) < BREACH_S:
            return state, None
        return _down(state, seen, budget, costs_ms, broken)
    if broken or since_s < SETTLE_S:
        return replace(state, breach_s=None, room_s=None), None
    return _up(replace(state, breach_s=None), seen, budget, costs_ms)


@dataclass(frozen=True, slots=True)
class _Breach:
    """A budget that is broken at this moment."""

    words: str
    settle_s: float = SETTLE_S
    """How long after a change it may be judged."""
    slow: bool = False
    """Whether a rung that costs less time mends it, as far as it can be forecast."""


def _breach(seen: Measured, budget: Budget) -> _Breach | None:
    """The first budget that is broken; None where all hold."""
    if _over(seen.temp_c, budget.max_temp_c):
        return _Breach(f"{seen.temp_c:.0f} °C, {budget.max_temp_c:g} °C are allowed", HEAT_SETTLE_S)
    if _over(seen.watts, budget.max_watts):
        return _Breach(f"{seen.watts:.1f} W, {budget.max_watts:g} W are allowed", WATTS_SETTLE_S)
    if _over(seen.latency_ms, budget.max_latency_ms):
        return _Breach(f"{seen.latency_ms:.0f} ms capture to present, {budget.max_latency_ms:g} ms are allowed")
    frame_ms = _frame_ms(seen, budget)
    if frame_ms is None:
        return None
    if seen.shown_fps is not None and seen.shown_fps < FPS_HELD * 1e3 / frame_ms:
        return _Breach(f"{seen.shown_fps:.1f} of {1e3 / frame_ms:.1f} fps are shown", slow=True)
    if _over(seen.cost_p90_ms, budget.share * frame_ms):
        beside = f" ({budget.profile})" if budget.profile else ""
        limit_ms = budget.share * frame_ms
        return _Breach(f"a frame costs {seen.cost_p90_ms:.1f} ms, {limit_ms:.1f} ms are allowed{beside}", slow=True)
    return None


def _over(value: float | None, limit: float | None) -> bool:
    return value is not None and limit is not None and value > limit


def _frame_ms(seen: Measured, budget: Budget) -> float | None:
    """How long a frame lasts at the rate that is asked for; None where no rate is known."""
    rates = [rate for rate in (budget.target_fps, seen.source_fps) if rate]
    return 1e3 / min(rates) if rates else None


def _down(
    state: State, seen: Measured, budget: Budget, costs_ms: Sequence[float | None], broken: _Breach
) -> tuple[State, Step | None]:
    lower = [rung for rung in range(state.rung + 1, len(costs_ms)) if costs_ms[rung] is not None]
    if not lower:
        return state, Step(state.rung, f"{broken.words}, and there is nothing cheaper")
    fitting = [rung for rung in lower if _fits(rung, state.rung, seen, budget, costs_ms)]
    rung = lower[0] if not broken.slow else fitting[0] if fitting else lower[-1]
    failed = state.climbed_s is not None and seen.at_s - state.climbed_s < TRIAL_S
    fallen = State(
        rung,
        seen.at_s,
        hold_s=min(2 * state.hold_s, MOST_HOLD_S) if failed else state.hold_s,
        calm_s=seen.at_s,
    )
    return fallen, Step(rung, broken.words)


def _up(state: State, seen: Measured, budget: Budget, costs_ms: Sequence[float | None]) -> tuple[State, Step | None]:
    higher = [rung for rung in range(state.rung) if costs_ms[rung] is not None]
    if not higher or not _roomy(seen, budget) or not _fits(higher[-1], state.rung, seen, budget, costs_ms):
        return replace(state, room_s=None), None
    state = replace(state, room_s=seen.at_s if state.room_s is None else state.room_s)
    held_s = seen.at_s - (state.room_s or 0.0)
    if held_s < state.hold_s:
        return state, None
    climbed = State(higher[-1], seen.at_s, hold_s=state.hold_s, climbed_s=seen.at_s, calm_s=state.calm_s)
    frame_ms, costs = _frame_ms(seen, budget), _forecast_ms(higher[-1], state.rung, seen, costs_ms)
    why = f"all budgets have had room for {held_s:.0f} s"
    if frame_ms is not None and costs is not None:
        why += f", and it should cost {costs:.1f} of {budget.share * frame_ms:.1f} ms"
    return climbed, Step(higher[-1], why)


def _roomy(seen: Measured, budget: Budget) -> bool:
    """Whether what cannot be forecast is far from its limit."""
    return not (
        _over(seen.watts, None if budget.max_watts is None else ROOM * budget.max_watts)
        or _over(seen.temp_c, None if budget.max_temp_c is None else budget.max_temp_c - COOLER_C)
        or _over(seen.latency_ms, None if budget.max_latency_ms is None else ROOM * budget.max_latency_ms)
    )


def _fits(rung: int, here: int, seen: Measured, budget: Budget, costs_ms: Sequence[float | None]) -> bool:
    """Whether another rung would hold the rate, as far as that can be forecast."""
    frame_ms = _frame_ms(seen, budget)
    if frame_ms is None:
        return True
    costs = _forecast_ms(rung, here, seen, costs_ms)
    return costs is not None and costs <= ROOM * budget.share * frame_ms


def _forecast_ms(rung: int, here: int, seen: Measured, costs_ms: Sequence[float | None]) -> float | None:
    """By what a rung costs on an idle machine, and by how much more than that this one costs now."""
    there_ms, here_ms = costs_ms[rung], costs_ms[here]
    if there_ms is None or here_ms is None or seen.cost_p50_ms is None:
        return None
    return there_ms * seen.cost_p50_ms / here_ms


def _calmed(state: State, now_s: float) -> State:
    """After twice the time that a climb waits, that wait is halved."""
    if state.calm_s is None or state.hold_s <= LEAST_HOLD_S or now_s - state.calm_s < max(TRIAL_S, 2 * state.hold_s):
        return state
    return replace(state, hold_s=max(LEAST_HOLD_S, state.hold_s / 2), calm_s=now_s)
