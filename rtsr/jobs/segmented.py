"""An encode in segments: what is finished is on disk, and the same command goes on from there.

The result is a function of input and settings only: cuts lie at times of the input, each segment has an encoder of its
own, and the network looks at one frame at a time. So an encode that was killed and continued ends as the same film,
frame for frame, as one that was not (tests/system/test_resume.py).
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from rtsr.config import AUTO, Encode, allowed_losses
from rtsr.errors import InterruptedRun, LossError, UsageError
from rtsr.jobs import registry
from rtsr.jobs.crew import Crew, Report
from rtsr.jobs.cuts import plan_edges
from rtsr.jobs.folder import Job, JobFolder, differences, identity, open_folder
from rtsr.jobs.machine import cores
from rtsr.jobs.outcome import Encoded, Made, companion_of, conclude, damage_in, encoder_notes, encoder_of
from rtsr.jobs.settings import settings_of
from rtsr.jobs.task import Task, ToldSink, open_part
from rtsr.segment import Cut
from rtsr.sinks import upscaled_info
from rtsr.sinks.copy import format_of
from rtsr.sinks.muxer import Muxer, open_muxer
from rtsr.sinks.on_card import seated
from rtsr.sinks.segments import SegmentSink, Target
from rtsr.sinks.stitch import DamagedSegment, stitch
from rtsr.sinks.threads import usual_threads
from rtsr.sources.keyframes import adopt, keyframe_times, packet_times
from rtsr.sources.opening import beginning_s

if TYPE_CHECKING:
    from rtsr.frame import StreamInfo, Timed
    from rtsr.jobs.plan import Plan
    from rtsr.pipeline import Pipeline
    from rtsr.sources.reading import Reading
    from rtsr.stages import Badge, Sink, Source, Upscaler

log = logging.getLogger(__name__)


def open_segmented(options: Encode, plan: Plan, crew: Crew | None = None) -> SegmentedEncode:
    """Begin the job of `plan`, or find what is finished of it, and be ready for the first segment that is missing.

    Args:
        options: what is wanted.
        plan: the fate of every stream.
        crew: who encodes the segments, closed with the job; None: this process.

    Raises:
        UsageError: what is there was begun with another input or other settings, or another process works on it.
        RtsrError: see `rtsr.jobs.encode.open_encode`.
    """
    folder = open_folder(plan.output)
    try:
        if options.restart:
            folder.clear()
        return SegmentedEncode(options, plan, folder, crew)
    except BaseException:
        folder.close()
        raise


class SegmentedEncode:
    """Opened and ready to run; see `open_segmented`."""

    def __init__(self, options: Encode, plan: Plan, folder: JobFolder, crew: Crew | None = None) -> None:
        self.plan = plan
        self._folder = folder
        self._path = options.source.removeprefix("file://")
        self._source = identity(self._path)
        self._old = folder.job
        self._options = _as_begun(options, self._old)
        self._crew = crew
        self._cuts: tuple[Cut, ...] = () if self._old is None else self._old.segments
        self._stopped = self._used = False
        saved = folder.times
        if self._old is not None and saved is not None and not differences(self._old.source, self._source):
            adopt(self._path, plan.reading.stream, saved)
        self._pipeline = self._compose()
        self.resumed_frames = sum(head.frames for cut in self._cuts if (head := folder.finished(cut.number)))
        """Frames that an earlier run has finished."""

    @property
    def info(self) -> StreamInfo:
        """Of the input."""
        return self._pipeline.source.info

    def lines(self) -> list[str]:
        """What will happen, for the user."""
        upscaler = self._pipeline.upscaler
        larger = upscaled_info(self.info, upscaler)
        told = self.plan.lines(self.info, larger, str(upscaler.badge)) + encoder_notes(self._options, larger)
        told += [f"  by {words}" for words in (self._crew.lines() if self._crew is not None else ())]
        if self.resumed_frames:
            told.append(f"  going on after {self.resumed_frames} frames that are finished in {self._folder.place}")
        return told

    def stop(self) -> None:
        """From any thread or a signal handler: end soon; finished segments are kept."""
        self._stopped = True
        self._sink.segments.abandon()
        self._pipeline.stop()

    def close(self) -> None:
        """Let go of everything; needed only where there is no `run`."""
        if self._crew is not None:
            self._crew.close()
        self._pipeline.close()
        self._folder.close()

    def run(self, on_frame: Callable[[Timed], None]) -> Encoded:
        """Encode what is missing, stitch, audit, and give the output its name.

        Args:
            on_frame: called with each frame after it was encoded, in the caller's thread.

        Raises:
            InterruptedRun: `stop` was called; the same command goes on.
            LossError: the output is there, but the input or the audit misses something.
            RtsrError: whatever else a stage raises; what is finished is kept, too.
        """
        began_s, tally = time.monotonic(), _Tally(on_frame)
        try:
            made = None
            while made is None:  # again where a segment turns out to be damaged on disk
                self._encode_missing(tally)
                made = self._stitched()
        except BaseException as error:
            if isinstance(error, InterruptedRun):
                raise
            if kept := self._finished():
                log.info("%d segments are finished and kept in %s: the same command goes on", kept, self._folder.place)
            else:
                self._folder.clear()  # nothing is lost, and nothing is left lying about
            raise
        finally:
            if self._crew is not None:
                self._crew.close()
            self._pipeline.close()
            if made is None:
                self._folder.close()
        try:
            conclude(made, self.plan.output, self._losses())
        except LossError:
            self._leave()
            raise
        except BaseException:
            self._folder.close()  # the output has not got its name
            raise
        self._leave()
        elapsed_s = time.monotonic() - began_s
        return Encoded(str(self.plan.output), len(made.pts), tally.frames, elapsed_s, float(tally.media_s))

    def _losses(self) -> list[str]:
        """Of the input: what no demuxer could read, and what every run's source could not give."""
        return [*damage_in(self._options, self.plan), *dict.fromkeys(chain(*self._folder.losses))]

    def _leave(self) -> None:
        self._folder.remove()
        registry.forget(self.plan.output)

    def _compose(self) -> Pipeline:
        """For the first run of segments that are missing; all of them where nothing was begun."""
        missing = self._missing()
        part = Cut(-1, missing[0].begin if missing else None, missing[-1].end if missing else None)
        return open_part(self._options, self.plan.reading, self._open_sink, part)

    def _open_sink(self, source: Source, upscaler: Upscaler) -> Sink:
        self._badge = upscaler.badge
        self._target = self._try_out(upscaled_info(source.info, upscaler))
        if not self._cuts:
            self._cuts = _planned(self._path, self._options, self.plan.reading, source.info.time_base)
        job = self._job_now(upscaler.badge)
        if self._old is None:
            self._folder.keep_times(packet_times(self._path, self.plan.reading.stream).saved())
            self._folder.begin(job)
            registry.remember(self.plan.output)
            self._old = job
        elif changed := _changed(self._old, job):
            raise UsageError(
                f"the unfinished job in {self._folder.place} is another one: {'; '.join(changed)}",
                mend="give what it was begun with, or begin again with --restart",
            )
        target = replace(self._target, encoder=seated(self._target.encoder, upscaler.badge))
        self._sink = ToldSink(SegmentSink(target, self._missing(), self._keep), lambda frame: None)
        self._used, self._run = False, len(self._folder.losses)
        return self._sink

    def _job_now(self, badge: Badge) -> Job:
        chosen = {"model": badge.model, "why": badge.reason, "encoder_threads": self._options.encoder_threads}
        settings = settings_of(self._options, badge, self._target.encoder)
        edges = tuple((cut.begin, cut.end) for cut in self._cuts)
        return Job(self._source, str(self.plan.output.absolute()), settings, chosen, edges)

    def _try_out(self, info: StreamInfo) -> Target:
        """Write the head of the file that will be stitched: what cannot be is refused now."""
        muxer = self._open_muxer(info)
        muxer.close()
        return Target(format_of(str(self.plan.output)), info, encoder_of(self._options, info), muxer.shift)

    def _open_muxer(self, info: StreamInfo) -> Muxer:
        place = self._folder.place / f"stitched{self.plan.output.suffix}"
        companion = companion_of(self._options, self.plan, info, self._badge)
        return open_muxer(str(place), info, encoder_of(self._options, info), companion)

    def _missing(self) -> list[Cut]:
        """The first segments that follow each other and are not finished."""
        missing: list[Cut] = []
        for cut in self._cuts:
            if self._folder.finished(cut.number) is None:
                missing.append(cut)
            elif missing:
                break
        return missing

    def _finished(self) -> int:
        return sum(self._folder.finished(cut.number) is not None for cut in self._cuts)

    def _keep(self, number: int, segment: bytes) -> None:
        self._folder.store(number, segment)
        self._folder.note(self._run, self._pipeline.source.losses)

    def _encode_missing(self, tally: _Tally) -> None:
        """Run pipelines until every segment is there."""
        if self._crew is not None:
            self._encode_by(self._crew, tally)
        while self._missing():
            if self._used:
                self._pipeline = self._compose()
            self._used = True
            self._sink.on_frame = tally.take
            self._pipeline.run()
            self._folder.note(self._run, self._pipeline.source.losses)
            self._refuse_stopped()

    def _encode_by(self, crew: Crew, tally: _Tally) -> None:
        """The same by others, wherever they are."""
        self._pipeline.close()  # of this process nothing but its memory would be taken
        tasks = [self._task(cut) for cut in self._cuts if self._folder.finished(cut.number) is None]

        def keep(number: int, segment: bytes) -> None:
            self._folder.note(self._run, report.losses)
            self._folder.store(number, segment)

        report = Report(keep, tally.take, self._target.info.time_base)
        if tasks:
            crew.encode(tasks, report, lambda: self._stopped)
            self._refuse_stopped()

    def _task(self, cut: Cut) -> Task:
        if self._old is None:
            raise ValueError("no job was begun")
        return Task(self._options, self.plan.reading, self._target, cut, self._source, self._old.settings)

    def _refuse_stopped(self) -> None:
        if self._stopped:
            raise InterruptedRun(
                f"stopped after {self._finished()} of {len(self._cuts)} segments",
                mend="the same command goes on from there",
            )

    def _stitched(self) -> Made | None:
        """The finished file, still under another name; None where a segment is damaged, which is dropped."""
        muxer = self._open_muxer(self._target.info)
        try:
            stitch(muxer, len(self._cuts), self._folder.open_segment)
        except DamagedSegment as error:
            log.warning("%s; it is made again", error)
            self._folder.drop(error.number)
            return None
        finally:
            muxer.close()
        allowed = allowed_losses(self._options.allow_loss)
        return Made(Path(muxer.path), muxer.pts, self._target.info, muxer.copied, allowed)


