"""Starts, stops and joins the threads of one run, and brings a stage's error to the caller.

capture thread: Source -> mailbox -> model thread: Upscaler -> mailbox -> caller of `run`: Sink
                                                               caller of `run` -> mailbox -> thread: SideSink
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rtsr.frame import Frame
from rtsr.mailbox import Mailbox
from rtsr.stages import SideSink, Sink, Source, Upscaler
from rtsr.telemetry import Rate, Spread

log = logging.getLogger(__name__)
_FILE_SLOTS = 4
"""Frames between two threads of a file run: enough to ride out an uneven codec, few enough to stay small."""
_LEAVE_S = 4.0
"""How long a side sink may take to end; one whose host is silent is left alone after this, and ends by itself."""


@dataclass(slots=True)
class Counters:
    """What a run measures of itself; written by its threads, read by anyone."""

    source: Rate = field(default_factory=Rate)
    model: Rate = field(default_factory=Rate)
    upscale_ms: Spread = field(default_factory=Spread)


class _Lane:
    """A side sink and the way to it: one frame at most, the newest wins, and who puts it never waits."""

    def __init__(self, sink: SideSink, failed: Callable[[BaseException], None]) -> None:
        self.sink, self._failed = sink, failed
        self.frames: Mailbox[Frame] = Mailbox(1, "drop_oldest")
        self.thread = threading.Thread(target=self._work, name="rtsr-beside", daemon=True)

    @property
    def words(self) -> str:
        return f"{self.sink.status}, {self.frames.dropped + self.sink.missed} dropped"

    def end(self, deadline_s: float) -> None:
        """Wait until the monotonic time `deadline_s` for its thread, which closes the sink."""
        self.frames.close()
        if self.thread.ident is None:
            self.sink.close()
            return
        self.thread.join(max(0.0, deadline_s - time.monotonic()))
        if self.thread.is_alive():
            log.info("%s: it does not end, and is left alone", self.sink.status)

    def _work(self) -> None:
        try:
            frame: Frame | None = None
            while True:
                ended = self.frames.wait_closed(0)
                newer = self.frames.take(self.sink.repeat_s)
                if newer is None and ended:
                    break
                frame = newer or frame
                if frame is not None:
                    self.sink.write(frame)
        except BaseException as error:  # noqa: BLE001 - even SystemExit is carried to run(), which raises it
            self._failed(error)
        finally:
            self.frames.leave()
            self.sink.close()


class Pipeline:
    """One run of one source through one upscaler into one sink, and into those beside it.

    A live source drops its oldest frame when the model is busy; a file drops nothing. Whatever stage raises, at
    whatever frame, `run` joins its threads, closes the stages and raises that error.
    """

    def __init__(self, source: Source, upscaler: Upscaler, sink: Sink, beside: Sequence[SideSink] = ()) -> None:
        live = source.info.live
        self.source, self.upscaler, self.sink = source, upscaler, sink
        self.counters = Counters()
        self._decoded: Mailbox[Frame] = Mailbox(1, "drop_oldest") if live else Mailbox(_FILE_SLOTS)
        self._upscaled: Mailbox[Frame] = Mailbox(1, "drop_oldest") if live else Mailbox(_FILE_SLOTS)
        self._stopped = False
        self._lanes = [_Lane(one, self._upscaled.close) for one in beside]

    @property
    def beside(self) -> tuple[str, ...]:
        """What the side sinks do now and have missed, in words, for the screen."""
        return tuple(lane.words for lane in self._lanes)

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
            for thread in (*threads, *(lane.thread for lane in self._lanes)):
                thread.start()
            for frame in self._upscaled:
                self._write(frame)
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
        """Let go of the stages. `run` does it at its end; needed only where there is no `run`."""
        for stage in (self.source, self.upscaler, self.sink):
            stage.close()
        deadline_s = time.monotonic() + _LEAVE_S
        for lane in self._lanes:
            lane.frames.close()
        for lane in self._lanes:
            lane.end(deadline_s)

    def _write(self, frame: Frame) -> None:
        """Into the sink, which may wait for the moment of a file's frame; the side sinks get it at that moment."""
        live = self.source.info.live
        if not live:
            self.sink.write(frame)
        for lane in self._lanes if frame.origin is not None else ():  # without one it came too late to be upscaled
            lane.frames.put(frame)
        if live:
            self.sink.write(frame)

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
