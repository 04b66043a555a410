"""Numbered PNG files, each under its name only when it is whole: 8 bit of 8-bit video, else 16 bit."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from rtsr.color import UNSPECIFIED
from rtsr.errors import UsageError
from rtsr.frame import Frame, PixelLayout, StreamInfo
from rtsr.numbering import Numbering
from rtsr.rgb import rgb_from
from rtsr.sinks.failures import cannot_write, encoder_failed
from rtsr.swscale import LayoutConverter

if TYPE_CHECKING:
    from av.packet import Packet

log = logging.getLogger(__name__)
_RGB_MATRIX = 0
"""H.273 code point of a picture that is RGB."""
_FULL_RANGE = 2
Number = Callable[[Frame, int], int]
"""The number of the file of a frame that is the n-th, counted from 0."""


def open_sequence_sink(numbering: Numbering, info: StreamInfo, number: Number) -> SequenceSink:
    """Be ready to write the pictures of frames as `info` tells, its colour with nothing unknown (`Color.for_display`).

    Raises:
        UsageError: the names are of no PNG files, or the folder is none.
    """
    if not numbering.after.lower().endswith(".png"):
        raise UsageError(f"pictures are written as PNG, and {numbering} is another kind", mend="end the name in .png")
    if not numbering.folder.is_dir():
        raise UsageError(f"the folder {numbering.folder} does not exist", mend=f"mkdir -p {numbering.folder}")
    return SequenceSink(numbering, info, number)


def lost_in_pictures(info: StreamInfo) -> list[str]:
    """What a video `info` has and pictures of it cannot carry, for people."""
    lost = ["time stamps: pictures are numbered one after the other"]
    if info.display_matrix is not None:
        lost.append(f"orientation ({info.rotation_deg} degrees)")
    if info.hdr.mastering or info.hdr.light:
        lost.append("HDR mastering display and content light")
    if info.color.matrix == UNSPECIFIED:
        guess = "BT.709" if info.height >= 720 else "BT.601"
        lost.append(f"code values without a matrix: taken as {guess}, as players guess at {info.height} lines")
    return lost


class SequenceSink:
    """One PNG for each frame; see `open_sequence_sink`."""

    def __init__(self, numbering: Numbering, info: StreamInfo, number: Number) -> None:
        self._numbering, self._info, self._number = numbering, info, number
        self._color = info.color
        self._flat = PixelLayout(info.layout.bits, 0, 0)
        self._converter: LayoutConverter | None = None
        if info.layout != self._flat:
            size_wh = info.width, info.height
            self._converter = LayoutConverter(size_wh, info.layout, self._flat, self._color)
        self._encoder = _encoder(info)
        self._due: deque[Path] = deque()
        self._taken = 0
        self.written: list[Path] = []
        """Files that are there and whole."""

    def write(self, frame: Frame) -> None:
        """See `Sink`."""
        planes = (frame.y, frame.u, frame.v) if self._converter is None else self._converter.converted(frame)
        rgb = rgb_from(planes, self._color, self._flat)
        picture = av.VideoFrame.from_ndarray(rgb, format=str(self._encoder.pix_fmt))
        picture.colorspace, picture.color_range = _RGB_MATRIX, _FULL_RANGE
        picture.color_primaries, picture.color_trc = self._color.primaries, self._color.transfer
        picture.pts, picture.time_base = self._taken, Fraction(1, 25)
        self._due.append(self._numbering.path(self._number(frame, self._taken)))
        self._taken += 1
        self._save(self._encoded(picture))

    def finish(self) -> None:
        """See `Sink`."""
        self._save(self._encoded(None))

    def close(self) -> None:
        """See `Sink`: what is written stays."""
        self._converter = None

    def _encoded(self, picture: av.VideoFrame | None) -> list[Packet[Any]]:
        try:
            return self._encoder.encode(picture)
        except (FFmpegError, ValueError) as error:
            raise encoder_failed("png", self._taken, error) from error

    def _save(self, packets: list[Packet[Any]]) -> None:
        for packet in packets:
            path = self._due.popleft()
            part = path.with_name(f"{path.stem}.part{path.suffix}")
            try:
                with part.open("wb") as file:
                    file.write(packet)
                    file.flush()
                    os.fsync(file.fileno())
                part.replace(path)
            except OSError as error:
                part.unlink(missing_ok=True)
                raise cannot_write(str(path), error) from error
            self.written.append(path)


def _encoder(info: StreamInfo) -> VideoCodecContext:
    context = VideoCodecContext.create("png", "w")
    context.width, context.height = info.width, info.height
    context.pix_fmt = "rgb24" if info.layout.bits == 8 else "rgb48be"
    context.time_base = Fraction(1, 25)
    context.thread_type, context.thread_count = "FRAME", 0
    context.options = {"compression_level": "1"}  # of a 1080p frame: 0.04 s, not 0.25, and a fifth more bytes
    if info.sar:
        context.sample_aspect_ratio = info.sar
    return context
