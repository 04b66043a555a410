"""An upscaler whose result is brought to a size that no network enlarges to."""

from collections.abc import Callable
from dataclasses import replace

from rtsr.frame import Frame, StreamInfo
from rtsr.stages import Badge, Upscaler
from rtsr.swscale import Resizer


class ResizedUpscaler:
    """`inner`, then Lanczos, all in YCbCr, chroma by its siting; see `Upscaler`.

    Args:
        inner: what enlarges, at least to `size_wh`.
        info: of the frames that will come.
        size_wh: of the result, in luma samples.
        threads: of swscale; 0 = all cores.
    """

    def __init__(self, inner: Upscaler, info: StreamInfo, size_wh: tuple[int, int], threads: int) -> None:
        self._inner = inner
        self._resizer = Resizer(inner.size_wh, size_wh, info.color.siting, threads, info.layout)
        self._words = f"then Lanczos to {size_wh[0]}x{size_wh[1]}"

    @property
    def scale(self) -> int:
        """See `Upscaler`."""
        return self._inner.scale

    @property
    def size_wh(self) -> tuple[int, int]:
        """See `Upscaler`."""
        return self._resizer.size_wh

    @property
    def badge(self) -> Badge:
        """See `Upscaler`."""
        return replace(self._inner.badge, resized=self._words)

    @property
    def slots(self) -> int:
        """See `Upscaler`."""
        return self._inner.slots

    def begin(self, frame: Frame) -> Callable[[], Frame]:
        """See `Upscaler`."""
        inner = self._inner.begin(frame)

        def result() -> Frame:
            y, u, v = self._resizer.resized(inner())
            return replace(frame, y=y, u=u, v=v, origin=frame)

        return result

    def upscale(self, frame: Frame) -> Frame:
        """See `Upscaler`."""
        return self.begin(frame)()

    def close(self) -> None:
        """See `Upscaler`."""
        self._inner.close()
        self._resizer.close()
