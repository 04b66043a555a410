"""`--cluster ADDRESS`: the segments of an encode as tasks of a dask.distributed cluster.

dask gives tasks to workers that have the resources, gives those of a lost worker to another, and tries again what
failed. What is left to do here: workers that would give other bits are kept out, finished segments are brought home at
once, and a scheduler that dies is waited for, since everything it knew is in the job's folder, too.
"""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rtsr.errors import BackendError, InterruptedRun, ResourceError, RtsrError
from rtsr.jobs.cluster_address import wanted
from rtsr.jobs.cluster_link import TIMEOUTS, Link, Lost, open_link, short
from rtsr.jobs.cluster_node import Landed, Unfit, run_segment
from rtsr.segment import CorruptSegment
from rtsr.storage import Place, is_remote

if TYPE_CHECKING:
    from distributed import Client, Future

    from rtsr.config import Encode
    from rtsr.jobs.crew import Report
    from rtsr.jobs.task import Task

log = logging.getLogger(__name__)
_TICK_S = 0.5
"""How soon a stop is seen."""
_ANSWER_S = 10.0
_PATIENCE_S = 120.0
"""A scheduler, or all workers, that went away and come back within this, cost nothing but the time."""
_RETRIES = 2
"""A task that fails is tried so often again."""
_AHEAD = 2
"""Tasks given out for each that can run: nobody waits, and a stop leaves little to be forgotten."""


def open_cluster(options: Encode) -> Cluster:
    """Connect to the cluster that `options` name.

    Raises:
        UsageError: the address makes no sense, or is open to the network.
        BackendError: dask.distributed is not installed, nobody answers, or no worker has what is asked.
    """
    return Cluster(open_link(wanted(options)))


