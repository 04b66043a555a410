"""Something that takes its time, made in a thread of its own while work goes on without it."""

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

Report = Callable[[float, str], bool]
"""Told how much is done, 0..1, and what is being done, in words; False: stop, nobody wants it any more."""


class Closeable(Protocol):
    """What can be let go of."""

    def close(self) -> None:
        """Safe to call twice."""


T = TypeVar("T", bound=Closeable)
_LEAVE_S = 2.0
"""A library that does not listen is left alone after this: what it makes is closed when it comes."""


class Background(Generic[T]):
    """Begins at once to make one thing.

    Args:
        make: makes it, and says how far it is; raises when it cannot, or when it is told to stop.
        name: of the thread.
    """

    def __init__(self, make: Callable[[Report], T], name: str) -> None:
        self.share, self.doing = 0.0, ""
        """How far it is, 0..1, and what it does."""
        self._lock = threading.Lock()
        self._made: T | None = None
        self._error: BaseException | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, args=(make,), name=name, daemon=True)
        self._thread.start()

    def take(self) -> T | None:
        """What was made, once; None while it is not there, and afterwards. Raises what `make` raised, once."""
        with self._lock:
            made, self._made = self._made, None
            error, self._error = self._error, None
        if error is not None:
            raise error
        return made

    def close(self) -> None:
        """Nobody wants it: what is there or comes later is closed. Safe to call twice."""
        with self._lock:
            self._closed = True
            made, self._made = self._made, None
        if made is not None:
            made.close()
        self._thread.join(_LEAVE_S)

    def _report(self, share: float, doing: str) -> bool:
        self.share, self.doing = share, doing
        return not self._closed

    def _run(self, make: Callable[[Report], T]) -> None:
        try:
            made = make(self._report)
        except BaseException as error:  # noqa: BLE001 - carried to whoever takes it
            self._error = error
            return
        with self._lock:
            unwanted = self._closed
            self._made = None if unwanted else made
        if unwanted:
            made.close()
