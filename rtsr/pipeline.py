"""Starts, stops and joins the threads of one run, and brings a stage's error to the caller.

capture thread: Source -> mailbox -> model thread: Upscaler -> mailbox -> caller of `run`: Sink
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from rtsr.frame import Frame
from rtsr.mailbox import Mailbox
from rtsr.stages import Sink, Source, Upscaler
from rtsr.telemetry import Rate, Spread

_FILE_SLOTS = 4
"""Frames between two threads of a file run: enough to ride out an uneven codec, few enough to stay small."""


@dataclass(slots=True)
class Counters:
    """What a run measures of itself; written by its threads, read by anyone."""

    source: Rate = field(default_factory=Rate)
    model: Rate = field(default_factory=Rate)
    upscale_ms: Spread = field(default_factory=Spread)


class Pipeline:
    """One run of one source through one upscaler into one sink.

    A live source drops its oldest frame when the model is busy; a file drops nothing. Whatever stage raises, at
    whatever frame, `run` joins its threads, closes the three stages and raises that error.
    """

    def __init__(self, source: Source, upscaler: Upscaler, sink: Sink) -> None:
        live = source.info.live
        self.source, self.upscaler, self.sink = source, upscaler, sink
        self.counters = Counters()
        self._decoded: Mailbox[Frame] = Mailbox(1, "drop_oldest") if live else Mailbox(_FILE_SLOTS)
        self._upscaled: Mailbox[Frame] = Mailbox(1, "drop_oldest") if live else Mailbox(_FILE_SLOTS)
        self._stopped = False

    @property
    def dropped(self) -> int:
        """Frames that came and were not handed on because a newer one had come."""
        return self._decoded.dropped + self._upscaled.dropped

    @property
    def stopped(self) -> bool:
        """Whether `stop` ended the run, rather than the source."""
        return self._stopped

    def stop(self) -> None:
        """From any thread or a signal handler: end as if the source had ended; frames on their way are written."""
        self._stopped = True
        self._decoded.close()

    def run(self) -> None:
        """Move every frame from source to sink; return when the sink has finished."""
        threads = [
            threading.Thread(target=self._stage, args=(self._capture, self._decoded), name="rtsr-capture"),
            threading.Thread(target=self._stage, args=(self._model, self._upscaled), name="rtsr-model"),
        ]
        try:
            for thread in threads:
                thread.start()
            for frame in self._upscaled:
                self.sink.write(frame)
            self.sink.finish()
        finally:
            self._decoded.close()
            self._upscaled.leave()
            if self.source.info.live or self.source.info.piped:
                self.source.close()  # else a camera or a pipe that has fallen silent is waited for
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            self.close()

    def close(self) -> None:
        """Let go of the three stages. `run` does it at its end; needed only where there is no `run`."""
        for stage in (self.source, self.upscaler, self.sink):
            stage.close()

    def _stage(self, work: Callable[[], None], out: Mailbox[Frame]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - even SystemExit is carried to run(), which raises it
            out.close(error)
        else:
            out.close()

    def _capture(self) -> None:
        for frame in self.source.frames():
            self.counters.source.tick()
            if not self._decoded.put(frame):
                return

    def _model(self) -> None:
        under_way: deque[tuple[float, Callable[[], Frame]]] = deque()
        waiting: Frame | None
        try:
            for waiting in self._decoded:
                while waiting is not None or under_way:
                    if waiting is not None:
                        under_way.append((time.perf_counter(), self.upscaler.begin(waiting)))
                    # a frame that is there already is begun before the first is waited for; none is waited for itself
                    waiting = self._decoded.take() if len(under_way) < self.upscaler.slots else None
                    if waiting is None and not self._hand_on(*under_way.popleft()):
                        return
        finally:
            self._decoded.leave()

    def _hand_on(self, began_s: float, result: Callable[[], Frame]) -> bool:
        """Wait for a frame that was begun; whether the sink still wants it."""
        upscaled = result()
        self.counters.upscale_ms.add((time.perf_counter() - began_s) * 1e3)
        self.counters.model.tick()
        return self._upscaled.put(upscaled)
