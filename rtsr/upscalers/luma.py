"""A network for luma and swscale for chroma make one upscaler."""

from collections.abc import Callable
from dataclasses import replace

from rtsr.frame import Frame
from rtsr.stages import Badge, LumaEngine
from rtsr.swscale import Resampler


def _at_once() -> str:
    return ""


class LumaUpscaler:
    """The network sees Y; U and V are resampled with their siting respected. See `Upscaler`.

    `tiles` tells the badge, at any time, in how many parts the engine makes a picture.
    """

    def __init__(
        self, engine: LumaEngine, chroma: Resampler, badge: Badge, tiles: Callable[[], str] = _at_once
    ) -> None:
        self._engine, self._chroma, self._badge, self._tiles = engine, chroma, badge, tiles

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
        tiles = self._tiles()
        return self._badge if tiles == self._badge.tiles else replace(self._badge, tiles=tiles)

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
