"""Where frames come from: a table from scheme to opener."""

import re
from collections.abc import Callable
from fractions import Fraction

from rtsr.stages import Source

Opener = Callable[[str, "Fraction | None", "Fraction | None"], Source]


def _file(uri: str, start_s: Fraction | None, length_s: Fraction | None) -> Source:
    from rtsr.sources.file import open_file

    return open_file(uri.removeprefix("file://"), start_s=start_s, length_s=length_s)


def _pattern(uri: str, start_s: Fraction | None, length_s: Fraction | None) -> Source:
    from rtsr.sources.pattern import open_pattern

    return open_pattern(uri, start_s=start_s, length_s=length_s)


def _camera(uri: str, _start_s: Fraction | None, _length_s: Fraction | None) -> Source:
    from rtsr.sources.camera import open_camera

    return open_camera(uri)


SOURCES: dict[str, tuple[str, Opener]] = {
    "pattern": (r"pattern:.*", _pattern),
    "camera": (r"/dev/video\d+|/dev/v4l/.*|v4l2://.*|\d+", _camera),
    "file": (r".*", _file),
}
"""Kind: what a URI of it looks like, and its opener. The first match counts."""


def kind_of(uri: str) -> str:
    """The member of SOURCES that opens `uri`."""
    return next(kind for kind, (form, _) in SOURCES.items() if re.fullmatch(form, uri, re.DOTALL))


def open_source(uri: str, *, start_s: Fraction | None = None, length_s: Fraction | None = None) -> Source:
    """Open a file, a camera or a pattern.

    Args:
        uri: path, `file://` path, `/dev/videoN`, or `pattern:`.
        start_s: begin at this time after the beginning; files and patterns only.
        length_s: end after this much time; files and patterns only.

    Raises:
        SourceError: it cannot be read, or holds what is not upscaled yet.
        UsageError: the URI makes no sense.
    """
    return SOURCES[kind_of(uri)][1](uri, start_s, length_s)
