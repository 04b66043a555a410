"""Many files, one after the other: what each is called, what became of it, and what is left to do after a stop.

A file that fails is told and the next one begins. What would fail for every file ends the batch: a full disk, and what
can be seen before the first one. What is done is in the queue (`rtsr.jobs.queue`); what was begun goes on by its own
job (`rtsr.jobs.segmented`).
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rtsr.config import AUTO, Encode, Encodes
from rtsr.errors import FailedFilesError, InterruptedRun, ResourceError, RtsrError, UsageError
from rtsr.jobs import settings
from rtsr.jobs.inputs import Input, find_inputs
from rtsr.jobs.naming import Template, template_of
from rtsr.jobs.queue import Queue, open_queue
from rtsr.models import find_model, scales_of
from rtsr.sinks.containers import format_of
from rtsr.sinks.failures import NO_SPACE
from rtsr.sources import kind_of

if TYPE_CHECKING:
    from rtsr.jobs.outcome import Encoded

log = logging.getLogger(__name__)
Verdict = Literal["done", "went on", "skipped", "failed"]
VERDICTS: tuple[Verdict, ...] = ("done", "went on", "skipped", "failed")


@dataclass(frozen=True, slots=True)
class Item:
    """One input and its output."""

    source: Path
    output: Path
    name: str
    """Of the output below the folder of the outputs, with `/`; or its path where it lies elsewhere."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an item."""

    item: Item
    verdict: Verdict
    words: str
    """How much was done and how fast, or why not."""
    code: int = 0
    """The exit code that the file alone would have had."""


def is_folder(place: str) -> bool:
    """Whether an output is meant as a folder."""
    return place.endswith(("/", os.sep)) or os.path.isdir(place)


def name_in_folder(options: Encodes) -> Encode:
    """One file whose output is named by the template, in the folder `options.output`, which is made.

    Raises:
        UsageError: the template makes no sense, or the folder cannot be made.
    """
    (source,) = options.sources
    one = options.of(source.removeprefix("file://"), options.output)
    output = Path(options.output) / template_of(options).name(one)
    _make_folder(output.parent)
    return replace(one, output=str(output))


def open_batch(options: Encodes) -> Batch:
    """Find the inputs, name the outputs, and refuse what cannot be done before the first is begun.

    Raises:
        UsageError: no input is found, two outputs would have one name, OUT is a file, the network or a field of the
            template is not known, or another process works on the folder.
    """
    folder = Path(options.output)
    if not is_folder(options.output) and (odd := _no_folder(options.output)):
        mend = f"name a folder, as {folder.stem}/"
        raise UsageError(f"{options.output} is {odd}, and the outputs of several inputs need a folder", mend=mend)
    template = template_of(options)
    if options.model != AUTO:
        find_model(options.model, (scales_of(options.model) or (2,))[0])  # of whatever scale: that is each file's
    inputs = find_inputs(options.sources, folder)
    items = [_item(one, folder, template, options) for one in inputs.taken]
    _refuse_clashes(items)
    return Batch(options, items, inputs.left_out)


