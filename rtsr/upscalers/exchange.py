"""The upscaler at work, and its change for another between two frames."""

from collections.abc import Callable

from rtsr.frame import Frame
from rtsr.stages import Upscaler


class Exchange:
    """Hands frames to `now` until another one is put in its place. Used by one thread.

    A result belongs to the upscaler that began it: while another one waits to take over, no more frames are begun than
    one at a time (`slots`), so that soon none is under way, also where a GPU always has one. Nothing is dropped.
    """

    def __init__(self, now: Upscaler) -> None:
        self.now = now
        self._next: Upscaler | None = None
        self._under_way = 0

    @property
    def slots(self) -> int:
        """See `Upscaler`."""
        return 1 if self._next is not None else self.now.slots

    @property
    def under_way(self) -> int:
        """Frames begun whose results were not asked for yet."""
        return self._under_way

    @property
    def changing(self) -> bool:
        """Whether another one waits to take over."""
        return self._next is not None

    def put(self, following: Upscaler) -> None:
        """`following` is what makes frames from the next possible one on; it is closed here, as `now` is."""
        if self._next is not None:
            self._next.close()
        self._next = following

    def turn(self) -> bool:
        """To be called before a frame is begun: whether another upscaler has taken over here and now."""
        if self._next is None or self._under_way:
            return False
        before, self.now, self._next = self.now, self._next, None
        before.close()
        return True

    def begin(self, frame: Frame) -> Callable[[], Frame]:
        """See `Upscaler`."""
        inner = self.now.begin(frame)
        self._under_way += 1

        def result() -> Frame:
            self._under_way -= 1
            return inner()

        return result

    def close(self) -> None:
        """Close what works and what waits. Safe to call twice."""
        if self._next is not None:
            self._next.close()
            self._next = None
        self.now.close()
