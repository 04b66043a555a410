"""A network for luma and swscale for chroma make one upscaler."""

from collections.abc import Callable
from dataclasses import replace

from rtsr.frame import Frame
from rtsr.stages import Badge, LumaEngine
from rtsr.swscale import Resampler


class LumaUpscaler:
    """The network sees Y; U and V are resampled with their siting respected. See `Upscaler`."""

    def __init__(self, engine: LumaEngine, chroma: Resampler, badge: Badge) -> None:
        self._engine, self._chroma, self._badge = engine, chroma, badge

    @property
    def scale(self) -> int:
        """See `Upscaler`."""
        return self._badge.scale

    @property
    def size_wh(self) -> tuple[int, int]:
        """See `Upscaler`."""
        return self._chroma.size_wh

    @property
    def badge(self) -> Badge:
        """See `Upscaler`."""
        return self._badge

    @property
    def slots(self) -> int:
        """See `Upscaler`."""
        return self._engine.slots

    def begin(self, frame: Frame) -> Callable[[], Frame]:
        """See `Upscaler`. Chroma is made here, while a GPU is at the luma."""
        luma = self._engine.begin(frame.y)
        _, u, v = self._chroma.scaled(frame)
        return lambda: replace(frame, y=luma(), u=u, v=v, origin=frame)

    def upscale(self, frame: Frame) -> Frame:
        """See `Upscaler`."""
        return self.begin(frame)()

    def close(self) -> None:
        """See `Upscaler`."""
        self._engine.close()
        self._chroma.close()
