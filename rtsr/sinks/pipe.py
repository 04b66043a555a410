"""Standard output: y4m by our own few lines, nut and Matroska through FFmpeg; nothing else is written there meanwhile.

Why bytes go through Python: FFmpeg's own `pipe:` blocks in C when the reader is slow, where no signal handler runs.
"""

from __future__ import annotations

import logging
import os
import select
import sys
from fractions import Fraction

import av
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError

from rtsr import y4m
from rtsr.errors import UsageError
from rtsr.frame import Frame, Plane, StreamInfo
from rtsr.sinks.companion import Companion
from rtsr.sinks.encoder import Encoder, add_video
from rtsr.sinks.failures import encoder_refuses
from rtsr.sinks.muxer import Muxer
from rtsr.sinks.priority import usual_priority
from rtsr.sinks.video import VideoSink

log = logging.getLogger(__name__)
_BUFFER = 1 << 20
_STDOUT = 1
_NEGATIVE_TIMES = {"nut": "make_non_negative"}
"""Nut has none: where sound begins before 0 (an encoder's priming), all streams move alike until it does not."""


class PipeWriter:
    """A descriptor that bytes are written to until its reader goes; see `take_stdout`."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.name = "standard output"

    def write(self, data: bytes | memoryview) -> int:
        """All of `data`, however slow the reader is.

        Raises:
            BrokenPipeError: the reader has gone.
        """
        left = memoryview(data).cast("B")
        while left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # who started us asked for that
                select.select([], [self._descriptor], [])
        return len(data)


class StdoutPipe(PipeWriter):
    """Standard output, for the media alone: whatever else the process prints from now on goes to standard error.

    It is not given back: a last line of progress after the video would be garbage to its reader.
    """

    def __init__(self) -> None:
        if os.isatty(_STDOUT):
            raise UsageError(
                "standard output is a terminal, and video would be garbage on it",
                mend="pipe it on: rtsr encode IN - | ffplay -",
            )
        sys.stdout.flush()
        super().__init__(os.dup(_STDOUT))
        os.dup2(2, _STDOUT)
        self._open = True

    def close(self) -> None:
        """Let the reader know that this was all. Safe to call twice."""
        if self._open:
            self._open = False
            os.close(self._descriptor)


def open_y4m(writer: PipeWriter, info: StreamInfo) -> Y4mSink:
    """Write the header for frames as `info` tells.

    Raises:
        UsageError: y4m has no word for their layout.
        BrokenPipeError: nobody reads.
    """
    try:
        header = y4m.header_for(info)
    except ValueError as error:
        raise UsageError(str(error), mend="add -f nut -c:v ffv1") from error
    writer.write(header.line())
    return Y4mSink(writer, header)


class Y4mSink:
    """Pictures one after the other, as they are; see `open_y4m`."""

    def __init__(self, writer: PipeWriter, header: y4m.Header) -> None:
        self._writer, self._header = writer, header
        self._written = self._moved = 0
        self._begin_s = Fraction(0)

    def write(self, frame: Frame) -> None:
        """See `Sink`."""
        if not self._written:
            self._begin_s = frame.time_s
        place = (frame.time_s - self._begin_s) * self._header.rate_fps
        self._moved += abs(place - self._written) > Fraction(1, 2)
        self._writer.write(y4m.FRAME + b"\n")
        for plane in (frame.y, frame.u, frame.v):
            self._writer.write(_bytes(plane))
        self._written += 1

    def finish(self) -> None:
        """See `Sink`."""
        if self._moved:
            log.warning(
                "y4m has one rate and no time stamps: %d of %d frames are shown more than half a frame off",
                *(self._moved, self._written),
            )

    def close(self) -> None:
        """See `Sink`: the writer is its owner's to close."""


def _bytes(plane: Plane) -> memoryview:
    """The samples row by row, low byte first."""
    whole = np.ascontiguousarray(plane)
    return (whole if sys.byteorder == "little" else whole.byteswap()).data.cast("B")


def open_piped_video(
    writer: PipeWriter, form: str, info: StreamInfo, encoder: Encoder, companion: Companion
) -> VideoSink:
    """Write the header of an encoded stream, and be ready for frames.

    Args:
        writer: where it goes.
        form: libavformat's name of a container that is written from front to back: nut, matroska.
        info: of the frames that will come.
        encoder: codec and its settings.
        companion: the streams beside the video; closed with the sink.

    Raises:
        UsageError: container or encoder refuse what is asked.
    """
    settings = {"avoid_negative_ts": _NEGATIVE_TIMES.get(form, "disabled")}
    container = av.open(writer, "w", format=form, container_options=settings, buffer_size=_BUFFER)
    try:
        stream = add_video(container, info, encoder)
        companion.add_to(container, stream)
        _begin(container, form, info, encoder)
    except BaseException:
        companion.close()
        raise
    muxer = Muxer(container, stream, companion, round(companion.shift_s / info.time_base))
    muxer.streamed = True
    return VideoSink(muxer)


def _begin(container: OutputContainer, form: str, info: StreamInfo, encoder: Encoder) -> None:
    try:
        container.start_encoding()
        usual_priority()
    except BrokenPipeError:
        raise
    except (FFmpegError, ValueError) as error:
        raise encoder_refuses(encoder, form, info, error) from error
