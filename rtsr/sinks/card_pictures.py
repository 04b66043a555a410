"""Pictures in a GPU's memory as NVENC takes them, through PyAV."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import av
from av.codec.hwaccel import HWAccel

from rtsr.device_planes import CUDA, as_pair
from rtsr.frame import Frame, PixelLayout
from rtsr.planes import FORMS

if TYPE_CHECKING:
    from av.video.frame import CudaContext

_CURRENT: dict[str, object] = {"primary_ctx": "0", "current_ctx": "1"}
"""The context that the engines use, which is current to the thread that opened them: FFmpeg refuses to share the GPU's
primary one by itself where somebody has set it up otherwise (PyAV, pull request 2339)."""


def accel_of(ordinal: int) -> HWAccel:
    """For an encoder of pictures in the memory of the GPU `ordinal`."""
    return HWAccel("cuda", str(ordinal), options=dict(_CURRENT))


def carrier_of(layout: PixelLayout) -> str:
    """The pixel format of such pictures: U and V in turns."""
    return next(name for name, form in FORMS.items() if form.interleaved and form.layout == layout)


def picture_on_card(frame: Frame) -> av.VideoFrame:
    """`frame`, whose planes lie in a GPU's memory, without a copy; the picture keeps them.

    Raises:
        ValueError: U does not lie right below Y at the same pitch: NVENC is told the address of the first row alone.
    """
    y, pairs = as_pair(frame.y, frame.u, frame.v)
    if pairs.address != y.address + y.pitch * frame.height or pairs.pitch != y.pitch:
        raise ValueError("chroma does not lie right below luma")
    kind, ordinal = y.device
    context = _context(ordinal) if kind == CUDA else None
    return av.VideoFrame.from_dlpack((y, pairs), format=carrier_of(frame.layout), cuda_context=context)


@lru_cache(maxsize=4)
def _context(ordinal: int) -> CudaContext:
    from av.video.frame import CudaContext  # PyAV 18 has it

    return CudaContext(ordinal, primary_ctx=False, current_ctx=True)
