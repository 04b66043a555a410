"""What an encode will cost: a few of its frames are upscaled and encoded, nothing is kept.

Why measured on the spot: time depends on network, size, backend, encoder and preset together, and a second of it tells
more than a table of parts. Watts are those of the rail that is measured meanwhile; where no sensor is, none are told.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import rtsr.jobs.choose as choose
from rtsr.power import open_probe
from rtsr.power.meter import Span
from rtsr.sinks.trial import TrialEncode

if TYPE_CHECKING:
    from rtsr.frame import StreamInfo
    from rtsr.pipeline import Pipeline
    from rtsr.sinks.encoder import Encoder

_MOST_FRAMES, _MOST_S = 12, 3.0
"""Measured; the first of the two that is reached ends it, after one frame at least."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Of one encode on this machine as busy as it is now."""

    measured: int
    """Frames that were looked at."""
    network_ms: float
    """Of a frame, mean, the first one left out where there are more."""
    encoder_ms: float
    frames: int | None
    """That will come; None where the input does not tell."""
    watts: float | None = None
    rail: str = ""

    @property
    def seconds(self) -> tuple[float, float] | None:
        """If network and encoder work at the same time, and if each waits for the other."""
        if self.frames is None:
            return None
        least, most = max(self.network_ms, self.encoder_ms), self.network_ms + self.encoder_ms
        return self.frames * least / 1e3, self.frames * most / 1e3

    def lines(self) -> list[str]:
        """For the user."""
        looked = f"{self.measured} frame{'s' if self.measured != 1 else ''} measured now"
        each = f"{_ms(self.network_ms)} in the network and {_ms(self.encoder_ms)} in the encoder a frame, {looked}"
        if self.seconds is None:
            return [f"time: {each}; how many frames will come is not told by the input", self._energy(None)]
        least, most = (choose.span(seconds) for seconds in self.seconds)
        told = least if least == most else f"{least} to {most}"
        return [f"time: about {told} for {self.frames} frames ({each})", self._energy(self.seconds)]

    def _energy(self, seconds: tuple[float, float] | None) -> str:
        if self.watts is None:
            return "energy: not measured, this machine has no power sensor that can be read"
        if seconds is None:
            return f"energy: {self.watts:.0f} W of {self.rail}"
        least, most = (self.watts * one / 3600 for one in seconds)
        return f"energy: about {least:.2g} to {most:.2g} Wh of {self.rail}, at {self.watts:.0f} W"


def forecast(pipeline: Pipeline, encoder: Encoder, info: StreamInfo) -> Forecast:
    """Measure the first frames of an opened `pipeline`, which is of no use after that.

    Args:
        pipeline: its source and upscaler are used.
        encoder: of the output.
        info: of the upscaled frames.
    """
    network: list[float] = []
    probe = open_probe()
    began_s = time.perf_counter()
    try:
        span = Span([] if probe is None else [probe])
        with TrialEncode(info, encoder) as trial:
            for frame in islice(pipeline.source.frames(), _MOST_FRAMES):
                before_s = time.perf_counter()
                upscaled = pipeline.upscaler.upscale(frame)
                network.append(time.perf_counter() - before_s)
                trial.write(upscaled)
                span.tick()
                if time.perf_counter() - began_s > _MOST_S:
                    break
            trial.finish()
        watts, rail = next(((drawn.watts, drawn.rail) for drawn in span.end()), (None, ""))
    finally:
        if probe is not None:
            probe.close()
    steady = network[1:] or network or [0.0]
    count = pipeline.source.info.frame_count
    return Forecast(
        len(network), 1e3 * sum(steady) / len(steady), 1e3 * trial.elapsed_s / max(1, len(network)), count, watts, rail
    )


def _ms(value: float) -> str:
    return f"{value:.0f} ms" if value >= 100 else f"{value:.3g} ms"
