"""Numbered pictures as a video: each file a frame, at a rate that the user gives.

JPEGs hold YCbCr and stay as they are; red, green and blue become full-range BT.709 once, 4:4:4, with as many bits.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

from rtsr.color import Color
from rtsr.demux import open_media
from rtsr.errors import SourceError, UsageError
from rtsr.frame import Frame, PixelLayout, StreamInfo
from rtsr.numbering import Numbering, gaps, numbering_of, rate_of
from rtsr.planes import FORMS, layout_of, planes_of
from rtsr.rgb import PICTURE_COLOR, Planes, layout_for, ycbcr_from
from rtsr.sources.decode import color_of
from rtsr.sources.opening import in_words
from rtsr.sources.part import Part

log = logging.getLogger(__name__)
USUAL_FPS = Fraction(25)


def open_sequence(uri: str, part: Part) -> SequenceSource:
    """List the pictures and look at the first.

    Args:
        uri: as `frames/%05d.png?rate=24`; without a rate the usual 25 is taken, and said.
        part: of them; the first one is at 0 s, whatever its number.

    Raises:
        SourceError: there are none, a number is missing, or the first cannot be read or has transparency.
        UsageError: nothing is left of the part, or the URI makes no sense.
    """
    numbering, rate_fps = numbering_of(uri), rate_of(uri)
    if numbering is None:
        raise UsageError(f"{uri} names no numbered pictures", mend="as frames/%05d.png")
    try:
        numbers = numbering.numbers()
    except OSError as error:
        raise SourceError(f"{numbering.folder} cannot be read ({in_words(error)})", mend="check the path") from error
    if not numbers:
        raise SourceError(f"there is no picture {numbering.path(1)}, nor with another number", mend="check the path")
    if missing := gaps(numbers):
        raise SourceError(
            f"{numbering} goes from {numbers[0]} to {numbers[-1]}, and {', '.join(map(str, missing))} "
            f"{'and perhaps more are' if len(missing) == 3 else 'is' if len(missing) == 1 else 'are'} missing",
            mend="bring them back, or move what comes after into a folder of its own",
        )
    if rate_fps is None:
        log.info("%s: pictures have no rate, %s in a second are taken (-r sets it)", numbering, USUAL_FPS)
    rate = rate_fps or USUAL_FPS
    first = numbers[0]
    numbers = _asked(numbers, part, rate)
    if not numbers:
        raise UsageError(f"nothing of {numbering} is in the asked part", mend="begin earlier")
    return SequenceSource(numbering, numbers, first, rate)


def _asked(numbers: Sequence[int], part: Part, rate: Fraction) -> list[int]:
    start = part.start_s or Fraction(0)
    end = None if part.length_s is None else start + part.length_s
    least, most = part.begin_pts or 0, len(numbers) if part.end_pts is None else part.end_pts
    return [
        number
        for place, number in enumerate(numbers)
        if least <= place < most and start <= place / rate and (end is None or place / rate < end)
    ]


class SequenceSource:
    """The frames of numbered pictures; see `open_sequence`."""

    def __init__(self, numbering: Numbering, numbers: Sequence[int], first: int, rate: Fraction) -> None:
        self.first_number = first
        """Of the picture at 0 s."""
        self._numbering, self._numbers = numbering, numbers
        self._request, self._epoch = 0, 0
        read = self._read(numbers[0])
        profiled = _has_profile(numbering.path(numbers[0]))
        lossy_steps = ("the pictures' ICC profile is left out: video has no place for it",) if profiled else ()
        self._info = StreamInfo(
            label=str(numbering),
            width=read.planes[0].shape[1],
            height=read.planes[0].shape[0],
            time_base=1 / rate,
            rate_fps=rate,
            frame_count=len(numbers),
            duration_s=len(numbers) / rate,
            color=read.color,
            layout=read.layout,
            sar=read.sar,
            lossy=read.lossy,
            lossy_steps=lossy_steps,
        )

    @property
    def info(self) -> StreamInfo:
        """See `Source`."""
        return self._info

    @property
    def losses(self) -> tuple[str, ...]:
        """See `Source`: a picture that cannot be read ends the run instead."""
        return ()

    def seek(self, time_s: Fraction) -> None:
        """See `Source`."""
        place = int(time_s / self._info.time_base) + self.first_number - self._numbers[0]
        self._request = max(0, min(place, len(self._numbers) - 1))
        self._epoch += 1

    def frames(self) -> Iterator[Frame]:
        """See `Source`. Raises SourceError where a picture cannot be read, or is not like the first."""
        place, epoch = 0, 0
        while True:
            if epoch != self._epoch:
                place, epoch = self._request, self._epoch
            if place >= len(self._numbers):
                return
            yield self._frame(self._numbers[place], epoch)
            place += 1

    def close(self) -> None:
        """See `Source`: no file is open between two pictures."""

    def _frame(self, number: int, epoch: int) -> Frame:
        info = self._info
        read = self._read(number)
        height, width = read.planes[0].shape
        if (width, height, read.layout, read.color) != (info.width, info.height, info.layout, info.color):
            raise SourceError(
                f"{self._numbering.path(number)} is {width}x{height}, {read.layout}, and the first picture "
                f"{info.width}x{info.height}, {info.layout}",
                mend="make them alike, or upscale them in parts",
            )
        pts = number - self.first_number
        captured_s = time.monotonic()
        return Frame(*read.planes, pts, info.time_base, read.color, 1, captured_s, epoch, layout=read.layout)

    def _read(self, number: int) -> _Picture:
        path = str(self._numbering.path(number))
        try:
            with open_media(path) as container:
                stream = container.streams.video[0]
                picture = next(container.decode(stream))
                sar = Fraction(stream.sample_aspect_ratio) if stream.sample_aspect_ratio else None
                return _Picture(*_planes(path, stream, picture), sar, stream.codec_context.codec.lossy)
        except FileNotFoundError as error:
            raise SourceError(f"{path} has gone since the beginning", mend="bring it back") from error
        except (FFmpegError, OSError, IndexError, StopIteration) as error:
            raise SourceError(f"{path} cannot be read as a picture ({in_words(error)})", mend="repair it") from error


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    planes: Planes
    layout: PixelLayout
    color: Color
    sar: Fraction | None
    lossy: bool
    """Its codec leaves detail out."""


def _has_profile(path: Path) -> bool:
    """Whether a picture has an ICC profile. Not asked of PyAV 18.1: it frees the profile's name twice."""
    try:
        with Image.open(path) as picture:
            return "icc_profile" in picture.info
    except (OSError, ValueError):  # a format that Pillow does not know
        return False


