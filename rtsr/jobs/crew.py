"""Who encodes the missing segments, where it is not this process: processes of this machine, or a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from fractions import Fraction
from io import BytesIO
from typing import TYPE_CHECKING, Protocol

from rtsr.errors import UsageError
from rtsr.frame import Moment
from rtsr.segment import read_head, read_packets

if TYPE_CHECKING:
    from rtsr.config import Encode, Encoding
    from rtsr.frame import Frame
    from rtsr.jobs.task import Done, Task

Times = list[tuple[int, int]]
"""PTS and duration of frames, in units of the job's time base."""


class Crew(Protocol):
    """Does tasks in any order."""

    def lines(self) -> list[str]:
        """Who they are, for the user."""

    def encode(self, tasks: Sequence[Task], report: Report, stopped: Callable[[], bool]) -> None:
        """Do all tasks, each reported once; or, soon after `stopped` says so, no more of them.

        Raises:
            RtsrError: a task fails wherever it is tried.
            InterruptedRun: nobody is left to do them; what was reported is done.
        """

    def close(self) -> None:
        """Let go of them. Safe to call twice."""


def crew_of(options: Encode) -> Crew | None:
    """Who `options` ask for; None: this process.

    Raises:
        UsageError: they make no sense together.
        BackendError: the cluster does not answer, or cannot do the work.
    """
    refuse_crew(options)
    if options.cluster is not None:
        from rtsr.jobs.cluster import open_cluster

        return open_cluster(options)
    if options.workers > 1:
        from rtsr.jobs.workers import Workers

        return Workers(options.workers)
    return None


def refuse_alone(options: Encoding) -> None:
    """Raises UsageError where others than this process are asked for, and there are no segments to give to them."""
    refuse_crew(options)
    if options.workers > 1 or options.cluster is not None:
        flag = "--workers" if options.cluster is None else "--cluster"
        raise UsageError(
            f"{flag} shares out the segments of a file, and here are none",
            mend="give a media file as input, and leave --no-segments out",
        )


def refuse_crew(options: Encoding) -> None:
    """Raises UsageError where options of many machines make no sense together."""
    if options.workers < 1:
        raise UsageError(f"--workers {options.workers}", mend="it is a number of processes, 1 or more")
    if options.encoder_threads < 0:
        raise UsageError(f"--encoder-threads {options.encoder_threads}", mend="it is a number of threads, 0 or more")
    if options.workers > 1 and options.cluster is not None:
        raise UsageError("--workers are of this machine, and --cluster names others", mend="leave one of the two out")
    if options.cluster is None:
        for flag, value in (("resources", options.cluster_resources), ("tls", options.cluster_tls),
                            ("storage", options.cluster_storage)):  # fmt: skip
            if value is not None:
                raise UsageError(f"--cluster-{flag} is of --cluster, which is not there", mend="add --cluster ADDRESS")


class Report:
    """Where a crew's results and news go: segments are kept, and each frame is told of once."""

    def __init__(self, keep: Callable[[int, bytes], None], on_frame: Callable[[Moment], None], unit: Fraction) -> None:
        self._keep, self._on_frame, self._unit = keep, on_frame, unit
        self._told: dict[int, int] = {}
        self.losses: list[str] = []
        """What the input could not give, in words."""

    def frames(self, number: int, times: Times, before: int) -> None:
        """Frames of that segment were encoded, after `before` others of it; some may have been told of already."""
        told = self._told.get(number, 0)
        for pts, duration in times[max(0, told - before) :]:
            self._on_frame(Moment(pts, self._unit, duration))
        self._told[number] = max(told, before + len(times))

    def done(self, done: Done) -> None:
        """A segment is there.

        Raises:
            CorruptSegment: it is not what was made.
        """
        with BytesIO(done.segment) as file:
            read_head(file)
            times = sorted((coded.pts, coded.duration) for coded in read_packets(file))
        self.losses += [words for words in done.losses if words not in self.losses]
        self._keep(done.number, done.segment)
        self.frames(done.number, times, 0)


class Pulse:
    """Tells of frames from time to time, since each by itself would cost more than it says.

    Args:
        send: takes the frames since the last time, and how many went before them.
        every_s: how often.
    """

    def __init__(self, send: Callable[[Times, int], None], every_s: float) -> None:
        self._send, self._every_s = send, every_s
        self._times: Times = []
        self._before = 0
        self._due_s = time.monotonic() + every_s

    def __call__(self, frame: Frame) -> None:
        """One more frame."""
        self._times.append((frame.pts, frame.duration))
        if time.monotonic() >= self._due_s:
            self._send(self._times, self._before)
            self._before += len(self._times)
            self._times = []
            self._due_s = time.monotonic() + self._every_s
