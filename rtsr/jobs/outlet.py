"""Where an encode in one pass goes: standard output, numbered pictures, or a media file that it cannot come back to.

Here is decided what such an output holds of the input, and what it cannot carry is put in words.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rtsr import y4m
from rtsr.color import Color
from rtsr.errors import UsageError
from rtsr.jobs.outcome import also_of, encoder_of
from rtsr.jobs.plan import Plan, refuse_place
from rtsr.jobs.provenance import KEY, provenance
from rtsr.numbering import Numbering, numbering_of
from rtsr.sinks import upscaled_info
from rtsr.sinks.containers import format_of
from rtsr.sinks.copy import Also, open_copy
from rtsr.sinks.fates import Fate
from rtsr.sinks.pipe import StdoutPipe, open_piped_video, open_y4m
from rtsr.sinks.piped import Alone, PipedCopy, fates_of, piped_fates
from rtsr.sinks.sequence import lost_in_pictures, open_sequence_sink
from rtsr.sinks.tone import Tone
from rtsr.sinks.video import open_video
from rtsr.sources import kind_of
from rtsr.sources.nut import NutSource
from rtsr.sources.reading import Reading
from rtsr.sources.sequence import SequenceSource

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtsr.config import Encode
    from rtsr.frame import Frame, StreamInfo
    from rtsr.sinks.companion import Companion
    from rtsr.stages import Sink, Source, Upscaler

log = logging.getLogger(__name__)
PIPE = "-"
Y4M, PICTURES = "yuv4mpegpipe", "png"
_OF_STREAMS = ("maps", "video_track", "audio_codec", "audio_bitrate", "movflags", "restart")
_OF_ENCODERS = (
    "codec", "crf", "preset", "bitrate", "pix_fmt", "encoder_threads", "encoder_options",
    "x264_params", "x265_params", "svtav1_params",
)  # fmt: skip
_TELLS_NO_COLOR = ("ffv1", "rawvideo")
Where = Literal["pipe", "pictures", "file"]


def where(options: Encode) -> Where:
    """Which of the three `options` ask for."""
    if options.output == PIPE:
        return "pipe"
    return "pictures" if numbering_of(options.output) else "file"


def form_of(options: Encode) -> str:
    """Name of what is written: libavformat's, or `png`."""
    if where(options) == "pipe":
        return options.format or Y4M
    return PICTURES if where(options) == "pictures" else format_of(options.output)


def refuse(options: Encode) -> None:
    """Look at the two places, and at options that would do nothing, before anything is opened.

    Raises:
        UsageError: they make no sense together, or something is in the way.
        SourceError: the input is live, and has no end.
    """
    refuse_idle(options)
    if where(options) != "pipe":
        refuse_place(options)
    if numbering := numbering_of(options.output):
        _refuse_pictures(numbering, options)


def refuse_idle(options: Encode) -> None:
    """Raise UsageError for an option that would do nothing for this input and output."""
    if where(options) != "pipe":
        _refuse(options, ("format",), "says what goes through a pipe, and OUT is none")
    if kind_of(options.source) != "sequence":
        _refuse(options, ("rate_fps",), "is for numbered pictures, and IN has a rate of its own (--fps changes that)")
    if options.source == PIPE:
        _refuse(options, ("fps", "start_s", "length_s"), "does nothing to a pipe: leave that to the program before it")
    if is_direct(options):
        _refuse(options, ("workers", "cluster"), "shares out the segments of a file, and here are none")
        _refuse(options, _OF_STREAMS, "chooses among the streams of a file that is written whole")
    if form_of(options) in (Y4M, PICTURES):
        _refuse(options, _OF_ENCODERS, "is for an encoder, and nothing is encoded (-f nut or a file's name does)")


def _refuse(options: Encode, names: tuple[str, ...], why: str) -> None:
    for field in fields(options):
        if field.name in names and getattr(options, field.name) != field.default:
            flag = next(iter(field.metadata["flags"]), f"--{field.name.replace('_', '-')}")
            raise UsageError(f"{flag} {why}", mend=f"leave {flag} out")


def is_direct(options: Encode) -> bool:
    """Whether the input or the output is a pipe or numbered pictures, so that it goes in one pass."""
    return options.source == PIPE or kind_of(options.source) == "sequence" or where(options) != "file"


