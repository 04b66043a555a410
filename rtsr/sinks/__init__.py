"""Where frames go. The viewer's window is a sink too, in `rtsr.viewer`."""

from rtsr.frame import StreamInfo
from rtsr.stages import Upscaler


def upscaled_info(info: StreamInfo, upscaler: Upscaler) -> StreamInfo:
    """What a stream as `info` tells becomes by way of `upscaler`; shape and orientation stay."""
    return info.resized(*upscaler.size_wh)
