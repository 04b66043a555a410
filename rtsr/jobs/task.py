"""One segment of an encode as a task of its own: everything it needs in, its file out; so it runs anywhere.

What comes out depends on the task only, not on where it runs: the settings of the job, down to the hash of the weights
and the version of the encoder, are compared with what is found here before the first frame is decoded.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from rtsr.compose import OpenSink, compose
from rtsr.demux import permit
from rtsr.errors import BackendError, RtsrError
from rtsr.jobs.choose import settler
from rtsr.jobs.folder import differences, identity
from rtsr.jobs.outcome import encoder_of
from rtsr.jobs.settings import settings_of
from rtsr.segment import Cut
from rtsr.sinks.on_card import seated
from rtsr.sinks.segments import SegmentSink, Target
from rtsr.storage import Place, is_remote

if TYPE_CHECKING:
    from rtsr.config import Encode
    from rtsr.frame import Frame
    from rtsr.pipeline import Pipeline
    from rtsr.sources.reading import Reading
    from rtsr.stages import Sink, Source, Upscaler

_SAME_ANYWHERE = ("bytes", "sha256")
"""Of an input's identity: a copy on another machine has another path and another time."""


@dataclass(frozen=True, slots=True)
class Task:
    """A segment to be encoded."""

    options: Encode
    """With the network named, and a source that whoever does it can open."""
    reading: Reading
    target: Target
    cut: Cut
    source: Mapping[str, Any]
    """See `rtsr.jobs.folder.identity`."""
    settings: Mapping[str, Any]
    """See `rtsr.jobs.settings`."""


@dataclass(frozen=True, slots=True)
class Done:
    """An encoded segment."""

    number: int
    segment: bytes
    """See `rtsr.segment`."""
    losses: tuple[str, ...]
    """What the input could not give of it, in words."""


class UnfitError(BackendError):
    """Here the task would come out otherwise, or not at all: give it to another."""


def open_part(options: Encode, reading: Reading, open_sink: OpenSink, cut: Cut) -> Pipeline:
    """The pipeline that encodes `cut` of the input, as every part of a job is encoded; raises as `compose`."""
    return compose(
        options.source,
        settler(options, "encode"),
        open_sink,
        start_s=options.start_s,
        length_s=options.length_s,
        begin_pts=cut.begin,
        end_pts=cut.end,
        reading=reading,
        encoder=partial(encoder_of, options),
    )


def encode_segment(task: Task, on_frame: Callable[[Frame], None]) -> Done:
    """Do it.

    Args:
        task: what.
        on_frame: called with each frame after it was handed to the encoder; what it raises ends the work.

    Raises:
        UnfitError: input, network or encoder here are not the job's, or cannot be opened.
        RtsrError: whatever a stage raises.
    """
    permit(task.options.protocols)
    _refuse_other_input(task)
    kept: list[bytes] = []

    def open_sink(_source: Source, upscaler: Upscaler) -> Sink:
        if found := differences(task.settings, settings_of(task.options, upscaler.badge, task.target.encoder)):
            raise UnfitError(f"the job's settings are not those of here: {'; '.join(found)}", mend=_ALIKE)
        target = replace(task.target, encoder=seated(task.target.encoder, upscaler.badge))
        return ToldSink(SegmentSink(target, [task.cut], lambda _number, made: kept.append(made)), on_frame)

    try:
        pipeline = open_part(task.options, task.reading, open_sink, task.cut)
    except UnfitError:
        raise
    except RtsrError as error:
        raise UnfitError(error.problem, mend=error.mend) from error
    pipeline.run()
    return Done(task.cut.number, kept[0], tuple(pipeline.source.losses))


_ALIKE = "install the same rtsr and PyAV on all machines, and begin on one whose CPU does what the others do"


def _refuse_other_input(task: Task) -> None:
    path = task.options.source.removeprefix("file://")
    try:
        found = _identity(path, *_state_of(path))
    except (OSError, RtsrError) as error:
        words = error.problem if isinstance(error, RtsrError) else f"{path} cannot be read: {error.strerror}"
        raise UnfitError(words, mend="mount the input's folder at the same place on all machines") from error
    changed = [f"{name} {task.source.get(name)} -> {found.get(name)}" for name in _SAME_ANYWHERE
               if task.source.get(name) != found.get(name)]  # fmt: skip
    if changed:
        raise UnfitError(f"{path} is another file here: {'; '.join(changed)}", mend="copy it anew")


def _state_of(path: str) -> tuple[int, int]:
    if is_remote(path):
        facts = Place(path).facts()
        return int(facts.get("size") or 0), hash(repr(sorted(facts.items(), key=repr)))
    state = os.stat(path)
    return state.st_size, state.st_mtime_ns


@lru_cache(maxsize=4)
def _identity(path: str, _size: int, _state: int) -> dict[str, Any]:
    return identity(path)


class ToldSink:
    """Segments, and somebody who is told of each frame."""

    def __init__(self, segments: SegmentSink, on_frame: Callable[[Frame], None]) -> None:
        self.segments, self.on_frame = segments, on_frame

    def write(self, frame: Frame) -> None:
        """See `Sink`."""
        self.segments.write(frame)
        self.on_frame(frame)

    def finish(self) -> None:
        """See `Sink`."""
        self.segments.finish()

    def close(self) -> None:
        """See `Sink`."""
        self.segments.close()
