"""`--list-sources`: what can be watched on this machine, and in which modes."""

import os
import shutil
import sys

from rtsr.sources.devices import list_cameras
from rtsr.sources.modes import Mode
from rtsr.sources.v4l2 import Control, camera_controls, camera_modes

_ELSEWHERE = {"win32": "dshow", "darwin": "avfoundation"}
"""FFmpeg's input device for cameras of other systems; nobody has tried them here."""


def list_sources() -> list[str]:
    """Lines for people: cameras with modes and controls, then what else there is."""
    return [*_cameras(), *_others()]


def _cameras() -> list[str]:
    if grabber := _ELSEWHERE.get(sys.platform):
        return _foreign(grabber)
    lines = []
    for device, name in list_cameras():
        lines.append(f"{device}  {name}")
        modes = camera_modes(device)
        lines += [f"    {words}" for words in _modes(modes)] or ["    its modes are not told, or not to you"]
        lines += [f"    --control {_control(one)}" for one in camera_controls(device) if not one.fixed]
    return lines or ["no camera is here"]


def _modes(modes: list[Mode]) -> list[str]:
    """A line for each format and size."""
    return [f"{mode.format:<8} {mode.width}x{mode.height}  {_rates(mode)}" for mode in modes]


def _rates(mode: Mode) -> str:
    told = [f"{float(rate):.4g}" for rate in mode.rates_fps]
    if not told:
        return ""
    return f"{told[-1]} to {told[0]} fps" if mode.between == "anything" else f"{', '.join(told)} fps"


def _control(one: Control) -> str:
    if one.menu:
        return f"{one.name}=" + "|".join(name for _, name in one.menu)
    if (one.least, one.most) == (0, 1):
        return f"{one.name}=yes|no"
    return f"{one.name}={one.least}..{one.most}"


def _foreign(grabber: str) -> list[str]:
    import av

    found = [one.name for one in av.enumerate_input_devices(grabber)]
    listed = [f"{grabber}: {name}  (untested on this system)" for name in found]
    return listed or [f"no camera is here, as {grabber} tells (untested on this system)"]


def _others() -> list[str]:
    lines = []
    if sys.platform == "linux":
        display = os.environ.get("DISPLAY")  # noqa: TID251 - what a viewer started from here would see
        lines.append(
            f"screen:  the X display {display}" if display else "screen:DISPLAY  an X display; none is set here"
        )
        if shutil.which("gst-inspect-1.0") and os.path.exists("/etc/nv_tegra_release"):
            lines.append("csi://0  a camera on the CSI port of a Jetson")
    return [*lines, "rtsp://, rtmp://, udp://, tcp://  streams", "pattern:?live=yes  a test picture, live"]
