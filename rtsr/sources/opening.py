"""From a path to an opened container and its video stream, or one sentence that says why not."""

from __future__ import annotations

from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from rtsr.demux import in_words as in_words
from rtsr.demux import open_input
from rtsr.errors import SourceError

open_container = open_input
"""What every source opens its file by."""


def first_video(path: str, container: InputContainer) -> VideoStream:
    """The first video stream that is not cover art."""
    return video_of(path, container, None)


def video_of(path: str, container: InputContainer, number: int | None) -> VideoStream:
    """The video stream of that number in the file; None is the first that is not cover art.

    Raises:
        SourceError: there is none.
    """
    if number is not None:
        for stream in container.streams.video:
            if stream.index == number:
                return stream
        raise SourceError(f"stream {number} of {path} is no video", mend="leave the choice of the stream out")
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    held = ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
    raise SourceError(f"{path} has no video stream (it holds {held})", mend="name a video file")


def beginning_s(path: str) -> Fraction:
    """When the earliest stream of `path` begins, in seconds: what `-ss` counts from. Raises as `open_container`."""
    with open_container(path) as container:
        return Fraction(container.start_time or 0, av.time_base)
