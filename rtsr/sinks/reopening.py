"""A sink beside the window that lasts as long as the run: what it feeds may go, come back, and change its size."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Protocol

from rtsr.backoff import wait_s
from rtsr.errors import RtsrError
from rtsr.telemetry import Rate

if TYPE_CHECKING:
    from rtsr.frame import Frame, StreamInfo

log = logging.getLogger(__name__)
_HELD_S = 5.0
"""What held for so long is called again soon when it is lost; what did not is waited for longer each time."""


class Link(Protocol):
    """One opening of what is fed, for frames of one size, layout and colour."""

    def write(self, frame: Frame) -> None:
        """Pass it on. Raises RtsrError when what is fed is lost."""

    def close(self) -> None:
        """Let go of it. Safe to call twice."""


class ReopeningSink:
    """See `SideSink`.

    Args:
        names: (what it is called on the screen, what is done to it there): `rtsp://host/wall`, `streaming to`.
        info: of the frames that will come; what differs in one of them reopens the link.
        open_link: opens it for frames as told; raises RtsrError while that cannot be.
        repeat_s: see `SideSink`.
        returns: whether a link that is lost is opened again, else that ends the run.
        first: the link, where it is open already.
    """

    def __init__(  # noqa: PLR0913 - by name
        self,
        names: tuple[str, str],
        info: StreamInfo,
        open_link: Callable[[StreamInfo], Link],
        *,
        repeat_s: float,
        returns: Literal["yes", "no"],
        first: Link | None = None,
    ) -> None:
        (self._label, self._doing), self._info, self._open = names, info, open_link
        self.repeat_s, self._returns, self._link = repeat_s, returns, first
        self.missed = 0
        """See `SideSink`."""
        self._passed = Rate()
        self._last: Frame | None = None
        self._problem, self._tries, self._due_s = "", 0, 0.0
        self._opened_s = time.monotonic()

    @property
    def status(self) -> str:
        """See `SideSink`."""
        if self._problem:
            return f"{self._problem}, called again in {max(0.0, self._due_s - time.monotonic()):.0f} s"
        rate = self._passed.per_second()
        return f"{self._doing} {self._label}, {'-' if rate is None else f'{rate:.1f}'} fps"

    def write(self, frame: Frame) -> None:
        """See `SideSink`.

        Raises:
            RtsrError: the link cannot be opened or was lost, and is not to be opened again.
        """
        new, self._last = frame is not self._last, frame
        if not self._fits(frame):
            self._let_go()
            log.info("%s: opened again for %dx%d %s", self._label, frame.width, frame.height, frame.layout)
            self._info = replace(
                self._info, width=frame.width, height=frame.height, layout=frame.layout, color=frame.color
            )
        link = self._link or self._opened()
        if link is None:
            self.missed += new
            return
        try:
            link.write(frame)
        except RtsrError as error:
            self.missed += new
            self._lose(error)
        else:
            self._passed.tick()

    def close(self) -> None:
        """See `SideSink`."""
        self._let_go()

    def _fits(self, frame: Frame) -> bool:
        info = self._info
        return (frame.width, frame.height, frame.layout, frame.color) == (
            info.width, info.height, info.layout, info.color,
        )  # fmt: skip

    def _opened(self) -> Link | None:
        if time.monotonic() < self._due_s:
            return None
        try:
            self._link = self._open(self._info)
        except RtsrError as error:
            self._lose(error)
            return None
        self._opened_s = time.monotonic()
        log.info("%s %s", self._doing, self._label)
        self._problem = ""
        return self._link

    def _lose(self, error: RtsrError) -> None:
        held = self._link is not None and time.monotonic() - self._opened_s > _HELD_S
        self._let_go()
        if self._returns == "no":
            raise error
        self._tries = 0 if held else self._tries
        if held or error.problem != self._problem:
            log.warning("%s; it is called again until it is there", error.problem)
        self._problem = error.problem
        self._due_s = time.monotonic() + wait_s(self._tries, random.random())
        self._tries += 1

    def _let_go(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
