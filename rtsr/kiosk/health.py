"""What /health and /metrics say: pure functions of the last look.

Why no client library: a dozen gauges are a page of text, and the format is plain
(Prometheus text exposition format 0.0.4).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import rtsr
from rtsr.jobs.vitals import State, Vitals
from rtsr.kiosk.sensing import Sensed

_SILENT_S = 10.0
"""The window looks about once a second; one that has not for so long hangs."""
_STATES: tuple[State, ...] = ("starting", "playing", "waiting", "dark")
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """The last look, and what was added up since the process began."""

    began: datetime
    looked_s: float
    """`time.monotonic()` of it."""
    vitals: Vitals = field(default_factory=lambda: Vitals(state="starting"))
    sensed: Sensed = field(default_factory=Sensed)
    energy_j: float = 0.0
    starts_today: int = 1
    notice: str = ""
    """Why the settings are not those asked for."""


def verdict(look: Look, now_s: float) -> tuple[bool, str]:
    """Whether all is well, and what is not, in words."""
    silent_s = now_s - look.looked_s
    if silent_s > _SILENT_S:
        return False, f"the window has not answered for {silent_s:.0f} s"
    if look.notice:
        return False, look.notice
    if look.vitals.state == "starting":
        return False, "no picture yet"
    if look.vitals.state == "waiting" or look.vitals.trouble:
        return False, look.vitals.trouble or "the source is away"
    return True, ""


def as_page(look: Look, now_s: float) -> tuple[int, dict[str, object]]:
    """The HTTP status and the JSON of /health."""
    well, why = verdict(look, now_s)
    vitals, sensed = look.vitals, look.sensed
    page: dict[str, object] = {
        "status": "ok" if well else "failing",
        "why": why,
        "state": vitals.state,
        "rtsr": rtsr.__version__,
        "began": look.began.isoformat(timespec="seconds"),
        "starts_today": look.starts_today,
        "picture": vitals.badge,
        "frames": {"shown": vitals.presented, "dropped": vitals.dropped, "age_s": round(vitals.age_s, 1)},
        "fps": {"source": vitals.source_fps, "model": vitals.model_fps, "display": vitals.display_fps},
        "latency_ms": vitals.latency_ms,
        "outages": vitals.outages,
        "power": None if sensed.power_w is None else {"rail": sensed.rail, "watts": sensed.power_w},
        "temperature": None if sensed.heat_c is None else {"place": sensed.place, "celsius": sensed.heat_c},
    }
    return (200 if well else 503), page


def as_metrics(look: Look, now_s: float) -> str:
    """The text of /metrics. What is not measured is left out: a gauge of 0 would be a lie."""
    return "\n".join(_lines(look, now_s)) + "\n"


def _lines(look: Look, now_s: float) -> Iterator[str]:
    vitals, sensed = look.vitals, look.sensed
    latency_s = None if vitals.latency_ms is None else vitals.latency_ms / 1e3
    yield from _one("rtsr_healthy", "gauge", "1 while /health says 200", float(verdict(look, now_s)[0]))
    yield from _head("rtsr_state", "gauge", "1 for what the kiosk does now")
    for state in _STATES:
        yield f'rtsr_state{{state="{state}"}} {int(state == vitals.state)}'
    yield from _one("rtsr_info", "gauge", "what makes the picture", 1, version=rtsr.__version__, picture=vitals.badge)
    began_s = look.began.timestamp()
    yield from _one("rtsr_start_time_seconds", "gauge", "when this process began, in seconds of Unix time", began_s)
    yield from _one("rtsr_starts_today", "gauge", "processes begun since midnight, by the report", look.starts_today)
    yield from _one("rtsr_frames_presented_total", "counter", "frames that were painted", vitals.presented)
    yield from _one("rtsr_frames_dropped_total", "counter", "frames that were decoded and not seen", vitals.dropped)
    yield from _one("rtsr_outages_total", "counter", "how often the source was away", vitals.outages)
    yield from _one("rtsr_open_failures_total", "counter", "openings of the source that failed", vitals.tries)
    yield from _one("rtsr_frame_age_seconds", "gauge", "age of the picture on the screen", vitals.age_s)
    for stage, fps in (("source", vitals.source_fps), ("model", vitals.model_fps), ("display", vitals.display_fps)):
        yield from _one(f"rtsr_{stage}_fps", "gauge", f"frames per second of the {stage}", fps)
    yield from _one("rtsr_latency_seconds", "gauge", "capture to present, the median", latency_s)
    yield from _one("rtsr_power_watts", "gauge", "what the rail draws", sensed.power_w, rail=sensed.rail)
    energy_j = look.energy_j if sensed.power_w is not None else None
    yield from _one("rtsr_energy_joules_total", "counter", "what it drew since the start", energy_j, rail=sensed.rail)
    yield from _one("rtsr_temperature_celsius", "gauge", "of the hottest place", sensed.heat_c, place=sensed.place)


def _head(name: str, kind: str, words: str) -> Iterator[str]:
    yield f"# HELP {name} {words}"
    yield f"# TYPE {name} {kind}"


def _one(name: str, kind: str, words: str, value: float | None, **labels: str) -> Iterator[str]:
    if value is None:
        return
    yield from _head(name, kind, words)
    told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    yield f"{name}{f'{{{told}}}' if told else ''} {value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
