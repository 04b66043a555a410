"""`rtsr encode` of many files: a line for each, and a table at the end."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Protocol

from rtsr.cli.session import open_job, open_session
from rtsr.jobs.table import markdown

if TYPE_CHECKING:
    from rtsr.config import Encode, Encodes
    from rtsr.jobs.batch import Batch, Item, Result
    from rtsr.jobs.encode import EncodeJob
    from rtsr.jobs.outcome import Encoded


def run_batch(options: Encodes) -> None:
    """Encode every input that is not done yet.

    Raises:
        RtsrError: see `rtsr.jobs.batch.Batch.run`.
    """
    from rtsr.jobs.batch import open_batch
    from rtsr.jobs.outlet import refuse_idle

    batch = open_batch(options)
    refuse_idle(batch.options_of(batch.items[0]))  # of all: each is a file and becomes one
    if options.dry_run:
        _tell_plan(batch)
        return
    report = _Events(batch) if options.progress == "json" else _Lines(batch, failures_only=options.progress == "none")
    with open_session(options.progress, batch.stop) as session:

        def encode(item: Item, one: Encode) -> Encoded:
            job = open_job(one)
            report.begin(item, job)
            return session.run(job, file=str(item.source))

        try:
            for result in batch.run(encode):
                report.result(result)
        finally:
            report.close()


def _tell_plan(batch: Batch) -> None:
    from rtsr.errors import RtsrError
    from rtsr.jobs.plan import make_plan

    for item in batch.items:
        print(f"{item.source} -> {item.output}")
        try:
            told = [str(fate) for fate in make_plan(batch.options_of(item)).fates]
        except RtsrError as error:
            told = [f"refused: {error.problem}; {error.mend}"]
        print("".join(f"  {line}\n" for line in told), end="")
    for path in batch.left_out:
        print(f"{path}: left out, its format is not read")


class _Report(Protocol):
    """Tells the user how a batch goes."""

    def begin(self, item: Item, job: EncodeJob) -> None:
        """Work on an item begins."""

    def result(self, result: Result) -> None:
        """What became of an item."""

    def close(self) -> None:
        """The batch has ended, or was ended."""


class _Lines:
    """For people, on stderr."""

    def __init__(self, batch: Batch, *, failures_only: bool) -> None:
        self._batch, self._failures_only = batch, failures_only
        self._numbers = {item: number for number, item in enumerate(batch.items, start=1)}
        if batch.left_out:
            names = ", ".join(map(str, batch.left_out))
            self._say(f"left out, since their format is not read: {len(batch.left_out)} files ({names})")

    def begin(self, item: Item, job: EncodeJob) -> None:
        """See `_Report`."""
        self._say(f"{self._number(item)} {item.source} -> {item.output}")
        for words in job.plan.losses:  # a loss is said in any case
            print(f"  {words}", file=sys.stderr)
        if job.resumed_frames:
            self._say(f"  going on after {job.resumed_frames} frames that are finished")

    def result(self, result: Result) -> None:
        """See `_Report`."""
        words = f"{self._number(result.item)} {result.item.source}: {result.verdict}: {result.words}"
        if result.verdict == "failed":
            print(f"{words} (code {result.code})", file=sys.stderr, flush=True)
        else:
            self._say(words)

    def close(self) -> None:
        """See `_Report`."""
        from rtsr.jobs.batch import VERDICTS

        if not self._batch.results:
            return
        failed = [result for result in self._batch.results if result.verdict == "failed"]
        rows = [[str(result.item.source), f"{result.code}", result.words] for result in failed]
        counts = [[verdict, f"{self._batch.count[verdict]}"] for verdict in VERDICTS]
        if left := len(self._batch.items) - len(self._batch.results):
            counts.append(["left", f"{left}"])
        self._say("\n" + markdown([["result", "files"], *counts]))
        if rows:
            self._say("\n" + markdown([["failed", "code", "reason"], *rows], left=3))

    def _number(self, item: Item) -> str:
        return f"[{self._numbers[item]}/{len(self._batch.items)}]"

    def _say(self, words: str) -> None:
        if not self._failures_only:
            print(words, file=sys.stderr, flush=True)


class _Events:
    """For programs: an object a line on stdout."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        for path in batch.left_out:
            _event(file=str(path), event="left out")

    def begin(self, item: Item, job: EncodeJob) -> None:
        """See `_Report`."""
        _event(file=str(item.source), event="begin", output=str(item.output), resumed_frames=job.resumed_frames)
        for words in job.plan.losses:
            _event(file=str(item.source), event="loss", words=words)

    def result(self, result: Result) -> None:
        """See `_Report`."""
        item = result.item
        _event(
            file=str(item.source), event=result.verdict, output=str(item.output), code=result.code, words=result.words
        )

    def close(self) -> None:
        """See `_Report`."""
        from rtsr.jobs.batch import VERDICTS

        _event(event="end", files=len(self._batch.items), **{name: self._batch.count[name] for name in VERDICTS})


def _event(**told: object) -> None:
    print(json.dumps(told), flush=True)