def _planes(path: str, stream: VideoStream, picture: av.VideoFrame) -> tuple[Planes, PixelLayout, Color]:
    form = picture.format
    if form.name in FORMS:
        return planes_of(picture), layout_of(picture), color_of(None, stream)
    deep = max(component.bits for component in form.components) > 8
    if len(form.components) == 1 and form.name != "pal8":
        return _grey(picture.to_ndarray(format="gray16le" if deep else "gray"))
    rgb: Any  # PyAV's types know of floats, which these formats are not
    if form.name == "pal8" or any(component.is_alpha for component in form.components):
        rgb = _opaque(path, picture.to_ndarray(format="rgba64le" if deep else "rgba"))
    else:
        rgb = picture.to_ndarray(format="rgb48le" if deep else "rgb24")
    return ycbcr_from(rgb), layout_for(rgb), PICTURE_COLOR


def _grey(y: Any) -> tuple[Planes, PixelLayout, Color]:  # noqa: ANN401 - uint8 or uint16
    """Of a picture without colour: its samples are the luma, of full range."""
    layout = PixelLayout(8 * y.dtype.itemsize, 0, 0)
    middle: Any = np.full_like(y, 1 << (layout.bits - 1))
    grey: Planes = y, middle, middle
    return grey, layout, PICTURE_COLOR


def _opaque(path: str, rgba: NDArray[Any]) -> NDArray[Any]:
    if (rgba[..., 3] < np.iinfo(rgba.dtype).max).any():
        raise SourceError(f"{path} has transparency, and video has none", mend="flatten the pictures first")
    return rgba[..., :3]
