"""The hand-off between two threads: bounded, and either side may leave it.

Why: `queue.Queue` cannot be closed, so a reader or writer that dies leaves the other one waiting for ever.
"""

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, Literal, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """At most `slots` items on their way from one writer to one reader.

    Args:
        slots: items held at most.
        full: what `put` does when all slots are taken: wait, or drop the oldest item and count it.
    """

    def __init__(self, slots: int, full: Literal["wait", "drop_oldest"] = "wait") -> None:
        if slots < 1:
            raise ValueError(f"a mailbox needs a slot, got {slots}")
        self._items: deque[T] = deque()
        self._slots = slots
        self._full = full
        self._changed = threading.Condition()  # its lock is re-entrant: a signal handler may call `close`
        self._closed = False
        self._left = False
        self._error: BaseException | None = None
        self.dropped = 0
        """Items that the reader never saw because a newer one came."""

    def put(self, item: T) -> bool:
        """Hand `item` over. False: the reader has left or the mailbox is closed, and it was not taken."""
        with self._changed:
            if self._full == "wait":
                self._changed.wait_for(lambda: len(self._items) < self._slots or self._left or self._closed)
            if self._left or self._closed:
                return False
            if len(self._items) == self._slots:
                self._items.popleft()
                self.dropped += 1
            self._items.append(item)
            self._changed.notify_all()
            return True

    def close(self, error: BaseException | None = None) -> None:
        """End the stream: the reader gets what is held, then `error` is raised at it. The first call counts."""
        with self._changed:
            if not self._closed:
                self._closed, self._error = True, error
                self._changed.notify_all()

    def wait_closed(self, timeout_s: float) -> bool:
        """Wait for `close`, at most `timeout_s` seconds; whether it is closed."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed, timeout_s)

    def leave(self) -> None:
        """The reader takes no more: what is held is let go, and `put` returns False."""
        with self._changed:
            self._left = True
            self._items.clear()
            self._changed.notify_all()

    def take(self, timeout_s: float = 0.0) -> T | None:
        """The next item, waited for at most `timeout_s` seconds; None where none was put by then, or none will be."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, timeout_s)
            if not self._items:
                return None
            self._changed.notify_all()
            return self._items.popleft()

    def __iter__(self) -> Iterator[T]:
        """Items until `close`; raises the writer's error after the last one."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._items or self._closed)
                if not self._items:
                    if self._error is not None:
                        raise self._error
                    return
                item = self._items.popleft()
                self._changed.notify_all()
            yield item
            del item  # else this frame lives on while the next one is awaited
