"""The camera files of this machine, told by the kernel.

Why not FFmpeg's list: it holds every file that V4L2 knows, outputs and metadata too, in no order, and leaves out the
cameras that may not be opened.
"""

import fcntl
import os
import struct
from pathlib import Path

_QUERYCAP = 0x80685600
"""VIDIOC_QUERYCAP, see linux/videodev2.h."""
_CAPABILITY = struct.Struct("=16s32s32sIII12x")
"""v4l2_capability: driver, card, bus, version, what the hardware can do, what this one device file can do."""
_CAPTURES, _HAS_OWN = 0x00000001, 0x80000000
"""V4L2_CAP_VIDEO_CAPTURE and V4L2_CAP_DEVICE_CAPS."""


def list_cameras() -> list[tuple[str, str]]:
    """Device and name of every camera of this machine, also of one that you may not open; empty where there is none."""
    devices = sorted(Path("/dev").glob("video[0-9]*"), key=lambda device: (len(device.name), device.name))
    named = ((str(device), _name_of(device)) for device in devices)
    return [(device, name) for device, name in named if name is not None]


def named_camera(name: str) -> str | None:
    """The camera whose name holds `name`, whatever the case of its letters; None where that is a path, or none or
    several cameras are called so."""
    if not name or os.path.lexists(name) or "/" in name:
        return None
    found = [device for device, told in list_cameras() if name.lower() in told.lower()]
    return found[0] if len(found) == 1 else None


def _name_of(device: Path) -> str | None:
    """What a camera calls itself; None for another device, as the one for metadata that each USB camera has."""
    try:
        descriptor = os.open(device, os.O_RDWR | os.O_NONBLOCK)
    except PermissionError:
        return _told_name_of(device)
    except OSError:
        return None
    answer = bytearray(_CAPABILITY.size)
    try:
        fcntl.ioctl(descriptor, _QUERYCAP, answer)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    _, card, _, _, hardware, own = _CAPABILITY.unpack(answer)
    captures = (own if hardware & _HAS_OWN else hardware) & _CAPTURES
    return card.rstrip(b"\0").decode(errors="replace") if captures else None


def _told_name_of(device: Path) -> str | None:
    """The same of a device that may not be opened: a camera is the first of the files of its hardware."""
    told = Path("/sys/class/video4linux", device.name)
    try:
        return (told / "name").read_text().strip() if int((told / "index").read_text()) == 0 else None
    except (OSError, ValueError):
        return "?"


def descriptor_of(device: str) -> int | None:
    """The open file of this process that is `device`, which PyAV does not tell; None for a grabber without a file."""
    try:
        wanted = os.stat(device).st_rdev
        for name in os.listdir("/proc/self/fd"):
            if wanted and int(name) > 2 and _device_number(int(name)) == wanted:
                return int(name)
    except OSError:
        pass
    return None


def _device_number(descriptor: int) -> int | None:
    try:
        return os.fstat(descriptor).st_rdev
    except OSError:  # closed since it was listed
        return None
