"""What is fed beside the window: streams and a virtual camera, as the options name them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rtsr.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rtsr.config import View
    from rtsr.frame import StreamInfo
    from rtsr.sinks.virtual_camera import Device
    from rtsr.stages import SideSink


def beside_of(options: View) -> Callable[[StreamInfo], Sequence[SideSink]]:
    """What opens every side sink that `options` name, for frames as told. It raises as their `open_*` do.

    When it is called again, for another size, the virtual camera stays what it was the first time.
    """
    device = options.virtual_camera
    found: list[Device] = []
    if device is not None and device != "auto" and not device.startswith("/dev/"):
        raise UsageError(  # the flag may stand without a value, and takes a SOURCE behind it for one
            f"--virtual-camera {device} is no device",
            mend="write --virtual-camera /dev/video9, or the flag alone behind SOURCE",
        )

    def open_beside(info: StreamInfo) -> Sequence[SideSink]:
        sinks: list[SideSink] = []
        for url in options.streams:
            from rtsr.sinks.stream_out import open_stream_out

            sinks.append(open_stream_out(url, info, options))  # opens nothing yet
        if device is not None:
            from rtsr.sinks.virtual_camera import camera_again, open_virtual_camera

            returns: Literal["yes", "no"] = "yes" if options.reconnect else "no"
            if found:
                sinks.append(camera_again(found[0], info, returns))
            else:
                opened, camera = open_virtual_camera(device, info, returns)
                found.append(opened)
                sinks.append(camera)
        return sinks

    return open_beside
