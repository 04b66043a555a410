"""Encodes in one pass that have nothing to go back to: pipes on either side, numbered pictures on either side.

A pipe is read once and written once, so there are no segments and nothing is resumed; where the output is a pipe, there
is no file to audit, and the reader has what it got.
"""

from __future__ import annotations

import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from rtsr.compose import compose
from rtsr.config import allowed_losses
from rtsr.errors import InterruptedRun, LossError, ReaderGone
from rtsr.jobs.audit import playable
from rtsr.jobs.choose import settler
from rtsr.jobs.outcome import Encoded, Made, conclude
from rtsr.jobs.outlet import Y4M, Outlet, fates_before, form_of, lost_in, plan_of, refuse, where
from rtsr.jobs.outlet import is_direct as is_direct
from rtsr.numbering import as_rate
from rtsr.sinks import upscaled_info
from rtsr.sinks.null import NullSink
from rtsr.sinks.sequence import SequenceSink
from rtsr.sinks.video import VideoSink
from rtsr.sources.reading import Reading, reading_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from rtsr.config import Encode
    from rtsr.frame import Frame, StreamInfo
    from rtsr.jobs.plan import Plan
    from rtsr.pipeline import Pipeline
    from rtsr.sinks.fates import Fate
    from rtsr.stages import Sink, Source, Upscaler

log = logging.getLogger(__name__)


def open_direct(options: Encode) -> DirectEncode:
    """Open input, network and output, and refuse before the first frame what cannot be done.

    Raises:
        RtsrError: see `rtsr.jobs.encode.open_encode`; the output cannot hold a stream of the input.
        ReaderGone: nobody reads standard output.
    """
    refuse(options)
    with ExitStack() as undo:
        decided = fates_before(options)
        outlet = undo.enter_context(Outlet(options, decided, _reading(options, decided)))
        try:
            job = DirectEncode(options, outlet)
        except BrokenPipeError as error:
            raise reader_gone() from error
        undo.pop_all()
    return job


def reader_gone() -> ReaderGone:
    """That whoever read standard output has gone."""
    return ReaderGone("whoever read standard output has gone", mend="read it to its end")


def direct_dry_run(options: Encode) -> list[str]:
    """What `open_direct` and `DirectEncode.run` would do, in words; of a pipe, its beginning is read."""
    refuse(options)
    decided = fates_before(options)
    settle, reading = settler(options, "encode"), _reading(options, decided)
    pipeline = compose(_uri(options), settle, lambda source, upscaler: NullSink(), reading=reading)
    try:
        info = upscaled_info(pipeline.source.info, pipeline.upscaler)
        lost = [f"  {words}" for words in lost_in(options, pipeline.source.info, info)]
        return _told(options, plan_of(options, pipeline.source, decided, reading), pipeline) + lost
    finally:
        pipeline.close()


def _uri(options: Encode) -> str:
    """The input, with the rate of its pictures where one is given."""
    return options.source if options.rate_fps is None else f"{options.source}?rate={as_rate(options.rate_fps)}"


def _reading(options: Encode, decided: Sequence[Fate]) -> Reading:
    return reading_of(options, next((fate.index for fate in decided if fate.action == "upscale"), None))


def _told(options: Encode, plan: Plan, pipeline: Pipeline) -> list[str]:
    info, upscaler = pipeline.source.info, pipeline.upscaler
    lines = plan.lines(info, upscaled_info(info, upscaler), str(upscaler.badge))
    if form_of(options) == Y4M:
        lines.append("  y4m has one rate and no time stamps: frames are written one after the other")
    return lines


class DirectEncode:
    """Opened and ready to run; see `open_direct` and `rtsr.jobs.encode.EncodeJob`."""

    resumed_frames = 0

    def __init__(self, options: Encode, outlet: Outlet) -> None:
        self._options, self._outlet = options, outlet
        self._sink: _Counted
        self._pipeline = compose(
            _uri(options),
            settler(options, "encode"),
            self._open_sink,
            start_s=options.start_s,
            length_s=options.length_s,
            reading=outlet.reading,
        )
        self.plan = outlet.plan

    def _open_sink(self, source: Source, upscaler: Upscaler) -> Sink:
        self._sink = _Counted(self._outlet.open_sink(source, upscaler))
        return self._sink

    @property
    def info(self) -> StreamInfo:
        """See `EncodeJob`."""
        return self._pipeline.source.info

    def lines(self) -> list[str]:
        """See `EncodeJob`."""
        return _told(self._options, self.plan, self._pipeline)

    def stop(self) -> None:
        """See `EncodeJob`: as if the input had ended."""
        self._pipeline.stop()

    def close(self) -> None:
        """Let go of everything."""
        self._pipeline.close()
        self._outlet.close()

    def run(self, on_frame: Callable[[Frame], None]) -> Encoded:
        """Encode; a file is audited and given its name. See `EncodeJob`.

        Raises:
            ReaderGone: nobody reads standard output any more.
        """
        self._sink.on_frame = on_frame
        began_s = time.monotonic()
        try:
            self._pipeline.run()
        except BaseException as error:
            if kept := self._kept():
                log.info("what was finished: %s", kept)
            if isinstance(error, BrokenPipeError) or isinstance(error.__cause__, BrokenPipeError):
                raise reader_gone() from error
            raise
        finally:
            self._outlet.close()
        if self._pipeline.stopped:
            kept = self._kept()
            raise InterruptedRun(
                f"stopped after {self._sink.frames} frames",
                mend=f"what was finished: {kept}" if kept else "such an encode is not gone on with: begin it again",
            )
        self._conclude()
        media_s = float(self._sink.end_s - self._sink.begin_s)
        frames = self._sink.frames
        return Encoded(str(self.plan.output), frames, frames, time.monotonic() - began_s, media_s)

    def _conclude(self) -> None:
        sink, losses = self._sink.inner, self._pipeline.source.losses
        if isinstance(sink, VideoSink) and where(self._options) == "file":
            conclude(
                Made(self.plan.part, sink.pts, self.info, sink.copied, allowed_losses(self._options.allow_loss)),
                self.plan.output,
                losses,
            )
        elif losses:
            raise LossError(
                f"{self.plan.output} got {self._sink.frames} frames, but {'; '.join(losses)}",
                mend="All that could be read is in it",
            )

    def _kept(self) -> Path | None:
        """What is there of an output that was not finished: the last picture, or a file if a player can show it."""
        if isinstance(self._sink.inner, SequenceSink):
            written = self._sink.inner.written
            return written[-1] if written else None
        if where(self._options) != "file":
            return None
        part = self.plan.part
        if playable(str(part)):
            return part
        part.unlink(missing_ok=True)
        return None


@dataclass(slots=True)
class _Counted:
    """A sink that tells of each frame."""

    inner: Sink
    on_frame: Callable[[Frame], None] = lambda frame: None
    frames: int = 0
    begin_s: Fraction = Fraction(0)
    end_s: Fraction = Fraction(0)

    def write(self, frame: Frame) -> None:
        """See `Sink`."""
        self.inner.write(frame)
        if not self.frames:
            self.begin_s = frame.time_s
        self.frames += 1
        self.end_s = frame.time_s + frame.duration * frame.time_base
        self.on_frame(frame)

    def finish(self) -> None:
        """See `Sink`."""
        self.inner.finish()

    def close(self) -> None:
        """See `Sink`."""
        self.inner.close()
