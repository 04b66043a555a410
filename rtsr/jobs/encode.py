"""`rtsr encode`: one file through the pipeline, under its name only when it is complete and checked."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Protocol

from rtsr.compose import compose
from rtsr.config import Encode, allowed_losses
from rtsr.errors import InterruptedRun
from rtsr.frame import Frame, StreamInfo, Timed
from rtsr.jobs.audit import playable
from rtsr.jobs.choose import settler
from rtsr.jobs.crew import crew_of, refuse_alone
from rtsr.jobs.outcome import Encoded, Made, companion_of, conclude, damage_in, encoder_notes, encoder_of
from rtsr.jobs.outlook import look_ahead
from rtsr.jobs.plan import Plan, make_plan, refuse_place
from rtsr.jobs.segmented import open_segmented
from rtsr.pipeline import Pipeline
from rtsr.sinks import upscaled_info
from rtsr.sinks.on_card import seated
from rtsr.sinks.video import VideoSink, open_video
from rtsr.sources import kind_of
from rtsr.stages import Badge, Sink, Source, Upscaler

log = logging.getLogger(__name__)


class EncodeJob(Protocol):
    """Opened and ready to run."""

    plan: Plan
    resumed_frames: int
    """Frames that an earlier run has finished."""

    @property
    def info(self) -> StreamInfo:
        """Of the input."""

    def lines(self) -> list[str]:
        """What will happen, for the user."""

    def run(self, on_frame: Callable[[Timed], None]) -> Encoded:
        """Encode, audit, and give the output its name.

        Args:
            on_frame: called with each frame after it was encoded, in the caller's thread.

        Raises:
            InterruptedRun: `stop` was called.
            LossError: the output is there, but the input or the audit misses something.
            RtsrError: whatever else a stage raises.
        """

    def stop(self) -> None:
        """From any thread or a signal handler: end soon, and keep what can be kept."""


def open_encode(options: Encode) -> EncodeJob:
    """Open input, network and output, and refuse before the first frame what cannot be done.

    Raises:
        RtsrError: see `rtsr.sources.open_source`, `rtsr.upscalers.open_upscaler`, `rtsr.jobs.plan.make_plan` and
            `rtsr.sinks.muxer.open_muxer`.
    """
    refuse_place(options)
    plan = make_plan(options)
    if options.segments and kind_of(options.source) == "file":
        crew = crew_of(options)
        try:
            return open_segmented(options, plan, crew)
        except BaseException:
            if crew is not None:
                crew.close()
            raise
    refuse_alone(options)
    return OnePassEncode(options, plan)


def dry_run(options: Encode) -> list[str]:
    """What `open_encode` and `run` would do, in words; nothing is written."""
    return look_ahead(options).lines()


class OnePassEncode:
    """Straight into the output's container; what was written when it is stopped plays, and is not gone on with."""

    resumed_frames = 0

    def __init__(self, options: Encode, plan: Plan) -> None:
        self.plan, self._options = plan, options
        self._pipeline: Pipeline = compose(
            options.source,
            settler(options, "encode"),
            self._open_sink,
            start_s=options.start_s,
            length_s=options.length_s,
            reading=plan.reading,
            encoder=partial(encoder_of, options),
        )

    def _open_sink(self, source: Source, upscaler: Upscaler) -> Sink:
        info = upscaled_info(source.info, upscaler)
        companion = companion_of(self._options, self.plan, info, upscaler.badge)
        encoder = seated(encoder_of(self._options, info), upscaler.badge)
        self._sink = _Counted(open_video(str(self.plan.part), info, encoder, companion))
        return self._sink

    @property
    def info(self) -> StreamInfo:
        """See `EncodeJob`."""
        return self._pipeline.source.info

    @property
    def badge(self) -> Badge:
        """Of what makes the pictures."""
        return self._pipeline.upscaler.badge

    def lines(self) -> list[str]:
        """See `EncodeJob`."""
        upscaler = self._pipeline.upscaler
        larger = upscaled_info(self.info, upscaler)
        return self.plan.lines(self.info, larger, str(upscaler.badge)) + encoder_notes(self._options, larger)

    def stop(self) -> None:
        """See `EncodeJob`."""
        self._pipeline.stop()

    def run(self, on_frame: Callable[[Frame], None]) -> Encoded:
        """See `EncodeJob`."""
        self._sink.on_frame = on_frame
        began_s = time.monotonic()
        try:
            self._pipeline.run()
        except BaseException:
            if kept := self._keep_what_plays():
                log.info("what was finished plays: %s", kept)
            raise
        video, info = self._sink.video, self.info
        if self._pipeline.stopped:
            kept = self._keep_what_plays()
            raise InterruptedRun(
                f"stopped after {len(video.pts)} of {info.frame_count or 'an unknown number of'} frames",
                mend=f"what was finished plays: {kept}" if kept else "nothing was finished, nothing is kept",
            )
        made = Made(self.plan.part, video.pts, info, video.copied, allowed_losses(self._options.allow_loss))
        conclude(made, self.plan.output, [*damage_in(self._options, self.plan), *self._pipeline.source.losses])
        media_s = float(self._sink.end_s - self._sink.begin_s)
        frames = len(video.pts)
        return Encoded(str(self.plan.output), frames, frames, time.monotonic() - began_s, media_s)

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
