"""After a file was closed: what its muxer left out is put in, where its form allows it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from typing import cast

from av.error import FFmpegError
from av.stream import Stream
from av.video.stream import VideoStream

from rtsr.demux import open_media
from rtsr.sinks.containers import HOLDS, shape_of
from rtsr.sinks.ebml import set_shapes
from rtsr.sinks.moov import Form, Left, complete
from rtsr.sinks.tags import missing_tags

log = logging.getLogger(__name__)


def complete_file(path: str, form: str, tags: Mapping[str, str], left: Left = Left()) -> None:  # noqa: B008 - frozen
    """Put what is `left`, and those of `tags` that the muxer did not write, into the finished file `path`.

    One in fragments, or without room, stays as it is: the audit tells what it lacks.

    Raises:
        OSError: it cannot be read or written.
    """
    try:
        with open_media(path) as container:
            missing = missing_tags(tags, container.metadata)
            unsaid = {n: shape for n, shape in left.shapes.items() if _shape(container.streams[n]) != shape}
        left = replace(left, tags=missing, shapes={})
        if HOLDS[form].boxes and left != Left():
            complete(path, cast("Form", form), left)
        elif unsaid and not HOLDS[form].boxes:
            set_shapes(path, unsaid)
    except FFmpegError as error:
        raise OSError(error.errno, error.strerror) from error
    except ValueError as error:
        log.debug("%s was not completed: %s", path, error)


def _shape(stream: Stream) -> Fraction:
    return shape_of(stream) if isinstance(stream, VideoStream) else Fraction(1)
