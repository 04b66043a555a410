"""Nut through a pipe: the first video stream as frames; packets of the others are laid aside, for who copies them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection, Iterator
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError, InvalidDataError
from av.packet import Packet
from av.stream import Stream

from rtsr.demux import open_stream
from rtsr.errors import SourceError
from rtsr.frame import Frame, StreamInfo
from rtsr.planes import FORMS, layout_of
from rtsr.sources.decode import color_of, frame_from, refuse_unsupported
from rtsr.sources.opening import first_video, in_words
from rtsr.sources.pipe import LABEL, NOT_LOOKED_AT, PipeReader
from rtsr.sources.side_data import display_matrix_of, hdr_of

_USUAL_FPS = Fraction(25)


def open_nut(reader: PipeReader) -> NutSource:
    """Open what comes through `reader` and decode the first picture, which stays in hand.

    Raises:
        SourceError: it is damaged at its beginning, has no video, or holds what is not upscaled.
    """
    try:
        container = open_stream(reader, form="nut")
    except (FFmpegError, OSError) as error:
        raise SourceError(
            f"{LABEL} begins as nut and cannot be read on ({in_words(error)})", mend="pipe: ffmpeg -i IN -f nut -"
        ) from error
    source = NutSource(container, reader)
    try:
        source.look()
    except BaseException:
        source.close()
        raise
    return source


class NutSource:
    """The frames of a nut stream, once; see `open_nut`."""

    def __init__(self, container: InputContainer, reader: PipeReader) -> None:
        self.container = container
        """Its streams are templates for copies; its packets are read by `frames` alone."""
        self.beside: deque[Packet[Stream]] = deque()
        """Packets of the streams that `lay_aside` named, up to where the video was read: take them away."""
        self._reader = reader
        self.video = first_video(LABEL, container)
        self.video.thread_type = "AUTO"
        self._keeps = {stream.index for stream in container.streams} - {self.video.index}
        self._asked = False
        self._pictures = self._decoded()
        self._first: av.VideoFrame | None = None
        self._running = self._closed = False
        self._last_pts: int | None = None
        self._damaged = self._interlaced = self._backwards = 0
        self._losses: tuple[str, ...] = ()

    def lay_aside(self, streams: Collection[int]) -> None:
        """Before `frames`: which streams' packets are wanted; none without it."""
        self._keeps, self._asked = set(streams), True
        held = [packet for packet in self.beside if packet.stream.index in self._keeps]
        self.beside.clear()
        self.beside.extend(held)

    def look(self) -> None:
        """Wait for the first picture; raises as `open_nut`."""
        self._first = picture = next(self._pictures, None)
        if picture is None:
            raise SourceError(f"{LABEL} ends before a picture of it can be decoded", mend="pipe it again")
        stream = self.video
        refuse_unsupported(LABEL, stream, picture)
        if picture.interlaced_frame:
            raise SourceError(
                f"{LABEL} is interlaced, and upscaling would set its combs in stone",
                mend="deinterlace it before the pipe: ffmpeg -i IN -vf bwdif ... - | rtsr encode - OUT",
            )
        rate, sar = stream.average_rate or stream.guessed_rate, stream.sample_aspect_ratio
        self._info = StreamInfo(
            label=LABEL,
            width=picture.width,
            height=picture.height,
            time_base=Fraction(stream.time_base or Fraction(1, av.time_base)),
            rate_fps=Fraction(rate) if rate else None,
            start_s=Fraction(picture.pts or 0) * Fraction(stream.time_base or 1),
            color=color_of(None, stream),
            sar=Fraction(sar) if sar else None,
            layout=layout_of(picture),
            hdr=hdr_of(picture),
            display_matrix=display_matrix_of(picture),
            lossy=stream.codec_context.codec.lossy,
            piped=True,
            notes=(NOT_LOOKED_AT,),
        )

    @property
    def info(self) -> StreamInfo:
        """See `Source`."""
        return self._info

    @property
    def losses(self) -> tuple[str, ...]:
        """See `Source`."""
        return self._losses

    def seek(self, time_s: Fraction) -> None:
        """See `Source`: a pipe only goes on."""

    def frames(self) -> Iterator[Frame]:
        """See `Source`."""
        if self._closed:
            return
        self._running = True
        if not self._asked:
            self.lay_aside(())
        try:
            if self._first is not None:
                first, self._first = self._first, None
                yield self._frame(first)
            for picture in self._pictures:
                yield self._frame(picture)
        finally:
            self._running = False
            self._account()

    def close(self) -> None:
        """See `Source`: while another thread is in `frames`, that ends first, and what it holds is let go with it."""
        self._closed = True
        self._reader.close()
        if not self._running:
            self._first = None
            self.beside.clear()
            self.container.close()

    def _decoded(self) -> Iterator[av.VideoFrame]:
        packets: Iterator[Packet[Any]] = self.container.demux()
        while True:
            try:
                packet = next(packets)
                if packet.stream.index == self.video.index:
                    yield from self.video.decode(packet)
                elif packet.size and packet.stream.index in self._keeps:
                    self.beside.append(packet)
            except StopIteration:
                return
            except InvalidDataError:
                self._damaged += 1
            except FFmpegError as error:
                self._losses += (f"reading stopped: {in_words(error)}",)
                return

    def _frame(self, picture: av.VideoFrame) -> Frame:
        info = self._info
        same_size = (picture.width, picture.height) == (info.width, info.height)
        if not same_size or picture.format.name not in FORMS or layout_of(picture) != info.layout:
            raise SourceError(
                f"{LABEL} changes from {info.width}x{info.height} to {picture.width}x{picture.height} "
                f"{picture.format.name} within the stream",
                mend="scale before the pipe: ffmpeg -i IN -vf scale=WIDTH:HEIGHT -f nut -",
            )
        self._interlaced += picture.interlaced_frame
        period = int(picture.duration or 0) or max(1, round(1 / ((info.rate_fps or _USUAL_FPS) * info.time_base)))
        last = self._last_pts
        pts = picture.pts
        if pts is None:
            pts = round(info.start_s / info.time_base) if last is None else last + period
        elif last is not None and pts <= last:
            self._backwards += 1
            pts = last + 1
        self._last_pts = pts
        return frame_from(picture, pts=pts, time_base=info.time_base, color=info.color, captured_s=time.monotonic())

    def _account(self) -> None:
        counted = {
            "damaged packets of the video could not be decoded": self._damaged,
            "frames within it are interlaced, and keep their combs": self._interlaced,
            "frames came with a time not after the one before, and are put one tick after it": self._backwards,
        }
        self._losses += tuple(f"{count} {words}" for words, count in counted.items() if count)
