"""What a container says is to be cut off the coded picture: MP4's `clap`, Matroska's PixelCrop.

Decoders apply the cropping of the bitstream themselves, and leave the container's to players. Nobody sees what lies
beyond it, and PyAV cannot write it into the output: so it is cut off before the network, as a player would.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any, cast

import av.logging
from av.container import InputContainer

from rtsr.frame import Frame, PixelLayout, Plane, StreamInfo


@dataclass(frozen=True, slots=True)
class Crop:
    """Luma samples to cut off."""

    left: int
    right: int
    top: int
    bottom: int

    def whole(self, layout: PixelLayout) -> Crop:
        """The same, with sides that chroma can be cut at: at most a chroma sample less is cut off at left and top."""
        across, down = layout.block_wh
        left, top = self.left // across * across, self.top // down * down
        return replace(self, left=left, top=top)

    def size_of(self, width: int, height: int) -> tuple[int, int]:
        """What is left of a picture."""
        return width - self.left - self.right, height - self.top - self.bottom

    def __str__(self) -> str:
        return f"{self.left} left, {self.right} right, {self.top} top, {self.bottom} bottom"


def crop_of(container: InputContainer, number: int) -> Crop | None:
    """What the container of stream `number` cuts off; None where it cuts off nothing.

    PyAV has no accessor for it; libavformat's description of a file spells it out.
    """
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        words: str = cast("Any", container).dumps_format()
    finally:
        av.logging.set_level(level)
    own = re.search(rf"^\s*Stream #0:{number}\D.*?(?=^\s*Stream #|\Z)", words, re.MULTILINE | re.DOTALL)
    told = re.search(r"Frame Cropping: (\d+)/(\d+)/(\d+)/(\d+)", own[0]) if own else None
    found = Crop(*map(int, told.groups())) if told else None
    return None if found == Crop(0, 0, 0, 0) else found


def cropped_info(info: StreamInfo, crop: Crop) -> StreamInfo:
    """`info` of what is left, with a note of what was cut off."""
    width, height = crop.size_of(info.width, info.height)
    note = f"the container shows {width}x{height} of {info.width}x{info.height}: cut off are {crop}"
    lossy = *info.lossy_steps, "what the container hides is cut off"
    return replace(info, width=width, height=height, notes=(*info.notes, note), lossy_steps=lossy)


def cropped(frame: Frame, crop: Crop) -> Frame:
    """What is left of `frame`: views of its planes."""
    width, height = crop.size_of(frame.width, frame.height)
    across, down = frame.layout.block_wh
    rows, columns = frame.layout.chroma_shape(width, height)
    left, top = crop.left // across, crop.top // down

    def chroma(plane: Plane) -> Plane:
        return plane[top : top + rows, left : left + columns]

    y = frame.y[crop.top : crop.top + height, crop.left : crop.left + width]
    return replace(frame, y=y, u=chroma(frame.u), v=chroma(frame.v))
