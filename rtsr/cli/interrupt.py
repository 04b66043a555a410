"""First Ctrl-C or SIGTERM: finish cleanly. Second: leave at once."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_on_signal(stop: Callable[[], None], *more: signal.Signals) -> Iterator[None]:
    """While inside, the first SIGINT, SIGTERM or one of `more` calls `stop`; the next raises KeyboardInterrupt."""
    asked = False

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        stop()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM, *more)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