def _refuse_pictures(numbering: Numbering, options: Encode) -> None:
    if numbering == numbering_of(options.source):
        raise UsageError(f"{numbering} is the input itself", mend="give the output another name")
    there = numbering.numbers() if numbering.folder.is_dir() else []
    if there and not options.overwrite and not options.dry_run:
        raise UsageError(
            f"{len(there)} such pictures exist, {numbering.path(there[0])} the first",
            mend="add -y to replace them, or name an empty folder",
        )


def fates_before(options: Encode) -> list[Fate]:
    """What becomes of the streams of a file; none where the input is another, or not known before it is opened."""
    if kind_of(options.source) != "file":
        return []
    return fates_of(options.source.removeprefix("file://"), form_of(options), _left_out(options))


def plan_of(options: Encode, source: Source, decided: Sequence[Fate], reading: Reading) -> Plan:
    """What becomes of the streams of `source`, whose `fates_before` are `decided`."""
    if isinstance(source, NutSource):
        decided = piped_fates(source.container, source.video.index, form_of(options), _left_out(options))
    output = Path("standard output" if options.output == PIPE else options.output)
    part = output.with_name(f"{output.stem}.part{output.suffix}")
    return Plan(output, part, tuple(decided), reading=reading)


def _left_out(options: Encode) -> list[str]:
    kinds = {"audio": options.no_audio, "subtitle": options.no_subtitles, "data": options.no_data}
    return [kind for kind, asked in kinds.items() if asked]


def lost_in(options: Encode, source: StreamInfo, info: StreamInfo) -> list[str]:
    """What of the larger video `info` of `source` the output cannot carry, for people."""
    form = form_of(options)
    if form == Y4M:
        return [f"y4m cannot carry: {words}" for words in y4m.lost_in(info)]
    if form == PICTURES:
        return [f"pictures cannot carry: {words}" for words in lost_in_pictures(source)]
    if form == "nut" and encoder_of(options, info, form).codec in _TELLS_NO_COLOR and info.color != Color():
        return ["nut cannot carry colour tags, and neither can this codec: take -f matroska to keep them"]
    return []


class Outlet:
    """Opens the sink of such an encode, and lets go of what it stands on. A context manager that closes."""

    def __init__(self, options: Encode, decided: Sequence[Fate], reading: Reading) -> None:
        self.options = options
        self._decided, self.reading = decided, reading
        self.plan: Plan
        """Known once the sink is open."""
        self._stdout = StdoutPipe() if where(options) == "pipe" else None

    def __enter__(self) -> Outlet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let a reader know that this was all. Safe to call twice."""
        if self._stdout is not None:
            self._stdout.close()

    def open_sink(self, source: Source, upscaler: Upscaler) -> Sink:
        """The sink for what `upscaler` makes of `source`; tells what it cannot carry.

        Raises:
            UsageError: it cannot hold what it is to be given.
            BrokenPipeError: nobody reads standard output.
        """
        options, form = self.options, form_of(self.options)
        info = upscaled_info(source.info, upscaler)
        self.plan = plan_of(options, source, self._decided, self.reading)
        for words in lost_in(options, source.info, info):
            log.warning("%s", words)
        if numbering := numbering_of(options.output):
            shown = source.info.color.for_display(source.info.height)  # as players show the input
            return open_sequence_sink(numbering, replace(info, color=shown), _numbers(source))
        if self._stdout is not None and form == Y4M:
            return open_y4m(self._stdout, info)
        encoder = encoder_of(options, info, form)
        if self._stdout is None:
            also = also_of(options, info, upscaler.badge)
            return open_video(str(self.plan.part), info, encoder, self._companion(source, info, also))
        also = Also({KEY: provenance(upscaler.badge, encoder)} if options.provenance else {}, {})
        return open_piped_video(self._stdout, form, info, encoder, self._companion(source, info, also))

    def _companion(self, source: Source, info: StreamInfo, also: Also) -> Companion:
        options, decided = self.options, self.plan.fates
        if isinstance(source, NutSource):
            source.lay_aside([fate.index for fate in decided if fate.action == "copy"])
            return PipedCopy(source.container, decided, source.beside, also)
        if kind_of(options.source) == "file":
            path = options.source.removeprefix("file://")
            return open_copy(path, decided, start_s=options.start_s, length_s=options.length_s, also=also)
        if kind_of(options.source) == "pattern":
            return Tone(info.duration_s or Fraction(0), info.start_s, tags=also.tags)
        return Alone(also)


def _numbers(source: Source) -> Callable[[Frame, int], int]:
    """Pictures keep their number; frames of a video are counted from 1."""
    if isinstance(source, SequenceSource):
        first = source.first_number
        return lambda frame, place: first + frame.pts
    return lambda frame, place: 1 + place
