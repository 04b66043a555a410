"""One upscaler for several streams of one size: a thread of its own makes their pictures in turns.

Why turns and not batches: on a CPU a batch of 2 or 4 takes as long as its pictures one after the other, and each waits
for the last of them; on a GPU the ring of an engine lets the copies of one source lie under the work on another
(docs/decisions/018-several-sources.md). Why a thread: an engine belongs to one thread at a time, and so to no source.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING

from rtsr.config import Upscale
from rtsr.mailbox import Mailbox

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from rtsr.frame import Frame, StreamInfo
    from rtsr.stages import Badge, Upscaler

log = logging.getLogger(__name__)
_WAITING = 64
"""Frames that wait for their turn at most: a source has no more of them under way than the engine has slots."""


@dataclass(slots=True)
class _Turn:
    """A frame that waits, and where its result goes."""

    frame: Frame
    answer: Mailbox[Frame] = field(default_factory=lambda: Mailbox(1))


class SharedUpscalers:
    """Opens upscalers; those that would be the same are one, which lives until the last of its streams has ended.

    Args:
        opening: opens one, as `rtsr.upscalers.open_upscaler`.
    """

    def __init__(self, opening: Callable[[Upscale, StreamInfo], Upscaler]) -> None:
        self._opening = opening
        self._lock = threading.Lock()
        self._open: dict[Hashable, _Engine] = {}

    def open(self, options: Upscale, info: StreamInfo) -> Upscaler:
        """A share in the upscaler for `info`; waits where another stream is opening it. From any thread.

        Raises what `opening` raises.
        """
        key = _key(options, info)
        with self._lock:
            engine = self._open.get(key)
            if engine is None:
                engine = self._open[key] = _Engine(self._opening(options, info))
            else:
                log.info("%s is made by an engine that is there already: %s", info.label, engine.upscaler.badge)
            engine.shares += 1
        return Share(engine.upscaler, engine.ask, lambda: self._leave(key))

    def _leave(self, key: Hashable) -> None:
        with self._lock:
            engine = self._open[key]
            engine.shares -= 1
            if engine.shares:
                return
            del self._open[key]
        engine.close()


def _key(options: Upscale, info: StreamInfo) -> Hashable:
    """Equal where one upscaler serves both: all that an opener makes pictures by."""
    asked = tuple(getattr(options, one.name) for one in fields(Upscale) if one.name != "why")
    return asked, info.width, info.height, info.layout, info.color.siting


class _Engine:
    """An upscaler and the thread that uses it."""

    def __init__(self, upscaler: Upscaler) -> None:
        self.upscaler = upscaler
        self.shares = 0
        self._turns: Mailbox[_Turn] = Mailbox(_WAITING)
        self._thread = threading.Thread(target=self._serve, name="rtsr-shared-model")
        self._thread.start()

    def ask(self, frame: Frame) -> Callable[[], Frame]:
        """Wait for `frame`'s turn in what is returned."""
        turn = _Turn(frame)
        if not self._turns.put(turn):
            raise ValueError("this upscaler is closed")
        return lambda: next(iter(turn.answer))

    def close(self) -> None:
        """What waits is made; then all of it is let go."""
        self._turns.close()
        self._thread.join()

    def _serve(self) -> None:
        under_way: deque[tuple[_Turn, Callable[[], Frame]]] = deque()
        waiting: _Turn | None
        for waiting in self._turns:
            while waiting is not None or under_way:
                if waiting is not None:
                    under_way.append((waiting, self._begun(waiting.frame)))
                waiting = self._turns.take() if len(under_way) < self.upscaler.slots else None
                if waiting is None:
                    _finish(*under_way.popleft())
        self.upscaler.close()

    def _begun(self, frame: Frame) -> Callable[[], Frame]:
        try:
            return self.upscaler.begin(frame)
        except BaseException as error:  # noqa: BLE001 - carried to whose frame it is
            return partial(_raise, error)


def _finish(turn: _Turn, result: Callable[[], Frame]) -> None:
    try:
        turn.answer.put(result())
    except BaseException as error:  # noqa: BLE001 - carried to whose frame it is
        turn.answer.close(error)


def _raise(error: BaseException) -> Frame:
    raise error


class Share:
    """One stream's part in an upscaler that others use, too; see `Upscaler`.

    Args:
        upscaler: what makes the pictures.
        ask: takes a frame, and gives what waits for its result.
        leave: the stream has ended.
    """

    def __init__(
        self, upscaler: Upscaler, ask: Callable[[Frame], Callable[[], Frame]], leave: Callable[[], None]
    ) -> None:
        self._upscaler, self._ask, self._leave = upscaler, ask, leave
        self._closed = False

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
        """See `Upscaler`. The work is done in another thread, after what others have begun."""
        if self._closed:
            raise ValueError("this upscaler is closed")
        return self._ask(frame)

    def upscale(self, frame: Frame) -> Frame:
        """See `Upscaler`."""
        return self.begin(frame)()

    def close(self) -> None:
        """See `Upscaler`: the last one closes what all used."""
        if not self._closed:
            self._closed = True
            self._leave()
