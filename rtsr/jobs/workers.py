"""`--workers N`: processes of this machine that each encode whole segments.

Each has cores of its own, so that their decoders, networks and encoders do not push each other off them; where the
system cannot bind a process to cores, at least the network's threads are shared out. The encoder keeps the number of
threads that the job has, since its bits depend on it. A process that is killed costs its segment, which another one
gets. They talk through one pipe each, and wait for an answer to each piece of news: so they stand still while this
process pauses, and end when it has gone, however it went.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import traceback
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import connection
from typing import TYPE_CHECKING, Any

from rtsr.errors import ResourceError, RtsrError
from rtsr.jobs.crew import Pulse

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

    from rtsr.config import Encode
    from rtsr.jobs.crew import Report, Times
    from rtsr.jobs.task import Task

log = logging.getLogger(__name__)
_TICK_S = 0.25
"""How soon a stop is seen."""
_PULSE_S = 0.25
_END_S = 5.0
"""A process that was told to end has so long to do it."""
_DEATHS = 3
"""So many processes may be lost over one segment."""


def cores_here() -> list[int]:
    """Numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def shares(cores: Sequence[int], count: int) -> list[tuple[int, ...]]:
    """`cores` for `count` processes: each core once, or several processes on one where there are fewer cores."""
    if count >= len(cores):
        return [(cores[number % len(cores)],) for number in range(count)]
    return [tuple(cores[number * len(cores) // count : (number + 1) * len(cores) // count]) for number in range(count)]


class WorkerFault(RuntimeError):  # noqa: N818 - as Python's own
    """A worker process met an error that is none of the user's."""


@dataclass(slots=True)
class _Worker:
    cores: tuple[int, ...]
    process: SpawnProcess
    pipe: Connection
    task: Task | None = None


class Workers:
    """See `Crew`."""

    def __init__(self, count: int) -> None:
        self._shares = shares(cores_here(), count)
        self._staff: list[_Worker] = []

    def lines(self) -> list[str]:
        """See `Crew`."""
        sizes = sorted({len(share) for share in self._shares})
        each = f"{'-'.join(str(size) for size in sizes)} core{'s' if sizes[-1] > 1 else ''} each"
        return [f"{len(self._shares)} processes of this machine, {each}"]

    def encode(self, tasks: Sequence[Task], report: Report, stopped: Callable[[], bool]) -> None:
        """See `Crew`.

        Raises:
            ResourceError: over one segment several processes were lost.
            WorkerFault: one met an error that is none of the user's.
        """
        waiting, lost = deque(tasks), Counter[int]()
        try:
            for share in self._shares[: len(tasks)]:
                self._staff.append(_hired(share))
            while (waiting or any(worker.task for worker in self._staff)) and not stopped():
                for worker in self._staff:
                    if worker.task is None and waiting:
                        worker.task = waiting.popleft()
                        _send(worker, replace(worker.task, options=_limited(worker.task, worker.cores)))
                for ready in connection.wait([worker.pipe for worker in self._staff], _TICK_S):
                    worker = next(one for one in self._staff if one.pipe is ready)
                    if not self._heard(worker, report):
                        if worker.task is not None:
                            lost[worker.task.cut.number] += 1
                            waiting.appendleft(worker.task)
                        self._replace(worker, lost)
        finally:
            self.close()

    def close(self) -> None:
        """See `Crew`: their unfinished segments are lost."""
        for worker in self._staff:
            worker.process.terminate()
        for worker in self._staff:
            _ended(worker)
        self._staff.clear()

    def _heard(self, worker: _Worker, report: Report) -> bool:
        """Take one message. Returns False where the process has gone."""
        try:
            kind, *told = worker.pipe.recv()
        except (EOFError, OSError):
            return False
        if kind == "failed":
            raise told[0]
        if kind == "fault":
            log.debug("%s", told[1])
            raise WorkerFault(told[0])
        if kind == "done":
            worker.task = None
            report.done(told[0])
        else:
            report.frames(*told)
            _send(worker, None)
        return True

    def _replace(self, worker: _Worker, lost: Counter[int]) -> None:
        _ended(worker)
        number = -1 if worker.task is None else worker.task.cut.number
        how = _how_it_ended(worker.process.exitcode)
        if lost[number] >= _DEATHS:
            raise ResourceError(
                f"segment {number} has cost {_DEATHS} processes, the last one: {how}",
                mend="where memory is short, take fewer --workers; the same command goes on",
            )
        log.warning("a worker was lost (%s); its segment is given to another", how)
        self._staff[self._staff.index(worker)] = _hired(worker.cores)


def _hired(cores: tuple[int, ...]) -> _Worker:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, cores, log.getEffectiveLevel()), daemon=True)
    process.start()
    theirs.close()  # else its end would not be seen
    return _Worker(cores, process, ours)


def _send(worker: _Worker, message: object) -> None:
    with suppress(OSError):  # it has gone: that is heard next
        worker.pipe.send(message)


def _ended(worker: _Worker) -> None:
    worker.process.join(_END_S)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join(_END_S)
    worker.pipe.close()


def _limited(task: Task, cores: tuple[int, ...]) -> Encode:
    return replace(task.options, threads=min(task.options.threads or len(cores), len(cores)))


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "it does not end"
    if code >= 0:
        return f"it ended with {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _serve(pipe: Connection, cores: tuple[int, ...], level: int) -> None:
    """A worker process, from its beginning to its end: does what comes until nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the terminal: who started us decides
    logging.basicConfig(format="rtsr: %(message)s", level=max(level, logging.WARNING))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)  # before any library counts them
    from rtsr.jobs.task import encode_segment

    with suppress(_Gone):
        while True:
            task: Task = _asked(pipe)

            def tell(times: Times, before: int, number: int = task.cut.number) -> None:
                _asked(pipe, ("frames", number, times, before))

            try:
                message: tuple[object, ...] = ("done", encode_segment(task, Pulse(tell, _PULSE_S)))
            except _Gone:
                return
            except RtsrError as error:
                message = ("failed", error)
            except Exception as error:  # noqa: BLE001 - carried to who started us, who raises it
                message = ("fault", f"{type(error).__name__}: {error}", traceback.format_exc())
            _told(pipe, message)


class _Gone(Exception):  # noqa: N818 - nobody is left to see it
    """Who started us is not there any more."""


def _told(pipe: Connection, message: object) -> None:
    try:
        pipe.send(message)
    except OSError as error:
        raise _Gone from error


def _asked(pipe: Connection, message: object = None) -> Any:  # noqa: ANN401 - whatever is sent
    if message is not None:
        _told(pipe, message)
    try:
        return pipe.recv()
    except (EOFError, OSError) as error:
        raise _Gone from error
