"""The words of the numbers on the picture; no Qt. What each one means is written in docs/viewer.md."""

from dataclasses import dataclass

from rtsr.power.panel import NO_SENSOR
from rtsr.stages import Badge


@dataclass(frozen=True, kw_only=True, slots=True)
class Numbers:
    """One reading of everything; None is not known yet."""

    source_fps: float | None = None
    model_fps: float | None = None
    display_fps: float | None = None
    frame_p50_ms: float | None = None
    frame_p95_ms: float | None = None
    model_p50_ms: float | None = None
    latency_ms: float | None = None
    dropped: int = 0
    power: tuple[str, ...] = (NO_SENSOR,)
    """What is drawn, a line for each sensor."""
    badge: str = ""
    governor: str = ""
    """What it does; empty where there is none."""
    sizes: str = ""
    beside: tuple[str, ...] = ()
    """What is streamed or fed to a virtual camera, a line each."""


def hud_lines(numbers: Numbers) -> list[str]:
    """One line per subject, the badge first."""
    return [
        numbers.badge or "no model yet",
        numbers.sizes,
        f"source {_number(numbers.source_fps)} · model {_number(numbers.model_fps)}"
        f" · display {_number(numbers.display_fps)} fps",
        f"frame p50 {_number(numbers.frame_p50_ms)} · p95 {_number(numbers.frame_p95_ms)} ms"
        f" · model p50 {_number(numbers.model_p50_ms)} ms",
        f"latency {_number(numbers.latency_ms)} ms capture to present",
        f"dropped {numbers.dropped}",
        *numbers.power,
        *filter(None, [numbers.governor]),
        *numbers.beside,
    ]


def side_labels(badge: Badge) -> dict[str, str]:
    """What stands at each side; the right one says the truth even without the numbers."""
    made = f"SR {badge.model}" if badge.is_sr else "not SR: bicubic"
    return {"bicubic": "bicubic", "sr": f"{made} x{badge.scale}"}


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