class _Tally:
    """Counts what one run encodes."""

    def __init__(self, on_frame: Callable[[Timed], None]) -> None:
        self._on_frame = on_frame
        self.frames, self.media_s = 0, Fraction(0)

    def take(self, frame: Timed) -> None:
        self.frames += 1
        self.media_s += frame.duration * frame.time_base
        self._on_frame(frame)


def _as_begun(options: Encode, old: Job | None) -> Encode:
    """With what was chosen when the job began, and may come out otherwise today or on another machine."""
    chosen = {} if old is None else old.chosen
    threads = options.encoder_threads or chosen.get("encoder_threads") or usual_threads(cores())
    options = replace(options, encoder_threads=threads)
    if options.model != AUTO or "model" not in chosen:
        return options
    return replace(options, model=chosen["model"], quality=None, content="auto", why=chosen["why"])


def _planned(path: str, options: Encode, reading: Reading, time_base: Fraction) -> tuple[Cut, ...]:
    first = last = None
    if options.start_s is not None or options.length_s is not None:
        begin_s = beginning_s(path) + (options.start_s or 0)
        first = math.ceil(begin_s / time_base)
        last = None if options.length_s is None else math.ceil((begin_s + options.length_s) / time_base)
    edges = plan_edges(keyframe_times(path, reading).tolist(), time_base, first, last)
    bounds = [None, *edges, None]
    return tuple(Cut(number, *pair) for number, pair in enumerate(pairwise(bounds)))


def _changed(old: Job, new: Job) -> list[str]:
    return [f"the input's {words}" for words in differences(old.source, new.source) if not words.startswith("path")] + (
        differences(old.settings, new.settings)
    )
