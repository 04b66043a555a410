"""The baseline and the fall-back: bicubic by swscale."""

from collections.abc import Callable
from dataclasses import replace

from rtsr.frame import Frame, StreamInfo
from rtsr.stages import Badge, at_once
from rtsr.swscale import Resampler


class BicubicUpscaler:
    """No network; see `Upscaler`."""

    def __init__(self, info: StreamInfo, scale: int, threads: int, reason: str = "") -> None:
        self._resampler = Resampler((info.width, info.height), scale, info.color.siting, threads, info.layout)
        self._scale = scale
        self._size_wh = info.width * scale, info.height * scale
        self._badge = Badge("bicubic", scale, "swscale", "CPU", reason=reason)

    @property
    def scale(self) -> int:
        """See `Upscaler`."""
        return self._scale

    @property
    def size_wh(self) -> tuple[int, int]:
        """See `Upscaler`."""
        return self._size_wh

    @property
    def badge(self) -> Badge:
        """See `Upscaler`."""
        return self._badge

    @property
    def slots(self) -> int:
        """See `Upscaler`."""
        return 1

    def begin(self, frame: Frame) -> Callable[[], Frame]:
        """See `Upscaler`."""
        return at_once(self.upscale(frame))

    def upscale(self, frame: Frame) -> Frame:
        """See `Upscaler`."""
        y, u, v = self._resampler.scaled(frame)
        return replace(frame, y=y, u=u, v=v, origin=frame)

    def close(self) -> None:
        """See `Upscaler`."""
        self._resampler.close()
