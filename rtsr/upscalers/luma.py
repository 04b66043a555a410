"""A network for luma and swscale for chroma make one upscaler."""

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

    def upscale(self, frame: Frame) -> Frame:
        """See `Upscaler`."""
        y = self._engine.run(frame.y)
        _, u, v = self._chroma.scaled(frame)
        return replace(frame, y=y, u=u, v=v, origin=frame)

    def close(self) -> None:
        """See `Upscaler`."""
        self._engine.close()
        self._chroma.close()
