"""What a container says of a stream beside its codec, in FFmpeg's words: how to turn it, its display."""

from __future__ import annotations

import re
from typing import Any, cast

import av.logging
from av.container import InputContainer

KEPT = ("Display Matrix",)
"""Beginnings of what an output keeps of the upscaled video."""
LOST = ("Stereo 3D", "Spherical", "Frame Cropping", "AVStereo3D")
"""Of what it cannot keep, since PyAV has no way to write it. HDR is that of `rtsr.sinks.choice`."""
_HEADS = ("Side data:", "Side Data:")


def side_data_of(container: InputContainer, index: int) -> tuple[str, ...]:
    """A line for each side data of stream `index`, without decoding: `displaymatrix: rotation of -90.00 degrees`.

    PyAV has no accessor for it; libavformat's description of a file spells it out.
    """
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        lines = cast("Any", container).dumps_format().splitlines()
    finally:
        av.logging.set_level(level)
    begin = next((n for n, line in enumerate(lines) if re.match(rf"\s*Stream #0:{index}\D", line)), len(lines))
    found: list[str] = []
    inside = False
    for line in lines[begin + 1 :]:
        if line.lstrip().startswith("Stream #"):
            break
        if line.strip() in _HEADS:
            inside = True
        elif inside and line.startswith("      "):
            found.append(line.strip())
        else:
            inside = False
    return tuple(found)
