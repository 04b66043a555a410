"""Memory of a GPU that outlives whoever took it, and what a frame on its way needs beside the rings' buffers."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from rtsr.device_planes import DevicePlane
from rtsr.errors import RtsrError
from rtsr.frame import YUV420P
from rtsr.upscalers.cuda import Context, DeviceBuffer, Event, PinnedBuffer

if TYPE_CHECKING:
    from rtsr.frame import Frame
    from rtsr.upscalers.cuda import Stream


class Set:
    """What one frame on its way needs beside the rings' buffers."""

    def __init__(self, width: int, height: int) -> None:
        self._size_wh = width, height
        self._staging: tuple[PinnedBuffer, DeviceBuffer] | None = None
        self.filled = Event()
        """Behind what fills the planes that came."""
        self.read = Event()
        """Behind what reads the results."""

    def copied(self, frame: Frame, stream: Stream, device: tuple[int, int]) -> tuple[DevicePlane, DevicePlane]:
        """Luma and pairs of a `frame` of the machine's memory, on the GPU when `filled` is reached."""
        (width, height), dtype = self._size_wh, YUV420P.dtype
        if self._staging is None:
            self._staging = PinnedBuffer(width * height * 3 // 2), DeviceBuffer(width * height * 3 // 2)
        host, memory = self._staging
        rows = host.bytes.reshape(-1, width)
        rows[:height], rows[height:, 0::2], rows[height:, 1::2] = frame.y, frame.u, frame.v
        stream.copy_in(memory, host)
        stream.mark(self.filled)
        below = memory.address + width * height
        return (
            DevicePlane(memory.address, (height, width), (width, 1), dtype, device, memory),
            DevicePlane(below, (height // 2, width // 2, 2), (width, 2, 1), dtype, device, memory),
        )

    def close(self) -> None:
        """Free it."""
        self.filled.close()
        self.read.close()
        for buffer in self._staging or ():
            buffer.close()
        self._staging = None


class Pool:
    """Buffers of one size on the GPU `ordinal`. A lease that ends, in whatever thread, brings its buffer back."""

    def __init__(self, ordinal: int, size_bytes: int) -> None:
        self._ordinal, self._size = ordinal, size_bytes
        self._free: deque[_Memory] = deque()
        self._closed = False

    def take(self) -> Lease:
        """A buffer, whatever is in it. Raises DeviceMemoryError where the GPU's memory is full."""
        try:
            memory = self._free.popleft()
        except IndexError:
            memory = _Memory(self._ordinal, self._size)
        return Lease(memory, self)

    def give_back(self, memory: _Memory) -> None:
        """From any thread."""
        self._free.append(memory)
        if self._closed:
            self._free_all()

    def close(self) -> None:
        """Free what nobody holds now, and the rest when it comes back."""
        self._closed = True
        self._free_all()

    def _free_all(self) -> None:
        while True:
            try:
                memory = self._free.popleft()
            except IndexError:  # another thread may free with us
                return
            memory.close()


class Lease:
    """A buffer in use, for as long as somebody holds this."""

    def __init__(self, memory: _Memory, pool: Pool) -> None:
        self.address, self._memory, self._pool = memory.address, memory, pool

    def __del__(self) -> None:
        self._pool.give_back(self._memory)


class _Memory:
    """A buffer that can be freed from any thread, after everything else: it keeps the GPU's context for that."""

    def __init__(self, ordinal: int, size_bytes: int) -> None:
        self._context = Context(ordinal)
        try:
            self._buffer = DeviceBuffer(size_bytes)
        except BaseException:
            self._context.close()
            raise
        self.address = self._buffer.address

    def close(self) -> None:
        with suppress(RtsrError):
            self._context.use()
            self._buffer.close()
        self._context.close()


class Part(DeviceBuffer):
    """A place in a buffer that another frees."""

    def __init__(self, address: int) -> None:
        self.address = address

    def close(self) -> None:
        """Nothing of its own."""
