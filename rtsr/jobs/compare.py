"""Frames of a file beside what an encode made of them, as pieces were cut and encoded: to look at, or into one file.

The stages are those of any pipeline: the source gives the frames of the input, and the upscaler, instead of computing,
gives what the encoded piece holds. So whoever shows bicubic beside super-resolution shows bicubic beside what is
really on disk, with the encoder's losses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, cast

import numpy as np

from rtsr.config import Encode, Upscale
from rtsr.frame import Frame, Plane, StreamInfo
from rtsr.hdr import Hdr
from rtsr.pipeline import Pipeline
from rtsr.sinks import upscaled_info
from rtsr.sinks.choice import choose_encoder
from rtsr.sinks.copy import Also
from rtsr.sinks.piped import Alone
from rtsr.sinks.video import VideoSink, open_video
from rtsr.sources import open_source
from rtsr.sources.reading import Reading
from rtsr.stages import Badge, Sink, Source, Upscaler, at_once
from rtsr.upscalers import open_upscaler

if TYPE_CHECKING:
    from pathlib import Path

    from rtsr.compose import OpenSink

_CRF, _PRESET = 12, "veryfast"
"""Of a comparison file: what its encoder leaves out is not to be seen beside what is compared."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the input, and what it became."""

    source: str
    start_s: Fraction
    """After the beginning of the input."""
    length_s: Fraction
    reading: Reading
    encoded: str


@dataclass(frozen=True, slots=True, eq=False)
class _Paired(Frame):
    """A decoded frame that knows its counterpart."""

    made: Frame | None = None


def open_comparison(pieces: Sequence[Piece], badge: Badge, open_sink: OpenSink) -> Pipeline:
    """A pipeline of the frames of `pieces`, one piece after the other, and what the encoded pieces hold of each.

    Args:
        pieces: at least one.
        badge: what made them.
        open_sink: as of `rtsr.compose.compose`.

    Raises:
        RtsrError: input or piece cannot be read.
    """
    source = PiecesSource(pieces)
    upscaler = MadeUpscaler(source.made, source.info, badge_of(badge))
    return Pipeline(source, upscaler, open_sink(source, upscaler))


def badge_of(badge: Badge) -> Badge:
    """The truth about encoded pieces whose pictures `badge` made: nothing computes them while they are shown."""
    return replace(badge, backend="as encoded", device="", precision="")


