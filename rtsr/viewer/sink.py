"""The last stage of a viewer's pipeline, and the door before its model that lets late frames through unscaled."""

import time
from collections.abc import Callable

from rtsr.frame import Frame
from rtsr.stages import Badge, Upscaler, at_once
from rtsr.viewer.pace import Pacer
from rtsr.viewer.picture import Picture
from rtsr.viewer.stats import Stats

_MODEL_SLACK_S = 0.02
"""A frame that would be later than this is not given to the model: less than the sink allows, since work takes longer
at times."""


def _always() -> bool:
    return True


class OnTimeUpscaler:
    """An upscaler that does no work in vain; see `Upscaler`.

    A file's pipeline drops nothing, so with a model slower than the file every frame would come later than the one
    before. Frames that cannot be on time (or that a seek made stale) pass as they are, without an origin: the sink
    knows them by that, and the next one that can be on time is upscaled.
    """

    def __init__(self, upscaler: Upscaler, pacer: Pacer, stats: Stats, is_shown: Callable[[], bool] = _always) -> None:
        self._upscaler, self._pacer, self._stats, self._is_shown = upscaler, pacer, stats, is_shown

    @property
    def scale(self) -> int:
        """See `Upscaler`."""
        return self._upscaler.scale

    @property
    def size_wh(self) -> tuple[int, int]:
        """See `Upscaler`."""
        return self._upscaler.size_wh

    @property
    def badge(self) -> Badge:
        """See `Upscaler`."""
        return self._upscaler.badge

    @property
    def slots(self) -> int:
        """See `Upscaler`."""
        return self._upscaler.slots

    def begin(self, frame: Frame) -> Callable[[], Frame]:
        """Gives the larger frame; `frame` itself where nobody would see it: it is late, or something else is shown."""
        if not self._is_shown():
            return at_once(frame)
        cost_ms = (self._stats.model_ms.percentile(50) or 0.0) + (self._stats.prepare_ms.percentile(50) or 0.0)
        verdict = self._pacer.forecast(frame, cost_ms / 1e3, _MODEL_SLACK_S)
        if verdict != "show":
            self._stats.skipped += verdict == "late"
            return at_once(frame)
        began_s = time.perf_counter()
        inner = self._upscaler.begin(frame)

        def result() -> Frame:
            larger = inner()
            self._stats.model_ms.add((time.perf_counter() - began_s) * 1e3)
            self._stats.model.tick()
            return larger

        return result

    def upscale(self, frame: Frame) -> Frame:
        """What `begin` gives."""
        return self.begin(frame)()

    def close(self) -> None:
        """See `Upscaler`."""
        self._upscaler.close()


class ViewerSink:
    """Shows each frame at its moment; see `Sink`.

    Args:
        prepare: makes a picture ready for the window, in the caller's thread.
        show: puts it there; returns at once.
        is_shown: whether the window has room for it now; frames that come meanwhile are let go at their moment.
    """

    def __init__(
        self,
        pacer: Pacer,
        stats: Stats,
        prepare: Callable[[Frame], Picture],
        show: Callable[[Picture], None],
        is_shown: Callable[[], bool] = _always,
    ) -> None:
        self._pacer, self._stats = pacer, stats
        self._prepare, self._show, self._is_shown = prepare, show, is_shown

    def write(self, frame: Frame) -> None:
        """Wait for the moment of `frame` and show it, or let it go."""
        if not self._is_shown():
            self._pacer.admit(frame)
        if frame.origin is None or not self._is_shown():
            return
        verdict = self._pacer.forecast(frame, (self._stats.prepare_ms.percentile(50) or 0.0) / 1e3)
        if verdict == "show":
            began_s = time.perf_counter()
            picture = self._prepare(frame)
            self._stats.prepare_ms.add((time.perf_counter() - began_s) * 1e3)
            verdict = self._pacer.admit(frame)
        if verdict == "show":
            self._show(picture)
            self._stats.refresh()
        else:
            self._stats.too_late += verdict == "late"

    def finish(self) -> None:
        """The last picture stays."""

    def close(self) -> None:
        """Nothing to let go of."""
