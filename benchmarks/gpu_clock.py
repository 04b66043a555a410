"""How long the card works on a picture, by events in the stream of the work, copies left out.

The engines' rings have no such door, since the product never launches without copying: here their parts are used.
"""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rtsr.upscalers.ring import Ring
    from rtsr.upscalers.torch_ring import TorchRing

_HOLD_BYTES = 64 << 20
_SOUNDING = 20
"""Pictures by which is seen how long they take about."""
_ROUND_MS = 20.0
_MOST = 300
"""Pictures of a round: a driver queues a thousand launches before it makes Python wait."""
_ROUNDS = 5


class Lane(Protocol):
    """The stream in which an engine works, and the work on each of its buffer sets. Nothing else is under way."""

    slots: int

    def launch(self, slot: int) -> None:
        """Enqueue the work on a set, on whatever it holds."""

    def hold(self) -> None:
        """Enqueue a copy of `_HOLD_BYTES` over the link."""

    def wait(self) -> None:
        """Until all is done."""

    def mark(self) -> object:
        """Enqueue an event."""

    def between_ms(self, first: object, last: object) -> float:
        """Wait for the last, and tell the time from the first to it."""

    def close(self) -> None:
        """Free what was taken for holding."""


def device_ms(lane: Lane) -> float:
    """Milliseconds for a picture: the median of some rounds, each the mean of many launches one behind the other.

    A round is enqueued behind copies that take longer than the enqueuing, so that the card is measured, and not Python.
    """
    lane.wait()
    began_s = time.perf_counter()
    for number in range(_SOUNDING):
        lane.launch(number % lane.slots)
    enqueuing_s = (time.perf_counter() - began_s) / _SOUNDING
    lane.wait()
    about_ms = (time.perf_counter() - began_s) * 1e3 / _SOUNDING
    pictures = max(lane.slots, min(_MOST, round(_ROUND_MS / about_ms)))
    lane.hold()
    lane.wait()  # the first touches the memory
    began_s = time.perf_counter()
    lane.hold()
    lane.wait()
    copies = 1 + int(2 * enqueuing_s * pictures / (time.perf_counter() - began_s))
    return median(_round_ms(lane, pictures, copies) for _ in range(_ROUNDS))


def _round_ms(lane: Lane, pictures: int, copies: int) -> float:
    for _ in range(copies):
        lane.hold()
    first = lane.mark()
    for number in range(pictures):
        lane.launch(number % lane.slots)
    return lane.between_ms(first, lane.mark()) / pictures


class DriverLane:
    """Of a ring over the CUDA driver; its context is current."""

    def __init__(self, ring: Ring) -> None:
        from rtsr.upscalers.cuda import DeviceBuffer, PinnedBuffer

        self._ring, self.slots = ring, ring.slots
        self._here, self._there = PinnedBuffer(_HOLD_BYTES), DeviceBuffer(_HOLD_BYTES)

    def launch(self, slot: int) -> None:
        """See `Lane`."""
        self._ring._launch(slot, self._ring.compute)

    def hold(self) -> None:
        """See `Lane`."""
        self._ring.compute.copy_in(self._there, self._here)

    def wait(self) -> None:
        """See `Lane`."""
        self._ring.compute.wait()

    def mark(self) -> object:
        """See `Lane`."""
        from cuda.bindings import driver

        event = _done(driver.cuEventCreate(0))
        _done(driver.cuEventRecord(event, self._ring.compute.handle))
        return event

    def between_ms(self, first: object, last: object) -> float:
        """See `Lane`. Both are freed."""
        from cuda.bindings import driver

        _done(driver.cuEventSynchronize(last))
        passed_ms = float(_done(driver.cuEventElapsedTime(first, last)))
        for event in (first, last):
            _done(driver.cuEventDestroy(event))
        return passed_ms

    def close(self) -> None:
        """See `Lane`."""
        self._here.close()
        self._there.close()


def _done(result: tuple[Any, ...]) -> Any:  # noqa: ANN401 - cuda-bindings' types
    status, *values = result
    if int(status) != 0:
        raise RuntimeError(f"CUDA failed while timing: {status}")
    return values[0] if values else None


class TorchLane:
    """Of a ring of torch's tensors. On torch's CPU device the clock is Python's."""

    def __init__(self, ring: TorchRing) -> None:
        import torch

        self._stream, self._slots, self.slots = ring._streams[1], ring._slots, ring.slots
        self._api, self._device = ring._api, ring._slots[0].made.device
        on_card = self._device.type == "cuda"
        size = _HOLD_BYTES if on_card else 1
        self._here = torch.empty(size, dtype=torch.uint8, pin_memory=on_card)
        self._there = torch.empty(size, dtype=torch.uint8, device=self._device)

    def launch(self, slot: int) -> None:
        """See `Lane`."""
        with self._api.stream(self._stream):
            self._slots[slot].launch()

    def hold(self) -> None:
        """See `Lane`."""
        with self._api.stream(self._stream):
            self._there.copy_(self._here, non_blocking=True)

    def wait(self) -> None:
        """See `Lane`."""
        self._api.synchronize()

    def mark(self) -> object:
        """See `Lane`."""
        import torch

        if self._device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record(self._stream)
        return event

    def between_ms(self, first: Any, last: Any) -> float:  # noqa: ANN401 - what `mark` gives
        """See `Lane`."""
        if self._device.type != "cuda":
            return float(last - first) * 1e3
        last.synchronize()
        return float(first.elapsed_time(last))

    def close(self) -> None:
        """See `Lane`."""
        self._here = self._there = None  # type: ignore[assignment]  # torch keeps the memory for others
