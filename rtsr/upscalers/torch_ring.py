"""A ring of tensors: while the GPU works on one picture, the next is copied in and the last is copied out.

What `rtsr.upscalers.ring` is over the CUDA driver, with torch's streams and events; its docstring has the order of
things. On torch's CPU device streams and events do nothing, work is done when it is begun, and the rest is the same:
that is how the tests run it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable

    from rtsr.frame import PixelLayout, Plane

    Work = Callable[[Tensor, Tensor], None]
    """Enlarges the first, (H, W), into the second, (S*H, S*W), on the current stream; as `LumaNet` has samples."""
    Record = Callable[[Work, Tensor, Tensor], Callable[[], None]]
    """Prepares a `Work` on two tensors that stay, to be launched on the current stream any number of times."""

SLOTS = 3
"""One picture copied in, one worked on, one copied out."""


def sample_type(layout: PixelLayout) -> torch.dtype:
    """Of the tensors that hold samples of `layout`."""
    return torch.uint8 if layout.bits == 8 else torch.int16


class TorchRing:
    """`slots` sets of buffers on one device; used by one thread at a time."""

    def __init__(
        self, size_wh: tuple[int, int], scale: int, layout: PixelLayout, device: torch.device, slots: int = SLOTS
    ) -> None:
        shape = size_wh[1], size_wh[0]
        self._device = device
        self._api: Any = torch.get_device_module(device)
        self._streams = [self._api.Stream(device) for _ in range(3)]
        self._slots = [_Slot(shape, scale, layout, device) for _ in range(slots)]
        self._begun = self._taken = 0

    @property
    def slots(self) -> int:
        """How many sets there are."""
        return len(self._slots)

    def bind(self, work: Work, record: Record) -> None:
        """What is done with each picture. To be called before the first, once."""
        for slot in self._slots:
            slot.launch = record(work, slot.taken, slot.made)

    def begin(self, y: Plane) -> Callable[[], Plane]:
        """Take (H, W) luma, whatever its strides; `y` is free again on return. See `LumaEngine.begin`."""
        if not self._slots:
            raise ValueError("this engine is closed")
        if self._begun - self._taken >= len(self._slots):
            raise ValueError(f"{len(self._slots)} pictures are under way: ask for the oldest result first")
        number = self._begun
        slot = self._slots[number % len(self._slots)]
        if y.shape != slot.picture.shape or y.dtype != slot.picture.dtype:
            expected = f"{slot.picture.shape} {slot.picture.dtype}"
            raise ValueError(f"this engine takes {expected}, got {y.shape} {y.dtype}")
        np.copyto(slot.picture, y)
        self._enqueue(slot)
        self._begun += 1

        def take() -> Plane:
            if not self._slots:
                raise ValueError("this engine is closed")
            if number != self._taken:
                raise ValueError(f"result {self._taken} comes next, and {number} was asked for")
            slot.left.synchronize()
            result: Plane = slot.result.copy()
            self._taken += 1
            return result

        return take

    def close(self) -> None:
        """Finish what is under way and free everything; results that were not taken are lost."""
        slots, self._slots = self._slots, []
        if slots:
            self._api.synchronize(self._device)

    def _enqueue(self, slot: _Slot) -> None:
        copy_in, compute, copy_out = self._streams
        with self._api.stream(copy_in):
            slot.taken.copy_(slot.host_in, non_blocking=True)
            slot.arrived.record(copy_in)
        with self._api.stream(compute):
            compute.wait_event(slot.arrived)
            slot.launch()
            slot.worked.record(compute)
        with self._api.stream(copy_out):
            copy_out.wait_event(slot.worked)
            slot.host_out.copy_(slot.made, non_blocking=True)
            slot.left.record(copy_out)


class _Slot:
    """One set of buffers: pinned memory and the device's, for a picture and its result."""

    launch: Callable[[], None]

    def __init__(self, shape: tuple[int, int], scale: int, layout: PixelLayout, device: torch.device) -> None:
        kind, pinned = sample_type(layout), device.type != "cpu"
        made_shape = scale * shape[0], scale * shape[1]
        self.host_in = torch.zeros(shape, dtype=kind, pin_memory=pinned)
        self.host_out = torch.zeros(made_shape, dtype=kind, pin_memory=pinned)
        self.taken = torch.zeros(shape, dtype=kind, device=device)
        self.made = torch.zeros(made_shape, dtype=kind, device=device)
        self.picture: Plane = self.host_in.numpy().view(layout.dtype)
        self.result: Plane = self.host_out.numpy().view(layout.dtype)
        self.arrived, self.worked, self.left = (_event(device) for _ in range(3))


def _event(device: torch.device) -> Any:  # noqa: ANN401 - torch has a class for each kind of device
    kind: Any = torch.get_device_module(device).Event
    return kind(blocking=True) if device.type == "cuda" else kind()
