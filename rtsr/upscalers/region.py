"""Only a part of the picture by the network, the rest bicubic, joined without a seam."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rtsr.errors import UsageError
from rtsr.frame import Frame, PixelLayout, Plane, StreamInfo
from rtsr.stages import Badge, Upscaler

FEATHER = 8
"""Input samples at each edge of the region over which the network takes over from bicubic. A network sees nothing
beyond the edge of what it is given: its first rows there are its worst, and count least."""
_STEP = 8
"""The middle part begins and ends on multiples of it."""
_FULL = 256
"""The weight of the network in the middle of its region."""
_FORM = "write --region WxH+X+Y in samples of the input, as 640x360+320+180"


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the input picture, in luma samples."""

    x: int
    y: int
    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}+{self.x}+{self.y}"


def middle_of(size_wh: tuple[int, int]) -> Box:
    """The middle half of each side, of a picture of (width, height): a quarter of it; all of a very small one."""
    (x, width), (y, height) = (_half(side) for side in size_wh)
    return Box(x, y, width, height)


def _half(side: int) -> tuple[int, int]:
    length = side // 2 // _STEP * _STEP
    return ((side - length) // 2 // _STEP * _STEP, length) if length >= 4 * FEATHER else (0, side)


def parse_region(words: str, size_wh: tuple[int, int], layout: PixelLayout) -> Box:
    """What `--region` asks for, widened to whole chroma samples.

    Raises:
        UsageError: it is no region, or not within a picture of (width, height).
    """
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})\+(\d{1,5})\+(\d{1,5})", words, re.ASCII)
    if match is None:
        raise UsageError(f"--region {words} is not a part of a picture", mend=_FORM)
    width, height, x, y = (int(number) for number in match.groups())
    if min(width, height) < 4 * FEATHER or x + width > size_wh[0] or y + height > size_wh[1]:
        raise UsageError(
            f"--region {words} is not a part of at least {4 * FEATHER}x{4 * FEATHER} of {size_wh[0]}x{size_wh[1]}",
            mend=_FORM,
        )
    (left, right), (top, bottom) = (
        _whole(start, length, side, block)
        for start, length, side, block in zip((x, y), (width, height), size_wh, layout.block_wh, strict=True)
    )
    return Box(left, top, right - left, bottom - top)


def _whole(start: int, length: int, side: int, block: int) -> tuple[int, int]:
    return start // block * block, min(side, -(-(start + length) // block) * block)


def info_of(info: StreamInfo, box: Box) -> StreamInfo:
    """Of a stream that is the part `box` of another."""
    return replace(info, width=box.width, height=box.height)


class RegionUpscaler:
    """`part` makes the luma of `box`, `whole` everything else, colours included; see `Upscaler`.

    Args:
        whole: makes whole frames, and keeps no hold of their planes.
        part: of the same scale, for frames as `info_of` tells.
        box: begins on a whole chroma sample.
        info: of the frames that will come.
    """

    def __init__(self, whole: Upscaler, part: Upscaler, box: Box, info: StreamInfo) -> None:
        self._whole, self._part, self._box = whole, part, box
        self._size_wh = info.width, info.height
        scale = whole.scale
        across = _ramp(box.width * scale, box.x > 0, box.x + box.width < info.width, FEATHER * scale)
        down = _ramp(box.height * scale, box.y > 0, box.y + box.height < info.height, FEATHER * scale)
        self._strips = _strips(down, across)

    @property
    def scale(self) -> int:
        """See `Upscaler`."""
        return self._whole.scale

    @property
    def size_wh(self) -> tuple[int, int]:
        """See `Upscaler`."""
        return self._whole.size_wh

    @property
    def badge(self) -> Badge:
        """The network's, with the part that it makes."""
        badge = self._part.badge
        share = self._box.width * self._box.height / (self._size_wh[0] * self._size_wh[1])
        words = f"only {self._box}, {share:.0%} of the picture, the rest bicubic"
        return replace(badge, reason="; ".join(filter(None, (words, badge.reason))))

    @property
    def slots(self) -> int:
        """See `Upscaler`."""
        return self._part.slots

    def begin(self, frame: Frame) -> Callable[[], Frame]:
        """See `Upscaler`. The rest is made here, while a GPU is at the region."""
        part = self._part.begin(_cut(frame, self._box))
        whole = self._whole.upscale(frame)

        def result() -> Frame:
            return replace(whole, y=self._joined(whole.y, part().y), origin=frame)

        return result

    def upscale(self, frame: Frame) -> Frame:
        """See `Upscaler`."""
        return self.begin(frame)()

    def close(self) -> None:
        """See `Upscaler`."""
        self._part.close()
        self._whole.close()

    def _joined(self, whole: Plane, part: Plane) -> Plane:
        """(S*H, S*W) with `part` in its place: bicubic at its border, the network from `FEATHER` samples inside on."""
        joined: Plane = whole.copy()
        scale, box = self.scale, self._box
        place = joined[box.y * scale : (box.y + box.height) * scale, box.x * scale : (box.x + box.width) * scale]
        for rows, columns, weights in self._strips:
            if weights is None:
                place[rows, columns] = part[rows, columns]
            else:
                below = place[rows, columns].astype(np.int32)
                place[rows, columns] = below + (
                    ((part[rows, columns].astype(np.int32) - below) * weights + _FULL // 2) >> 8
                )
        return joined


_Strip = tuple[slice, slice, "NDArray[np.int32] | None"]
"""Rows and columns of the region, and the network's weights of 256 there; None where it has all."""


def _ramp(length: int, begins_inside: bool, ends_inside: bool, over: int) -> NDArray[np.int32]:  # noqa: FBT001 - two edges
    """The network's weight along one side; an edge of the region that is one of the picture needs no ramp."""
    at = np.arange(length)
    weights = np.full(length, _FULL)
    if begins_inside:
        weights = np.minimum(weights, (2 * at + 1) * _FULL // (2 * over))
    if ends_inside:
        weights = np.minimum(weights, (2 * (length - 1 - at) + 1) * _FULL // (2 * over))
    return weights.astype(np.int32)


def _strips(down: NDArray[np.int32], across: NDArray[np.int32]) -> list[_Strip]:
    """The middle, and what is left of it on each side: only the edges are computed."""
    top, bottom = _inner(down)
    left, right = _inner(across)
    weights = np.minimum(down[:, None], across[None, :])
    parts = [
        (slice(0, top), slice(None)),
        (slice(bottom, len(down)), slice(None)),
        (slice(top, bottom), slice(0, left)),
        (slice(top, bottom), slice(right, len(across))),
    ]
    ramps: list[_Strip] = [(rows, columns, weights[rows, columns]) for rows, columns in parts]
    middle: _Strip = (slice(top, bottom), slice(left, right), None)
    return [middle, *(strip for strip in ramps if strip[2] is not None and strip[2].size)]


def _inner(weights: NDArray[np.int32]) -> tuple[int, int]:
    full = np.flatnonzero(weights == _FULL)
    return (int(full[0]), int(full[-1]) + 1) if full.size else (len(weights), len(weights))


def _cut(frame: Frame, box: Box) -> Frame:
    """The part `box` of `frame`; views."""
    across, down = frame.layout.log2_across, frame.layout.log2_down
    rows = slice(box.y >> down, -(-(box.y + box.height) >> down))
    columns = slice(box.x >> across, -(-(box.x + box.width) >> across))
    y = frame.y[box.y : box.y + box.height, box.x : box.x + box.width]
    return replace(frame, y=y, u=frame.u[rows, columns], v=frame.v[rows, columns])
