"""What stands for NVDEC: it fills NV12 pictures in the memory of the driver's double, in a stream that works late."""

from dataclasses import replace

import numpy as np

from rtsr.device_planes import MACHINE, DevicePlane, as_planes
from rtsr.frame import Frame
from rtsr.upscalers import cuda

PITCH = 96
"""Bytes from row to row: wider than the pictures are."""


class Decoder:
    """Fills pictures on the GPU in a stream of its own, which works as late as it may."""

    def __init__(self) -> None:
        self._context, self._stream = cuda.Context(), cuda.Stream()
        self._buffers: list[cuda.PinnedBuffer | cuda.DeviceBuffer] = []

    def frame(self, frame: Frame) -> Frame:
        """The same in NV12 on the GPU, rows further apart than the picture is wide."""
        self._context.use()
        width, height = frame.width, frame.height
        host, memory = cuda.PinnedBuffer(PITCH * height * 3 // 2), cuda.DeviceBuffer(PITCH * height * 3 // 2)
        self._buffers += [host, memory]
        rows = host.bytes.reshape(-1, PITCH)
        rows[...] = 77
        rows[:height, :width] = frame.y
        rows[height:, 0:width:2], rows[height:, 1:width:2] = frame.u, frame.v
        self._stream.copy_in(memory, host)
        at, kind, device = memory.address, np.dtype(np.uint8), (MACHINE, 0)
        y = DevicePlane(at, (height, width), (PITCH, 1), kind, device, memory)
        below = at + PITCH * height
        pairs = DevicePlane(below, (height // 2, width // 2, 2), (PITCH, 2, 1), kind, device, memory)
        planes = as_planes(y, pairs)
        return replace(frame, y=planes[0], u=planes[1], v=planes[2])

    def mark(self, event: cuda.Event) -> None:
        self._stream.mark(event)

    def close(self) -> None:
        self._stream.wait()
        for part in (self._stream, *self._buffers, self._context):
            part.close()
