"""Where frames go. The viewer's window is a sink too, in `rtsr.viewer`."""

from dataclasses import replace

from rtsr.frame import StreamInfo


def upscaled_info(info: StreamInfo, scale: int) -> StreamInfo:
    """What `info` becomes when every side is `scale` times as long; sample aspect and orientation stay."""
    matrix = info.display_matrix
    if matrix is not None:  # the translation is in pixels (16.16), the rest is not
        matrix = (*matrix[:6], matrix[6] * scale, matrix[7] * scale, matrix[8])
    return replace(info, width=info.width * scale, height=info.height * scale, display_matrix=matrix)
