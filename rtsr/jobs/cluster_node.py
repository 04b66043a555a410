"""What runs on a worker of a cluster: one segment, from the packed task to its file.

The scheduler reads the names in here, too, so it loads nothing heavy.
"""

from __future__ import annotations

import os
import pickle
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtsr.config import Encode
    from rtsr.jobs.crew import Times
    from rtsr.jobs.task import Done, Task

_PULSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Landed:
    """A segment that is done."""

    done: Done
    """Its bytes are left out where they lie in the storage."""
    stored: str | None
    """The name of its file there."""


@dataclass(frozen=True, slots=True)
class Unfit:
    """A worker that cannot do the job as its owner would."""

    address: str
    problem: str
    mend: str


class Forgotten(Exception):  # noqa: N818 - nobody is left to see it
    """Nobody wants the result any more."""


def run_segment(packed: bytes, topic: str, storage: str | None) -> Landed | Unfit:
    """Do a task.

    Args:
        packed: a pickled `rtsr.jobs.task.Task`.
        topic: under which dask's events tell of frames.
        storage: folder by path or URL for the segment; None: it is returned.

    Raises:
        Forgotten: it was cancelled.
        RtsrError: a stage failed; the sentence names this worker.
    """
    from distributed import get_worker

    from rtsr.errors import RtsrError
    from rtsr.jobs.crew import Pulse
    from rtsr.jobs.task import UnfitError, encode_segment
    from rtsr.storage import Place

    worker = get_worker()
    key = worker.get_current_task()
    task: Task = pickle.loads(packed)  # whoever may send it may run anything here anyway
    task = replace(task, options=_sharing(task.options, worker.state.nthreads))

    def tell(times: Times, before: int) -> None:
        mine = worker.state.tasks.get(key)
        if worker.status.name != "running" or mine is None or mine.state != "executing":
            raise Forgotten
        worker.log_event(topic, {"number": task.cut.number, "times": times, "before": before})

    try:
        done = encode_segment(task, Pulse(tell, _PULSE_S))
        if storage is None:
            return Landed(done, None)
        name = f"{task.cut.number:05}-{uuid.uuid4().hex[:8]}.segment"
        Place(storage).put(name, done.segment)
    except UnfitError as error:
        return Unfit(worker.address, error.problem, error.mend)
    except RtsrError as error:
        raise type(error)(f"{error.problem} (on worker {worker.address})", mend=error.mend) from error
    return Landed(replace(done, segment=b""), name)


def _sharing(options: Encode, tasks: int) -> Encode:
    """With the network's threads shared out, where a worker does several tasks at once."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = max(1, cores // max(1, tasks))
    return replace(options, threads=min(options.threads or share, share))
