"""`rtsr encode`: one file through the pipeline, under its name only when it is complete and checked."""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from rtsr.compose import compose
from rtsr.config import Encode
from rtsr.errors import InterruptedRun, LossError
from rtsr.frame import Frame
from rtsr.jobs.audit import audit, playable
from rtsr.jobs.choose import settler
from rtsr.jobs.plan import Plan, make_plan, refuse_place
from rtsr.pipeline import Pipeline
from rtsr.sinks import upscaled_info
from rtsr.sinks.companion import Companion
from rtsr.sinks.copy import open_copy
from rtsr.sinks.encoder import Encoder
from rtsr.sinks.null import NullSink
from rtsr.sinks.tone import Tone
from rtsr.sinks.video import VideoSink, open_video
from rtsr.stages import Sink, Source, Upscaler

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Encoded:
    """What an encode did."""

    output: str
    frames: int
    elapsed_s: float
    media_s: float
    """How long the encoded part lasts."""


def open_encode(options: Encode) -> "EncodeJob":
    """Open input, network and output, and refuse before the first frame what cannot be done.

    Raises:
        RtsrError: see `rtsr.sources.open_source`, `rtsr.upscalers.open_upscaler`, `rtsr.jobs.plan.make_plan` and
            `rtsr.sinks.video.open_video`.
    """
    refuse_place(options)
    opened: list[tuple[Plan, _Counted]] = []

    def open_sink(source: Source, upscaler: Upscaler) -> Sink:
        plan = make_plan(options)
        info = upscaled_info(source.info, upscaler.scale)
        encoder = Encoder(options.codec, options.crf, options.preset)
        companion = _companion(options, plan, source)
        video = open_video(str(plan.part), info, encoder, companion)
        opened.append((plan, _Counted(video)))
        return opened[0][1]

    pipeline = compose(
        options.source, settler(options, "encode"), open_sink, start_s=options.start_s, length_s=options.length_s
    )
    plan, sink = opened[0]
    return EncodeJob(pipeline, sink, plan)


def dry_run(options: Encode) -> list[str]:
    """What `open_encode` and `EncodeJob.run` would do, in words; nothing is written."""
    refuse_place(options)
    pipeline = compose(options.source, settler(options, "encode"), lambda source, upscaler: NullSink())
    try:
        upscaler = pipeline.upscaler
        return make_plan(options).lines(pipeline.source.info, upscaler.scale, str(upscaler.badge))
    finally:
        pipeline.close()


def _companion(options: Encode, plan: Plan, source: Source) -> Companion:
    if plan.fates:
        path = options.source.removeprefix("file://")
        return open_copy(path, plan.fates, start_s=options.start_s, length_s=options.length_s)
    return Tone(source.info.duration_s or Fraction(0), source.info.start_s)


class EncodeJob:
    """Opened and ready to run; see `open_encode`."""

    def __init__(self, pipeline: Pipeline, sink: "_Counted", plan: Plan) -> None:
        self.pipeline, self.plan = pipeline, plan
        self._sink = sink

    def lines(self) -> list[str]:
        """What will happen, for the user."""
        upscaler = self.pipeline.upscaler
        return self.plan.lines(self.pipeline.source.info, upscaler.scale, str(upscaler.badge))

    def run(self, on_frame: Callable[[Frame], None]) -> Encoded:
        """Encode, audit, and give the output its name.

        Args:
            on_frame: called with each frame after it was written, in the caller's thread.

        Raises:
            InterruptedRun: `pipeline.stop` was called; what is finished is playable and keeps its `.part` name.
            LossError: the output is there, but the input or the audit misses something.
            RtsrError: whatever else a stage raises.
        """
        self._sink.on_frame = on_frame
        began_s = time.monotonic()
        try:
            self.pipeline.run()
        except BaseException:
            if kept := self._keep_what_plays():
                log.info("what was finished plays: %s", kept)
            raise
        video, info = self._sink.video, self.pipeline.source.info
        if self.pipeline.stopped:
            kept = self._keep_what_plays()
            raise InterruptedRun(
                f"stopped after {len(video.pts)} of {info.frame_count or 'an unknown number of'} frames",
                mend=f"what was finished plays: {kept}" if kept else "nothing was finished, nothing is kept",
            )
        missing = audit(str(self.plan.part), video.pts, info.time_base, video.copied)
        os.replace(self.plan.part, self.plan.output)
        losses = self.pipeline.source.losses + missing
        if losses:
            raise LossError(
                f"{self.plan.output} is finished with {len(video.pts)} frames, but {'; '.join(losses)}",
                mend="All that could be read is in it",
            )
        media_s = float(self._sink.end_s - self._sink.begin_s)
        return Encoded(str(self.plan.output), len(video.pts), time.monotonic() - began_s, media_s)

    def _keep_what_plays(self) -> Path | None:
        """The unfinished file, if a player can show something of it; else it is removed."""
        part = self.plan.part
        if playable(str(part)):
            return part
        part.unlink(missing_ok=True)
        return None


class _Counted:
    """A video sink that tells of each frame."""

    def __init__(self, video: VideoSink) -> None:
        self.video = video
        self.on_frame: Callable[[Frame], None] = lambda frame: None
        self.begin_s = self.end_s = Fraction(0)

    def write(self, frame: Frame) -> None:
        """See `Sink`."""
        self.video.write(frame)
        if len(self.video.pts) == 1:
            self.begin_s = frame.time_s
        self.end_s = frame.time_s + frame.duration * frame.time_base
        self.on_frame(frame)

    def finish(self) -> None:
        """See `Sink`."""
        self.video.finish()

    def close(self) -> None:
        """See `Sink`."""
        self.video.close()
