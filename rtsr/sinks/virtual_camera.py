"""Gives what is shown to other programs as a camera of their own: the kernel's v4l2loopback, through pyvirtualcam.

pyvirtualcam is GPL-2.0 and no part of rtsr: whoever wants this installs it (`pip install "rtsr[vcam]"`).
Why the last picture is given again: readers of a camera wait for the next one, and pyvirtualcam repeats nothing.
Why other colours become BT.601's: the device has no tag for them, and that is what it says it gives.
Why its size never changes: readers do not expect that of a camera, and v4l2loopback 0.12 serves no reader any more
once it was changed under one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from rtsr.color import SMPTE170M, Range
from rtsr.errors import BackendError
from rtsr.frame import YUV420P
from rtsr.sinks.reopening import Link, ReopeningSink
from rtsr.swscale import LayoutConverter, Resizer

if TYPE_CHECKING:
    from rtsr.frame import Frame, Plane, StreamInfo

log = logging.getLogger(__name__)
Returns = Literal["yes", "no"]
_USUAL_FPS = Fraction(30)
_BT601 = (5, SMPTE170M)
"""Matrices of H.273 that are one and the same."""
_LATE = Fraction(5, 4)
"""Of a frame's time: one that comes later than that is filled in for."""
_LOAD = "load it: sudo modprobe v4l2loopback exclusive_caps=1 (on Debian: apt-get install v4l2loopback-dkms)"


@dataclass(frozen=True, slots=True)
class Device:
    """A virtual camera for the length of a run."""

    name: str
    """As /dev/video9."""
    size_wh: tuple[int, int]
    """Both even."""


def open_virtual_camera(device: str, info: StreamInfo, returns: Returns) -> tuple[Device, ReopeningSink]:
    """The device and a side sink that makes it a camera to other programs.

    Args:
        device: as /dev/video9; `auto` is the first that is free.
        info: of the frames that will come.
        returns: whether it is opened again when it was lost.

    Raises:
        BackendError: pyvirtualcam or the kernel's module is not there, or the device is none of its.
    """
    size_wh = info.width + info.width % 2, info.height + info.height % 2
    first = _Feeding(Device(device, size_wh), info)
    if info.layout != YUV420P:
        log.info("virtual camera %s: %s becomes %s", first.name, info.layout, YUV420P)
    if info.sar not in (None, 1) or info.rotation_deg:
        log.info("virtual camera %s: it cannot say how its pictures are to be stretched or turned", first.name)
    opened = Device(first.name, size_wh)
    return opened, camera_again(opened, info, returns, first)


def camera_again(device: Device, info: StreamInfo, returns: Returns, first: Link | None = None) -> ReopeningSink:
    """The side sink alone: the device is opened with the first frame, unless it is open as `first`."""
    names = f"virtual camera {device.name}", "feeding"
    late_s = float(_LATE / (info.rate_fps or _USUAL_FPS))
    return ReopeningSink(names, info, partial(_Feeding, device), repeat_s=late_s, returns=returns, first=first)


class _Feeding:
    """One opening of the device, for frames of one size; see `Link`."""

    def __init__(self, device: Device, info: StreamInfo) -> None:
        try:
            import pyvirtualcam
        except ImportError as error:
            raise BackendError(
                "--virtual-camera needs pyvirtualcam, which is not installed", mend='pip install "rtsr[vcam]"'
            ) from error
        self._fit = _Fit(info, device.size_wh)
        self._camera: pyvirtualcam.Camera | None = None
        try:
            self._camera = pyvirtualcam.Camera(
                *device.size_wh,
                float(info.rate_fps or _USUAL_FPS),
                fmt=pyvirtualcam.PixelFormat.I420,
                device=None if device.name == "auto" else device.name,
            )
        except RuntimeError as error:
            named = "" if device.name == "auto" else f" {device.name}"
            raise BackendError(f"the virtual camera{named} cannot be opened ({_first(error)})", mend=_LOAD) from error
        self.name = str(self._camera.device)

    def write(self, frame: Frame) -> None:
        """See `Link`."""
        if self._camera is not None:
            self._camera.send(self._fit.samples(frame))

    def close(self) -> None:
        """See `Link`."""
        camera, self._camera = self._camera, None
        if camera is not None:
            camera.close()


class _Fit:
    """Frames as `info` tells, as 8-bit 4:2:0 of BT.601 and another size: in their shape, amid black."""

    def __init__(self, info: StreamInfo, size_wh: tuple[int, int]) -> None:
        self._size_wh, inner_wh = size_wh, (info.width, info.height)
        self._resizer = None
        if (info.width + info.width % 2, info.height + info.height % 2) != size_wh:
            factor = min(size_wh[0] / info.width, size_wh[1] / info.height)
            across, down = info.layout.block_wh
            inner_wh = _whole(info.width * factor, max(2, across)), _whole(info.height * factor, max(2, down))
            self._resizer = Resizer((info.width, info.height), inner_wh, info.color.siting, 1, info.layout)
            log.info("the virtual camera stays %dx%d: %dx%d is made to fit", *size_wh, info.width, info.height)
        self._left, self._top = ((whole - inner) // 4 * 2 for whole, inner in zip(size_wh, inner_wh, strict=True))
        given = info.color.for_display(info.height)
        wanted = replace(given, matrix=SMPTE170M, range=Range.LIMITED)
        self._converter = None
        if info.layout != YUV420P or given.range is not wanted.range or given.matrix not in _BT601:
            self._converter = LayoutConverter(inner_wh, info.layout, YUV420P, given, wanted)

    def samples(self, frame: Frame) -> NDArray[np.uint8]:
        """(W*H*3/2,) uint8: Y, U, V."""
        if self._resizer is not None:
            y, u, v = self._resizer.resized(frame)
            frame = replace(frame, y=y, u=u, v=v)
        planes = (frame.y, frame.u, frame.v) if self._converter is None else self._converter.converted(frame)
        width, height = self._size_wh
        whole = np.empty(width * height * 3 // 2, np.uint8)
        begin = 0
        for plane, black, step in zip(planes, (16, 128, 128), (1, 2, 2), strict=True):
            target = whole[begin : begin + width * height // step**2].reshape(height // step, width // step)
            begin += target.size
            _place(target, plane, (self._left // step, self._top // step), black)
        return whole


def _place(target: NDArray[np.uint8], plane: Plane, at_xy: tuple[int, int], black: int) -> None:
    """Copy `plane` into `target`, `black` around it; a row or column that is missing at the end repeats the last."""
    rows, columns = plane.shape
    x, y = at_xy
    if target.shape[0] - rows > 1 or target.shape[1] - columns > 1:
        target[:] = black
    target[y : y + rows, x : x + columns] = plane
    if target.shape[1] - columns == 1:
        target[y : y + rows, columns:] = plane[:, -1:]
    if target.shape[0] - rows == 1:
        target[rows:] = target[rows - 1]


def _whole(side: float, block: int) -> int:
    return max(block, int(side) // block * block)


def _first(error: RuntimeError) -> str:
    """The first sentence of what pyvirtualcam says, without the name of its backend."""
    words = str(error).splitlines()[0].split("backend: ", 1)[-1]
    return words.split(". ", 1)[0].rstrip(".")
