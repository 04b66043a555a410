"""Counters that only go up and begin anew at their limit, added up since they were opened."""

from collections.abc import Callable, Sequence


class Counter:
    """The sum of several counters; whole numbers, so that nothing is lost over a long run.

    It must be read at least once in the time in which the fastest of them goes round: after two rounds one is missed.

    Args:
        reads: of each counter, its value now; raise what they raise.
        limits: of each counter, how much it counts before it begins anew; None: it never does.
    """

    def __init__(self, reads: Sequence[Callable[[], int]], limits: Sequence[int | None]) -> None:
        self._reads, self._limits = tuple(reads), tuple(limits)
        self._last = [read() for read in self._reads]
        self._spent = 0

    def spent(self) -> int:
        """Counted since it was made. Raises ValueError where a counter without a limit went back."""
        now = [read() for read in self._reads]
        self._spent += sum(map(_passed, self._last, now, self._limits))
        self._last = now
        return self._spent


def _passed(before: int, now: int, limit: int | None) -> int:
    if now >= before:
        return now - before
    if limit is None or before > limit:
        raise ValueError(f"the counter went back from {before} to {now}")
    return now - before + limit
