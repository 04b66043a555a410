"""What the viewer measures of itself while it runs, and the one set of numbers made of it for the screen."""

import time
from typing import Protocol

from rtsr.frame import Frame, StreamInfo
from rtsr.pipeline import Pipeline
from rtsr.power.panel import NO_SENSOR
from rtsr.stages import Badge
from rtsr.telemetry import Rate, Recent, Spread
from rtsr.upscalers.governor import LEAST_S, WINDOW_S, GovernedUpscaler
from rtsr.viewer.hud import Numbers

_REFRESH_S = 0.25
"""A number that changes faster cannot be read."""


class Power(Protocol):
    """What is told of the power, as `rtsr.power.panel.Panel` tells it."""

    def lines(self, rate_fps: float | None) -> tuple[str, ...]:
        """Now, at `rate_fps`."""


class Stats:
    """Counters of one session, over every pipeline that it runs."""

    def __init__(self, panel: Power | None) -> None:
        self.model = Rate()
        self.model_ms = Spread(64)
        self.prepare_ms = Spread(16)
        """Time to make a frame ready for painting."""
        self.display = Rate()
        self.too_late = 0
        """Frames that the model made and that came after their moment."""
        self.skipped = 0
        """Frames not given to the model, since they would have come after their moment."""
        self.unpainted = 0
        """Frames that came on time and were overtaken before the window painted them."""
        self.numbers = Numbers()
        self._panel = panel
        self._frame_ms = Spread()
        self._latency_ms = Spread(120)
        self._shown_ms = Recent(WINDOW_S, LEAST_S)
        """Latency of what was shown lately, 0 where it is not known, for the governor."""
        self.badge: Badge | None = None
        """Of what makes the picture now, as `numbers` tell; None before the first."""
        self.governor: GovernedUpscaler | None = None
        self._presented_s: float | None = None
        self._in_sight = True
        self._watched_s, self._intervals = 0.0, 0
        """Sum and count of all frame times: pauses and jumps do not count."""
        self._refreshed_s = 0.0
        self._pipeline: Pipeline | None = None
        self._dropped_before = 0

    @property
    def dropped(self) -> int:
        """Every frame that was decoded and not seen, whatever the reason."""
        here = self._pipeline.dropped if self._pipeline else 0
        return self._dropped_before + here + self.too_late + self.skipped + self.unpainted

    def attach(self, pipeline: Pipeline) -> None:
        """Count this pipeline's drops from now on."""
        self._dropped_before += self._pipeline.dropped if self._pipeline else 0
        self._pipeline = pipeline

    def presented(self, frame: Frame) -> None:
        """`frame` is on the screen now, for the first time."""
        now_s = time.monotonic()
        if self._presented_s is not None and self._in_sight:
            self._frame_ms.add((now_s - self._presented_s) * 1e3)
            self._watched_s += now_s - self._presented_s
            self._intervals += 1
        self._presented_s, self._in_sight = now_s, True
        self._shown_ms.add((now_s - frame.captured_s) * 1e3 if frame.captured_s else 0.0, now_s)
        if frame.captured_s:
            self._latency_ms.add((now_s - frame.captured_s) * 1e3)
        self.display.tick()

    def unseen_s(self) -> float:
        """Seconds since the window last painted a new picture; 0 before the first."""
        return 0.0 if self._presented_s is None else time.monotonic() - self._presented_s

    def out_of_sight(self) -> None:
        """The window shows something else: the time to the next frame is no frame time, but the picture grows old."""
        self._in_sight = False

    def interrupted(self) -> None:
        """The user paused or jumped: the time to the next frame is no frame time."""
        self._presented_s = None
        self._shown_ms.clear()

    def source_fps(self) -> float | None:
        """See `rtsr.upscalers.governor.Watch`: of a file as it says, of a live source as it comes."""
        if self._pipeline is None:
            return None
        info = self._pipeline.source.info
        if info.live:
            return self._pipeline.counters.source.per_second()
        return float(info.rate_fps) if info.rate_fps else None

    def shown_fps(self) -> float | None:
        """See `Watch`."""
        return self._shown_ms.per_second(time.monotonic())

    def latency_ms(self) -> float | None:
        """See `Watch`."""
        return self._shown_ms.percentile(90, time.monotonic()) or None

    def forget(self) -> None:
        """See `Watch`."""
        self._shown_ms.clear()
        self.model_ms.clear()

    def refresh(self, *, older_than_s: float = _REFRESH_S) -> None:
        """Make `numbers` anew if they are that old."""
        now_s = time.monotonic()
        if self._pipeline is None or now_s - self._refreshed_s < older_than_s:
            return
        self._refreshed_s = now_s
        badge = self.badge = self._pipeline.upscaler.badge
        self.numbers = Numbers(
            source_fps=self._pipeline.counters.source.per_second(),
            model_fps=self.model.per_second(),
            display_fps=self.display.per_second(),
            frame_p50_ms=self._frame_ms.percentile(50),
            frame_p95_ms=self._frame_ms.percentile(95),
            model_p50_ms=self.model_ms.percentile(50),
            latency_ms=self._latency_ms.percentile(50),
            dropped=self.dropped,
            power=self._panel.lines(self.display.per_second()) if self._panel else (NO_SENSOR,),
            badge=str(badge),
            governor=self.governor.words if self.governor is not None else "",
            sizes=_sizes(self._pipeline.source.info, badge.scale),
            beside=self._pipeline.beside,
        )

    def summary(self) -> str:
        """One line for the end."""
        display = f"{self._intervals / self._watched_s:.1f}" if self._watched_s else "-"
        cost_ms = self.model_ms.percentile(50)
        model = f"{1e3 / cost_ms:.1f} (p50 {cost_ms:.1f} ms)" if cost_ms else "-"
        shown = f"{self.display.count} frames shown, display {display} fps, model {model} fps, {self.dropped} dropped"
        return "\n".join((shown, *(self._pipeline.beside if self._pipeline else ())))


def _sizes(info: StreamInfo, scale: int) -> str:
    return f"{info.width}x{info.height} → {info.width * scale}x{info.height * scale}"
