"""Where frames come from: a table from scheme to opener."""

import re
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction

from rtsr import numbering
from rtsr.sources.part import Part
from rtsr.sources.reading import AS_IT_IS, Reading
from rtsr.sources.returning import returning
from rtsr.stages import Source

Opener = Callable[[str, Part, Reading], Source]


def _file(uri: str, part: Part, reading: Reading) -> Source:
    from rtsr.sources.devices import named_camera
    from rtsr.sources.file import open_file

    if (camera := named_camera(uri)) is not None:
        return _camera(camera, part, reading)
    if re.match(r"https?://", uri, re.IGNORECASE) and part == Part():
        from rtsr.sources.stream import FiniteStream

        with suppress(FiniteStream):
            return _stream(uri, part, reading)
    return open_file(uri.removeprefix("file://"), part, reading)


def _pattern(uri: str, part: Part, _reading: Reading) -> Source:
    from rtsr.sources.pattern import open_pattern

    return open_pattern(uri, part)


def _camera(uri: str, _part: Part, reading: Reading) -> Source:
    from rtsr.sources.camera import camera_opener

    return returning(camera_opener(uri, reading.live), reading.live)


def _screen(uri: str, _part: Part, reading: Reading) -> Source:
    from rtsr.sources.screen import open_screen

    return returning(lambda: open_screen(uri), reading.live)


def _csi(uri: str, _part: Part, reading: Reading) -> Source:
    from rtsr.sources.csi import open_csi

    return returning(lambda: open_csi(uri, reading.live), reading.live)


def _stream(uri: str, _part: Part, reading: Reading) -> Source:
    from rtsr.sources.stream import open_stream

    return returning(lambda: open_stream(uri, reading.live), reading.live)


def _job(uri: str, part: Part, _reading: Reading) -> Source:
    from rtsr.sources.job import open_job

    return open_job(uri, part)


def _pipe(_uri: str, part: Part, _reading: Reading) -> Source:
    from rtsr.sources.pipe import open_pipe

    return open_pipe(part)


def _sequence(uri: str, part: Part, _reading: Reading) -> Source:
    from rtsr.sources.sequence import open_sequence

    return open_sequence(uri, part)


SOURCES: dict[str, tuple[str, Opener]] = {
    "pipe": (r"-", _pipe),
    "pattern": (r"pattern:.*", _pattern),
    "sequence": (numbering.URI, _sequence),
    "job": (r".*\.rtsr/?", _job),
    "camera": (r"/dev/video\d+|/dev/v4l/.*|v4l2://.*|\d+", _camera),
    "screen": (r"screen:.*", _screen),
    "csi": (r"csi://.*", _csi),
    "stream": (r"(?i:rtsps?|rtmps?|udp|rtp|tcp|srt)://.*", _stream),
    "file": (r".*", _file),
}
"""Kind: what a URI of it looks like, and its opener. The first match counts."""


def kind_of(uri: str) -> str:
    """The member of SOURCES that opens `uri`."""
    return next(kind for kind, (form, _) in SOURCES.items() if re.fullmatch(form, uri, re.DOTALL))


def may_come(uri: str) -> bool:
    """Whether `uri` names what may be there later though it is not now: a device, a screen or a host."""
    return kind_of(uri) in ("camera", "screen", "csi", "stream") or uri.lower().startswith(("http://", "https://"))


def open_source(  # noqa: PLR0913 - the part, by name
    uri: str,
    *,
    start_s: Fraction | None = None,
    length_s: Fraction | None = None,
    begin_pts: int | None = None,
    end_pts: int | None = None,
    reading: Reading = AS_IT_IS,
) -> Source:
    """Open a file, a camera, a pipe or a pattern.

    Args:
        uri: path, `file://` path, `/dev/videoN`, `-` for standard input, numbered pictures as `frames/%05d.png` (or
            `frames/%05d.png?rate=24`), the folder of an unfinished encode, `OUT.rtsr`, or `pattern:`.
        start_s: begin at this time after the beginning; a camera begins now.
        length_s: end after this much time.
        begin_pts: give only frames whose pts is this or later, the same as a run without it gives; see `Part`.
        end_pts: give only frames whose pts is before this.
        reading: what is done otherwise than the source says; files only, but for its `fps`.

    Raises:
        SourceError: it cannot be read, or holds what is not upscaled yet.
        UsageError: the URI makes no sense.
    """
    part = Part(start_s=start_s, length_s=length_s, begin_pts=begin_pts, end_pts=end_pts)
    if reading.fps is not None:
        return _at_constant_rate(uri, part, reading, reading.fps)
    return SOURCES[kind_of(uri)][1](uri, part, reading)


def _at_constant_rate(uri: str, part: Part, reading: Reading, fps: Fraction) -> Source:
    from rtsr.sources.constant_rate import ConstantRate, part_for
    from rtsr.sources.keyframes import packet_times

    kind = kind_of(uri)
    bound = part.begin_pts is not None or part.end_pts is not None
    times = packet_times(uri.removeprefix("file://"), reading.stream) if bound and kind == "file" else None
    own, ticks = part_for(part, fps, times)
    return ConstantRate(SOURCES[kind][1](uri, own, reading), fps, ticks)
