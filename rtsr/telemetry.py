"""Rates and spreads over the last moments: cheap to feed from one thread, safe to read from another."""

import time
from collections import deque

import numpy as np


class Rate:
    """How often something happened per second, over the last `window_s` seconds."""

    def __init__(self, window_s: float = 2.0) -> None:
        self._window_s = window_s
        self._ticks: deque[float] = deque(maxlen=4096)
        self.count = 0
        """How often it happened since the beginning."""

    def tick(self) -> None:
        """It happened now."""
        self.count += 1
        self._ticks.append(time.monotonic())

    def per_second(self) -> float | None:
        """None until it happened twice within the window."""
        oldest = time.monotonic() - self._window_s
        ticks = [tick for tick in tuple(self._ticks) if tick >= oldest]
        if len(ticks) < 2 or ticks[-1] == ticks[0]:
            return None
        return (len(ticks) - 1) / (ticks[-1] - ticks[0])


class Spread:
    """The last `size` values of something, for its percentiles."""

    def __init__(self, size: int = 512) -> None:
        self._values: deque[float] = deque(maxlen=size)

    def add(self, value: float) -> None:
        """Take one value in, and let the oldest go when there are `size`."""
        self._values.append(value)

    def percentile(self, q: float) -> float | None:
        """The value that `q` percent lie at or under (linear interpolation); None when there is none."""
        values = tuple(self._values)
        return float(np.percentile(values, q)) if values else None
