"""A picture that is shown several times is upscaled once."""

from dataclasses import replace

from rtsr.frame import Frame
from rtsr.stages import Badge, Upscaler


class OnceUpscaler:
    """`inner`, for sources that repeat pictures: the same planes again get the same result. See `Upscaler`."""

    def __init__(self, inner: Upscaler) -> None:
        self._inner = inner
        self._made: Frame | None = None

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

    def upscale(self, frame: Frame) -> Frame:
        """See `Upscaler`."""
        made = self._made
        if made is None or made.origin is None or made.origin.y is not frame.y:
            made = self._inner.upscale(frame)
        self._made = replace(frame, y=made.y, u=made.u, v=made.v, origin=frame)
        return self._made

    def close(self) -> None:
        """See `Upscaler`."""
        self._inner.close()