class Batch:
    """See `open_batch`."""

    def __init__(self, options: Encodes, items: Sequence[Item], left_out: Sequence[Path]) -> None:
        self.items, self.left_out = tuple(items), tuple(left_out)
        """What is encoded; what looks like video and is not read."""
        self.results: list[Result] = []
        """Of every item that had its turn."""
        self._options = options
        self._stopped = False

    def options_of(self, item: Item) -> Encode:
        """To encode it alone."""
        return self._options.of(str(item.source), str(item.output))

    def stop(self) -> None:
        """From any thread or a signal handler: begin no further file. Whoever runs one stops that."""
        self._stopped = True

    def run(self, encode: Callable[[Item, Encode], Encoded]) -> Iterator[Result]:
        """Encode what is not done yet, item by item.

        Args:
            encode: encodes one; raises RtsrError.

        Yields:
            What became of each item, when it is known.

        Raises:
            InterruptedRun: `stop` was called; the same command goes on.
            FailedFilesError: some failed; the others are done.
            ResourceError: the disk is full.
            UsageError: another process works on the folder, or the batch there was begun with other settings.
        """
        folder = Path(self._options.output)
        _make_folder(folder)
        queue = open_queue(folder, settings.told(self._options), "forget" if self._options.restart else "go on")
        try:
            for item in self.items:
                if self._stopped:
                    raise self._interruption()
                try:
                    result = self._result(queue, item, encode)
                except InterruptedRun as error:
                    raise self._interruption() from error
                except ResourceError as error:
                    self.results.append(_failed(item, error))
                    raise
                self.results.append(result)
                yield result
            if failed := self.count["failed"]:
                mend = "the same command tries them again, and only them"
                raise FailedFilesError(f"{failed} of {len(self.items)} files failed", mend=mend)
            queue.remove()
        finally:
            queue.close()

    @property
    def count(self) -> Counter[Verdict]:
        """Of the results, by verdict."""
        return Counter(result.verdict for result in self.results)

    def _interruption(self) -> InterruptedRun:
        return InterruptedRun(
            f"stopped after {len(self.results)} of {len(self.items)} files", mend="the same command goes on from there"
        )

    def _result(self, queue: Queue, item: Item, encode: Callable[[Item, Encode], Encoded]) -> Result:
        options = self.options_of(item)
        if queue.is_done(item.name, item.source, item.output):
            return Result(item, "skipped", "done before")
        ours = queue.is_ours(item.name, item.output)
        if item.output.exists() and not ours:
            if self._options.skip_existing:
                return Result(item, "skipped", f"{item.output} exists")
            if not options.overwrite:
                mend = "add -y to replace it, or --skip-existing"
                return Result(item, "failed", f"{item.output} exists; {mend}", UsageError.exit_code)
        restart = options.restart or queue.has_changed(item.name, item.source)
        options = replace(options, overwrite=ours or options.overwrite, restart=restart)
        return self._encoded(queue, item, lambda: encode(item, options))

    def _encoded(self, queue: Queue, item: Item, encode: Callable[[], Encoded]) -> Result:
        queue.begin(item.name, item.source, item.output)
        try:
            _make_folder(item.output.parent)
            done = encode()
        except InterruptedRun:
            raise
        except RtsrError as error:
            queue.end(item.name, "failed", item.output)
            if isinstance(error, ResourceError) and _is_full(error):
                raise
            return _failed(item, error)
        except Exception as error:
            log.debug("unexpected", exc_info=True)
            queue.end(item.name, "failed", item.output)
            words = f"{type(error).__name__}: {error}; this is a fault of rtsr, please report it"
            return Result(item, "failed", words, RtsrError.exit_code)
        queue.end(item.name, "done", item.output)
        went_on = done.encoded != done.frames
        return Result(item, "went on" if went_on else "done", done.words)


def _no_folder(place: str) -> str:
    """What `place` is that is no folder and should not become one; empty where it may."""
    if kind_of(place) != "file":
        return "no folder"
    if Path(place).exists():
        return "a file"
    try:
        return f"named like a file ({format_of(place)})"
    except UsageError:
        return ""


def _failed(item: Item, error: RtsrError) -> Result:
    return Result(item, "failed", f"{error.problem}; {error.mend}", error.exit_code)


def _item(one: Input, folder: Path, template: Template, options: Encodes) -> Item:
    if one.output is not None:
        output = folder / one.output
    else:
        output = folder / one.folder / template.name(options.of(str(one.path), ""))
    name = output.relative_to(folder).as_posix() if output.is_relative_to(folder) else str(output)
    return Item(one.path, output, name)


def _refuse_clashes(items: Sequence[Item]) -> None:
    """Each output has a name of its own, and no input's."""
    seen: dict[str, Item] = {}
    inputs = {_known_as(item.source) for item in items}
    for item in items:
        twin = seen.setdefault(_known_as(item.output), item)
        if twin is not item:
            mend = "rename one, or write a list whose lines name the outputs: IN -> OUT"
            if twin.source.name != item.source.name:
                mend = "add --name '{file}.{model}.{scale}x.{ext}'"
            raise UsageError(f"{twin.source} and {item.source} would both become {item.output}", mend=mend)
        if _known_as(item.output) in inputs:
            mend = "name another folder, or another --name"
            raise UsageError(f"{item.source} would become {item.output}, which is an input", mend=mend)


def _known_as(path: Path) -> str:
    return os.path.normcase(os.path.abspath(path))


def _make_folder(place: Path) -> None:
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        kind = ResourceError if error.errno in NO_SPACE else UsageError
        raise kind(f"the folder {place} cannot be made ({words})", mend="name a place that is yours") from error


def _is_full(error: BaseException | None) -> bool:
    """Whether a full disk is behind `error`, rather than one file's need of memory."""
    while error is not None:
        if getattr(error, "errno", None) in NO_SPACE:
            return True
        error = error.__cause__
    return False
