"""A live source that comes back: what is lost is let go of whole, and opened again until it is there."""

import logging
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from rtsr.backoff import wait_s
from rtsr.errors import RtsrError, SourceError
from rtsr.frame import Frame, StreamInfo
from rtsr.mailbox import Mailbox
from rtsr.sources.live import Live
from rtsr.stages import Source

log = logging.getLogger(__name__)
_TOLD = 20
"""Losses that are kept in words: over months the first ones tell enough, and the rest is counted."""


class ChangedSource(SourceError):  # noqa: N818 - it came back, as another
    """What came back has another size, format or colour: whoever holds the pipeline opens all of it anew."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A source that is away."""

    since_s: float
    """`time.monotonic()` at which it was lost."""
    reason: str
    tries: int
    """Openings that have failed since."""


def returning(open_source: Callable[[], Source], live: Live) -> Source:
    """What `open_source` opens; one that comes back where `live` wants it. Raises as `open_source`."""
    first = open_source()
    return first if live.returns == "no" else ReturningSource(open_source, first)


def outage_of(source: Source) -> Outage | None:
    """Since when and why `source` is away; None while it is there, or where it would not come back."""
    return source.outage if isinstance(source, ReturningSource) else None


class ReturningSource:
    """See `Source`; `frames` ends when it is closed, and with ChangedSource.

    pts go on rising over an outage, by the time that it took.

    Args:
        open_source: opens it; raises RtsrError while it is away.
        first: it, opened.
        draw: gives chances, 0..1.
    """

    def __init__(
        self, open_source: Callable[[], Source], first: Source, draw: Callable[[], float] = random.random
    ) -> None:
        self._open, self._source, self._draw = open_source, first, draw
        self._info = first.info
        self._left: Mailbox[None] = Mailbox(1)
        self._losses: tuple[str, ...] = ()
        self._untold = 0
        self.outage: Outage | None = None
        """While it is away."""
        self.returns = 0
        """How often it came back."""

    @property
    def info(self) -> StreamInfo:
        """See `Source`."""
        return self._info

    @property
    def losses(self) -> tuple[str, ...]:
        """See `Source`: every outage, and what each opened source lost."""
        told = self._losses + tuple(self._source.losses)
        more = len(told) - _TOLD + self._untold
        return told if more <= 0 else (*told[:_TOLD], f"and {more} more like these")

    def seek(self, time_s: Fraction) -> None:
        """See `Source`: live, ignored."""

    def frames(self) -> Iterator[Frame]:
        """See `Source`.

        Raises:
            ChangedSource: it came back as another.
        """
        last, last_s = -1, time.monotonic()
        while not self._closed:
            start: int | None = None
            for frame in self._source.frames():
                pts = round(frame.pts * frame.time_base / self._info.time_base)
                if start is None:  # time went on while it was away
                    away = (time.monotonic() - last_s) / self._info.time_base if self.returns else 0
                    start = max(last + 1, last + round(away)) - pts
                last, last_s = max(last + 1, start + pts), time.monotonic()
                yield replace(frame, pts=last, time_base=self._info.time_base)
            if not self._closed:
                self._return(last_s)

    def close(self) -> None:
        """See `Source`; from any thread."""
        self._left.close()
        self._source.close()

    @property
    def _closed(self) -> bool:
        return self._left.wait_closed(0)

    def _return(self, since_s: float) -> None:
        """Open it again, however long that takes; or until `close`."""
        self._source.close()
        reason = "; ".join(self._source.losses) or f"{self._info.label} ended"
        self._losses += tuple(self._source.losses)
        self._untold += max(0, len(self._losses) - _TOLD)
        self._losses = self._losses[:_TOLD]
        tries = 0
        log.warning("%s; it is opened again as soon as it is there", reason)
        while True:
            self.outage = Outage(since_s, reason, tries)
            if self._left.wait_closed(wait_s(tries, self._draw())):
                return
            try:
                self._source = self._open()
                break
            except RtsrError as error:
                tries += 1
                log.debug("try %d: %s", tries, error.problem)
        if self._closed:  # meanwhile, by another thread, which closed the old one
            self._source.close()
            return
        self.outage = None
        self.returns += 1
        log.info("%s is back after %.1f s", self._info.label, time.monotonic() - since_s)
        self._refuse_another()

    def _refuse_another(self) -> None:
        was, now = self._info, self._source.info
        if changes := [
            f"{name} {getattr(was, name)} -> {getattr(now, name)}"
            for name in ("width", "height", "layout", "color", "sar", "display_matrix")
            if getattr(was, name) != getattr(now, name)
        ]:
            self._source.close()
            raise ChangedSource(f"{was.label} came back as another: {', '.join(changes)}", mend="open it again")
