"""A picture that is shown several times is upscaled once."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from rtsr.frame import Frame
from rtsr.stages import Badge, Upscaler


class OnceUpscaler:
    """`inner`, for sources that repeat pictures: the same planes again get the same result. See `Upscaler`."""

    def __init__(self, inner: Upscaler) -> None:
        self._inner = inner
        self._seen: Frame | None = None
        self._result: Callable[[], Frame]

    @property
    def scale(self) -> int:
        """See `Upscaler`."""
        return self._inner.scale

    @property
    def size_wh(self) -> tuple[int, int]:
        """See `Upscaler`."""
        return self._inner.size_wh

    @property
    def badge(self) -> Badge:
        """See `Upscaler`."""
        return self._inner.badge

    @property
    def slots(self) -> int:
        """See `Upscaler`."""
        return self._inner.slots

    def begin(self, frame: Frame) -> Callable[[], Frame]:
        """See `Upscaler`."""
        if self._seen is None or self._seen.y is not frame.y:
            self._result = cache(self._inner.begin(frame))
        self._seen, result = frame, self._result

        def again() -> Frame:
            made = result()
            return replace(frame, y=made.y, u=made.u, v=made.v, origin=frame)

        return again

    def upscale(self, frame: Frame) -> Frame:
        """See `Upscaler`."""
        return self.begin(frame)()

    def close(self) -> None:
        """See `Upscaler`."""
        self._inner.close()
