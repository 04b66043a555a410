"""A ring of buffer sets: while the GPU works on one picture, the next is copied in and the last is copied out.

    copy in      | 0 | 1 | 2 |   | 3 |
    compute          | 0 | 1 | 2 |   | 3 |
    copy out             | 0 | 1 | 2 |   | 3 |        three streams; what is below follows what is above by an event

A set is pinned memory for a picture and its result, and memory of the GPU for both. Its addresses never change, so
what is launched can be recorded once for each set. A set is free again when its result was taken, which waits for the
last thing that was done with it: nothing is ever overwritten that is still read.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from rtsr.errors import RtsrError
from rtsr.upscalers.cuda import DeviceBuffer, Event, PinnedBuffer, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtsr.frame import Plane, SampleType
    from rtsr.upscalers.cuda import Context

_Part = TypeVar("_Part", PinnedBuffer, DeviceBuffer, Event)
SLOTS = 3
"""One picture copied in, one worked on, one copied out."""


class Launch(Protocol):
    """Enqueues the work on one set."""

    def __call__(self, slot: int, stream: Stream) -> None:
        """From `Ring.addresses(slot)[0]` to `[1]`, all in `stream`. Raises RtsrError."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """What goes in and comes out."""

    size_wh: tuple[int, int]
    """Of a picture."""
    scale: int
    dtype: SampleType
    """Of a sample, little endian."""

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.size_wh[1], self.size_wh[0]

    @property
    def made_shape(self) -> tuple[int, int]:
        """(S*H, S*W)."""
        return self.scale * self.size_wh[1], self.scale * self.size_wh[0]

    @property
    def bytes(self) -> tuple[int, int]:
        """Of a picture, and of its result."""
        taken = self.size_wh[0] * self.size_wh[1] * self.dtype.itemsize
        return taken, taken * self.scale**2


class Slot:
    """One set. Raises DeviceMemoryError where the GPU's memory is full."""

    def __init__(self, geometry: Geometry) -> None:
        taken, made = geometry.bytes
        self._parts: list[PinnedBuffer | DeviceBuffer | Event] = []
        try:
            self.host_in, self.host_out = self._kept(PinnedBuffer(taken)), self._kept(PinnedBuffer(made))
            self.device_in, self.device_out = self._kept(DeviceBuffer(taken)), self._kept(DeviceBuffer(made))
            self.arrived, self.made, self.left = (self._kept(Event()) for _ in range(3))
        except BaseException:
            self.close()
            raise
        self.picture: Plane = self.host_in.bytes.view(geometry.dtype).reshape(geometry.shape)
        self.result: Plane = self.host_out.bytes.view(geometry.dtype).reshape(geometry.made_shape)

    def _kept(self, part: _Part) -> _Part:
        self._parts.append(part)
        return part

    def close(self) -> None:
        """Free it."""
        self.picture = self.result = np.empty((0, 0), np.uint8)
        while self._parts:
            self._parts.pop().close()


@dataclass(frozen=True, slots=True)
class OnDevice:
    """A result that stays on the GPU."""

    address: int
    """Of (S*H, S*W) samples, row after row."""
    made: Event
    """Behind the work: `Stream.follow` it before reading."""
    release: Callable[[Event], None]
    """Call once, with an event behind the last reading; the set is free after it."""


