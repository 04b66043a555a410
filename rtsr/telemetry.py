"""Rates and spreads over the last moments: cheap to feed from one thread, safe to read from another."""

import time
from collections import deque

import numpy as np

_FEW = 3
"""Fewer values say nothing."""


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

    def clear(self) -> None:
        """Forget all of them: what was measured has changed."""
        self._values.clear()


class Recent:
    """The values of the last `window_s` seconds, or the last three where they came more rarely; and how often one came.

    Args:
        window_s: what is older does not count.
        least_s: how often is not said before values have come for so long.
    """

    def __init__(self, window_s: float, least_s: float) -> None:
        self._window_s, self._least_s = window_s, least_s
        self._values: deque[tuple[float, float]] = deque(maxlen=4096)

    def add(self, value: float, now_s: float) -> None:
        """Take in a value of the monotonic time `now_s`."""
        self._values.append((now_s, value))

    def clear(self) -> None:
        """Forget all of them: what was measured has changed."""
        self._values.clear()

    def per_second(self, now_s: float) -> float | None:
        """How often a value came; None before it is known."""
        kept = self._kept(now_s)
        span_s = kept[-1][0] - kept[0][0] if kept else 0.0
        return (len(kept) - 1) / span_s if span_s >= self._least_s else None

    def percentile(self, q: float, now_s: float) -> float | None:
        """The value that `q` percent lie at or under (linear interpolation); None before it is known."""
        kept = self._kept(now_s)
        return float(np.percentile([value for _, value in kept], q)) if kept else None

    def _kept(self, now_s: float) -> list[tuple[float, float]]:
        values = list(self._values)
        kept = [one for one in values if one[0] >= now_s - self._window_s]
        kept = kept if len(kept) >= _FEW else values[-_FEW:]
        return kept if len(kept) >= _FEW else []
