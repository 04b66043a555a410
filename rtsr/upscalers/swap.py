"""The next best upscaler now, and the better one from the frame on at which it is ready."""

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from rtsr.background import Background
from rtsr.errors import RtsrError
from rtsr.frame import Frame
from rtsr.stages import Badge, Upscaler

log = logging.getLogger(__name__)


class SwappingUpscaler:
    """`now` until the one that is awaited is there; see `Upscaler`.

    Args:
        now: what makes the first frames.
        awaited: what comes in its place, of the same scale and size, between two frames.
        title: of what is awaited, for the badge.
        failing: where it cannot be made, whether the run ends with its error, or goes on as it is and says why.
    """

    def __init__(
        self, now: Upscaler, awaited: Background[Upscaler], title: str, failing: Literal["raise", "go_on"]
    ) -> None:
        self._now, self._awaited = now, awaited
        self._title, self._failing = title, failing
        self._under_way = 0
        self._waits, self._failed = True, ""

    @property
    def scale(self) -> int:
        """See `Upscaler`."""
        return self._now.scale

    @property
    def size_wh(self) -> tuple[int, int]:
        """See `Upscaler`."""
        return self._now.size_wh

    @property
    def badge(self) -> Badge:
        """Of what runs, and what it waits for."""
        badge = self._now.badge
        if self._waits:
            how_far = f", {self._awaited.share:.0%}" if self._awaited.share else ""
            return replace(badge, reason=f"until {self._title} is ready{how_far}")
        return replace(badge, reason=self._failed) if self._failed else badge

    @property
    def slots(self) -> int:
        """See `Upscaler`."""
        return self._now.slots

    def begin(self, frame: Frame) -> Callable[[], Frame]:
        """See `Upscaler`. Raises what the making of the awaited one raised, where it was named."""
        if self._waits and not self._under_way:  # a result belongs to the one that began it
            self._swap()
        inner = self._now.begin(frame)
        self._under_way += 1

        def result() -> Frame:
            self._under_way -= 1
            return inner()

        return result

    def upscale(self, frame: Frame) -> Frame:
        """See `Upscaler`."""
        return self.begin(frame)()

    def close(self) -> None:
        """See `Upscaler`."""
        self._waits = False
        self._awaited.close()
        self._now.close()

    def _swap(self) -> None:
        try:
            ready = self._awaited.take()
        except RtsrError as error:
            self._waits = False
            if self._failing == "raise":
                raise
            self._failed = f"{self._title} failed: {error.problem}"
            log.warning("%s. %s", self._failed, error.mend)
            return
        if ready is not None:
            self._waits = False
            before, self._now = self._now, ready
            before.close()
            log.info("from here on: %s", ready.badge)