class Ring:
    """`slots` sets and three streams in `context`, which is current.

    Raises DeviceMemoryError where the GPU's memory is full. One thread at a time uses it, and has the
    context current; `close` makes it so.
    """

    def __init__(self, context: Context, geometry: Geometry, slots: int = SLOTS) -> None:
        self._context, self._geometry = context, geometry
        self._slots: list[Slot] = []
        self._streams: list[Stream] = []
        self._begun = self._taken = 0
        self._launch: Launch | None = None
        try:
            for _ in range(slots):
                self._slots.append(Slot(geometry))
            for _ in range(3):
                self._streams.append(Stream())
        except BaseException:
            self.close()
            raise

    @property
    def slots(self) -> int:
        """How many sets there are."""
        return len(self._slots)

    @property
    def compute(self) -> Stream:
        """Where `launch` enqueues."""
        return self._streams[1]

    def addresses(self, slot: int) -> tuple[int, int]:
        """On the GPU, of a set's picture and of its result: (H, W) and (S*H, S*W) samples, row after row."""
        return self._slots[slot].device_in.address, self._slots[slot].device_out.address

    def bind(self, launch: Launch) -> None:
        """What is done with each picture. To be called before the first, once."""
        self._launch = launch

    def begin(self, y: Plane) -> Callable[[], Plane]:
        """Take (H, W) luma, whatever its strides; `y` is free again on return. See `LumaEngine.begin`."""
        slot, number = self._next()
        if y.shape != self._geometry.shape or y.dtype != self._geometry.dtype:
            raise ValueError(f"this ring takes {self._geometry.shape} {self._geometry.dtype}, got {y.shape} {y.dtype}")
        np.copyto(slot.picture, y)
        copy_in, _, copy_out = self._streams
        with self._as_it_was():
            copy_in.copy_in(slot.device_in, slot.host_in)
            self._enqueue(slot, number, copy_in)
            copy_out.follow(slot.made)
            copy_out.copy_out(slot.host_out, slot.device_out)
            copy_out.mark(slot.left)
        self._begun += 1

        def take() -> Plane:
            self._check_turn(number)
            slot.left.wait()
            made: Plane = slot.result.copy()
            self._taken += 1
            return made

        return take

    def begin_on_device(self, address: int, pitch_bytes: int, after: Event) -> OnDevice:
        """Take luma that is on the GPU already, and leave the result there.

        Args:
            address: of (H, W) samples, rows `pitch_bytes` apart, in the ring's context.
            pitch_bytes: from one row to the next.
            after: behind what makes them. The picture is free again when the result's event is reached.

        Raises ValueError as `begin`. Results are released in the order of their beginnings, among those of `begin`.
        """
        slot, number = self._next()
        copy_in, (rows, columns) = self._streams[0], self._geometry.shape
        with self._as_it_was():
            copy_in.follow(after)
            copy_in.copy_rows(slot.device_in, address, pitch_bytes, (rows, columns * self._geometry.dtype.itemsize))
            self._enqueue(slot, number, copy_in)
        self._begun += 1

        def release(read: Event) -> None:
            self._check_turn(number)
            copy_in.follow(read)  # and with it the work on whatever it copies from now on
            self._taken += 1

        return OnDevice(slot.device_out.address, slot.made, release)

    def close(self) -> None:
        """Finish what is under way and free everything; results that were not taken are lost."""
        if not self._slots and not self._streams:
            return
        with suppress(RtsrError):  # a GPU that failed cannot finish; its memory is freed all the same
            self._context.use()
            for stream in self._streams:
                stream.wait()
        while self._streams:
            self._streams.pop().close()
        while self._slots:
            self._slots.pop().close()

    def _next(self) -> tuple[Slot, int]:
        """The set for the next picture, and the picture's number."""
        if not self._streams or self._launch is None:
            raise ValueError("this ring is closed, or nothing was bound to it")
        if self._begun - self._taken >= len(self._slots):
            raise ValueError(f"{len(self._slots)} pictures are under way: ask for the oldest result first")
        return self._slots[self._begun % len(self._slots)], self._begun

    def _enqueue(self, slot: Slot, number: int, copy_in: Stream) -> None:
        """The work on what `copy_in` brings."""
        if self._launch is None:
            raise ValueError("nothing was bound to this ring")
        copy_in.mark(slot.arrived)
        self.compute.follow(slot.arrived)
        self._launch(number % len(self._slots), self.compute)
        self.compute.mark(slot.made)

    def _check_turn(self, number: int) -> None:
        if not self._streams:
            raise ValueError("this ring is closed")
        if number != self._taken:
            raise ValueError(f"result {self._taken} comes next, and {number} was asked for")

    def _as_it_was(self) -> _Undo:
        return _Undo(self._streams)


class _Undo:
    """Where enqueueing fails, wait for what was enqueued: the set may be used again then."""

    def __init__(self, streams: list[Stream]) -> None:
        self._streams = streams

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            for stream in self._streams:
                with suppress(RtsrError):
                    stream.wait()