class Cluster:
    """See `Crew` and `open_cluster`."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def lines(self) -> list[str]:
        """See `Crew`."""
        able = self._link.able()
        return [f"{len(able)} workers of {self._link.asked.address}, {sum(able.values())} segments at a time"]

    def encode(self, tasks: Sequence[Task], report: Report, stopped: Callable[[], bool]) -> None:
        """See `Crew`.

        Raises:
            BackendError: no worker can do it as it would be done here.
            ResourceError: a segment ends every worker that tries it.
        """
        run = _Run(self._link, tasks, report)
        while run.left and not stopped():
            try:
                run.step()
            except Lost:
                log.warning("the scheduler at %s has gone; waiting for it", self._link.asked.address)
                run.forget()
                self._come_back(stopped)
        run.forget()
        if run.shelf is not None and not run.left:
            run.shelf.remove()

    def close(self) -> None:
        """See `Crew`."""
        self._link.close()

    def _come_back(self, stopped: Callable[[], bool]) -> None:
        until_s = time.monotonic() + _PATIENCE_S
        while not stopped():
            try:
                self._link.connect(2 * _TICK_S)
            except (BackendError, Lost) as error:
                if time.monotonic() > until_s:
                    raise InterruptedRun(
                        f"the scheduler at {self._link.asked.address} has gone and did not come back within "
                        f"{_PATIENCE_S:g} s; finished segments are kept",
                        mend="the same command goes on when it is there again",
                    ) from error
            else:
                return


class _Run:
    """The tasks of one call, who has them, and what has come back."""

    def __init__(self, link: Link, tasks: Sequence[Task], report: Report) -> None:
        self._link, self._report = link, report
        self.left = {task.cut.number: _portable(task) for task in tasks}
        """Those that are not done."""
        self._topic = f"rtsr-{uuid.uuid4().hex[:12]}"
        self.shelf, self._storage = self._shelf(tasks[0])
        self._waiting = deque(sorted(self.left))
        self._out: dict[Future, tuple[int, frozenset[str]]] = {}
        """Given out: the segment, and the only workers that may do it, or none where any may."""
        self._unfit: dict[str, Unfit] = {}
        self._news: deque[dict[str, Any]] = deque()
        self._seen_s = time.monotonic()
        self._listening: Client | None = None

    def step(self) -> None:
        """Give out, wait a little, take in. Raises Lost where the scheduler has gone."""
        from distributed import wait

        client = self._link.client
        if self._listening is not client:
            client.subscribe_topic(self._topic, lambda event: self._news.append(event[1]))
            self._listening = client
        self._give_out(client)
        with suppress(*TIMEOUTS, CancelledError), client.as_current():  # what was cancelled is seen below
            wait(list(self._out), timeout=_TICK_S, return_when="FIRST_COMPLETED")
        while self._news:
            news = self._news.popleft()
            self._report.frames(news["number"], news["times"], news["before"])
        for future in [one for one in self._out if one.status != "pending"]:
            self._take_in(future)

    def forget(self) -> None:
        """Nothing is out any more; workers see it soon."""
        with suppress(Exception):  # a scheduler that has gone has forgotten already
            self._link.client.cancel(list(self._out))
        self._waiting = deque(sorted(self.left))
        self._out.clear()

    def _shelf(self, task: Task) -> tuple[Place | None, str | None]:
        """Where workers leave segments of this job; what a coordinator that died has left there is taken."""
        if self._link.asked.storage is None:
            return None, None
        job = hashlib.sha256(json.dumps([dict(task.source), dict(task.settings)], sort_keys=True).encode())
        shelf = Place(f"{self._link.asked.storage.rstrip('/')}/rtsr-{job.hexdigest()[:16]}")
        for name in sorted(shelf.names()):
            number = int(name[:5]) if name[:5].isdigit() else -1
            if number in self.left:
                self._fetch(shelf, name, number)
        return shelf, shelf.uri

    def _fetch(self, shelf: Place, name: str, number: int, losses: tuple[str, ...] = ()) -> None:
        """Keep a segment of the storage, if it is whole."""
        from rtsr.jobs.task import Done

        with suppress(CorruptSegment):
            self._report.done(Done(number, shelf.get(name), losses))
            self.left.pop(number, None)

    def _give_out(self, client: Client) -> None:
        able = self._link.able()
        fit = {address: count for address, count in able.items() if address not in self._unfit}
        self._take_back(client, frozenset(able))
        if fit:
            self._seen_s = time.monotonic()
        elif self._unfit and able:
            worst = next(iter(self._unfit.values()))
            raise BackendError(
                f"no worker of {self._link.asked.address} can do it as it is done here; "
                f"{worst.address}: {worst.problem}",
                mend=worst.mend,
            )
        elif time.monotonic() - self._seen_s > _PATIENCE_S:
            raise InterruptedRun(
                f"all workers of {self._link.asked.address} have gone; finished segments are kept",
                mend="the same command goes on when some are there again",
            )
        only = frozenset(fit) if self._unfit else frozenset[str]()
        while self._waiting and len(self._out) < _AHEAD * sum(fit.values()):
            number = self._waiting.popleft()
            future = client.submit(
                run_segment,
                self.left[number],
                self._topic,
                self._storage,
                key=f"{self._topic}-{number:05}-{uuid.uuid4().hex[:8]}",
                retries=_RETRIES,
                resources=dict(self._link.asked.resources) or None,
                workers=sorted(only) or None,
            )
            self._out[future] = number, only

    def _take_back(self, client: Client, able: frozenset[str]) -> None:
        """Tasks whose only workers have gone would wait for them."""
        for future, (number, only) in list(self._out.items()):
            if only and not only & able:
                client.cancel([future])
                del self._out[future]
                self._waiting.appendleft(number)

    def _take_in(self, future: Future) -> None:
        number, _ = self._out.pop(future)
        if future.status == "cancelled":
            raise Lost
        if future.status == "error":
            self._fail(number, future)
        try:
            landed: Landed | Unfit = future.result(timeout=_PATIENCE_S)
        except (*TIMEOUTS, CancelledError, OSError) as error:
            raise Lost from error
        if isinstance(landed, Unfit):
            if landed.address not in self._unfit:
                log.warning("worker %s is not used: %s. %s", landed.address, landed.problem, landed.mend)
            self._unfit[landed.address] = landed
        elif landed.stored is not None and self.shelf is not None:
            self._fetch(self.shelf, landed.stored, number, landed.done.losses)
        else:
            with suppress(CorruptSegment):
                self._report.done(landed.done)
                self.left.pop(number)
        if number in self.left:
            self._waiting.appendleft(number)

    def _fail(self, number: int, future: Future) -> None:
        from distributed import KilledWorker

        error = future.exception(timeout=_ANSWER_S)
        if isinstance(error, KilledWorker):
            raise ResourceError(
                f"segment {number} has cost {error.allowed_failures + 1} workers, {error.last_worker.address} the last",
                mend="give workers more memory, or fewer threads each; the same command goes on",
            ) from error
        if isinstance(error, RtsrError):
            raise error
        if "deserializ" in str(error) or isinstance(error, ImportError):
            raise BackendError(
                f"the cluster at {self._link.asked.address} does not know this rtsr ({short(error)})",
                mend='install "rtsr[cluster]" of the same version beside its scheduler and its workers',
            ) from error
        raise error


def _portable(task: Task) -> bytes:
    """Packed, with a source that means the same anywhere."""
    source = task.options.source.removeprefix("file://")
    if not is_remote(source):
        source = str(Path(source).absolute())
    return pickle.dumps(replace(task, options=replace(task.options, source=source)))