class PiecesSource:
    """The parts of the input one after the other, as if nothing lay between them; see `Source`."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self._pieces = tuple(pieces)
        first, self.made = _info_of(_open_part(pieces[0])), _info_of(_open_made(pieces[0]))
        self._ticks = math.ceil(pieces[0].length_s / first.time_base)
        """Of a piece."""
        length_s = self._ticks * len(pieces) * first.time_base
        count = None if first.rate_fps is None else round(length_s * first.rate_fps)
        label = f"{len(pieces)} pieces of {first.label}"
        self._info = replace(first, label=label, start_s=Fraction(0), duration_s=length_s, frame_count=count)
        self._epoch, self._from_s, self._closed = 0, Fraction(0), False

    @property
    def info(self) -> StreamInfo:
        """See `Source`."""
        return self._info

    @property
    def losses(self) -> tuple[str, ...]:
        """See `Source`: the encode of the pieces told them."""
        return ()

    def seek(self, time_s: Fraction) -> None:
        """See `Source`."""
        self._from_s = time_s
        self._epoch += 1

    def frames(self) -> Iterator[Frame]:
        """See `Source`."""
        epoch = -1
        while epoch != self._epoch:
            epoch, from_s = self._epoch, self._from_s
            for frame in self._paired(from_s):
                if self._closed:
                    return
                if self._epoch != epoch:
                    break
                yield replace(frame, epoch=epoch)

    def close(self) -> None:
        """See `Source`."""
        self._closed = True

    def _paired(self, from_s: Fraction) -> Iterator[_Paired]:
        """Frames from `from_s` on; a piece is short enough to be decoded from its beginning."""
        for number, piece in enumerate(self._pieces):
            begin = number * self._ticks
            if (begin + self._ticks) * self._info.time_base <= from_s:
                continue
            for frame in _pairs(piece, begin):
                if frame.time_s >= from_s:
                    yield frame


def _pairs(piece: Piece, begin: int) -> Iterator[_Paired]:
    source, encoded = _open_part(piece), _open_made(piece)
    try:
        first: int | None = None
        for frame, made in zip(source.frames(), encoded.frames(), strict=False):
            first = frame.pts if first is None else first
            yield _Paired(
                frame.y, frame.u, frame.v, begin + frame.pts - first, frame.time_base, frame.color, frame.duration,
                frame.captured_s, layout=frame.layout, made=made,
            )  # fmt: skip
    finally:
        source.close()
        encoded.close()


def _open_part(piece: Piece) -> Source:
    return open_source(piece.source, start_s=piece.start_s, length_s=piece.length_s, reading=piece.reading)


def _open_made(piece: Piece) -> Source:
    return open_source(piece.encoded, reading=Reading(deinterlace="no"))  # its frames as they are, whatever they show


def _info_of(source: Source) -> StreamInfo:
    source.close()
    return source.info


class MadeUpscaler:
    """Gives what was made of each frame; see `Upscaler`."""

    def __init__(self, made: StreamInfo, info: StreamInfo, badge: Badge) -> None:
        self._size_wh, self._badge = (made.width, made.height), badge
        self._scale = max(1, round(made.width / info.width))

    @property
    def scale(self) -> int:
        """See `Upscaler`."""
        return self._scale

    @property
    def size_wh(self) -> tuple[int, int]:
        """See `Upscaler`."""
        return self._size_wh

    @property
    def badge(self) -> Badge:
        """See `Upscaler`."""
        return self._badge

    @property
    def slots(self) -> int:
        """See `Upscaler`."""
        return 1

    def begin(self, frame: Frame) -> Callable[[], Frame]:
        """See `Upscaler`."""
        return at_once(self.upscale(frame))

    def upscale(self, frame: Frame) -> Frame:
        """See `Upscaler`; of frames of `PiecesSource`."""
        made = cast("Frame", cast("_Paired", frame).made)
        when = {"pts": frame.pts, "time_base": frame.time_base, "duration": frame.duration, "epoch": frame.epoch}
        return replace(made, **when, captured_s=frame.captured_s, origin=frame)  # type: ignore[arg-type]

    def close(self) -> None:
        """See `Upscaler`."""


def write_comparison(path: Path, pieces: Sequence[Piece], badge: Badge, on_frame: Callable[[Frame], None]) -> Pipeline:
    """Be ready to write the file `path`: of each frame bicubic, and beside it on the right what the piece holds.

    Returns:
        A pipeline whose `run` writes it.

    Raises:
        RtsrError: a piece or the input cannot be read, or the place cannot be written.
    """
    return open_comparison(pieces, badge, lambda source, upscaler: _SideBySide(path, source.info, upscaler, on_frame))


class _SideBySide:
    """Writes bicubic and what was made beside each other; see `Sink`."""

    def __init__(self, path: Path, info: StreamInfo, upscaler: Upscaler, on_frame: Callable[[Frame], None]) -> None:
        self._on_frame = on_frame
        width, height = upscaler.size_wh
        self._turn_deg = info.rotation_deg
        joined = (width, 2 * height) if self._turn_deg in (90, 270) else (2 * width, height)
        made = replace(upscaled_info(info, upscaler), width=joined[0], height=joined[1], hdr=Hdr())
        title = f"left: bicubic; right: {upscaler.badge}"
        wishes = Encode(source="", output=str(path), crf=_CRF)
        encoder = choose_encoder(wishes, made, "matroska").encoder
        encoder = replace(encoder, preset=_PRESET) if encoder.codec in ("libx264", "libx265") else encoder
        self._bicubic = open_upscaler(Upscale(model="bicubic", scale=upscaler.scale, size_wh=(width, height)), info)
        try:
            self._video: VideoSink = open_video(str(path), made, encoder, Alone(Also({"title": title}, {})))
        except BaseException:
            self._bicubic.close()
            raise

    def write(self, frame: Frame) -> None:
        """See `Sink`."""
        plain = self._bicubic.upscale(cast("Frame", frame.origin))
        pair = (plain, frame) if self._turn_deg in (0, 270) else (frame, plain)  # as stored, to be turned
        axis = 0 if self._turn_deg in (90, 270) else 1
        y, u, v = (_joined([getattr(one, name) for one in pair], axis) for name in ("y", "u", "v"))
        self._video.write(replace(frame, y=y, u=u, v=v, origin=None))
        self._on_frame(frame)

    def finish(self) -> None:
        """See `Sink`."""
        self._video.finish()

    def close(self) -> None:
        """See `Sink`."""
        self._bicubic.close()
        self._video.close()


def _joined(planes: Sequence[Plane], axis: int) -> Plane:
    return cast("Plane", np.concatenate(planes, axis))


__all__ = ["MadeUpscaler", "Piece", "PiecesSource", "Sink", "open_comparison", "write_comparison"]
