"""After the last frame: is everything in the file that was put into it?"""

from collections.abc import Sequence
from fractions import Fraction

from rtsr.sinks.check import read_back


def audit(path: str, pts: Sequence[int], time_base: Fraction, copied: Sequence[int]) -> tuple[str, ...]:
    """What `path` lacks, in words; empty when nothing is missing.

    Args:
        path: a finished file, the video its first stream and the copied ones after it.
        pts: of every frame that was encoded, in `time_base`.
        copied: packets that were copied into each other stream.
    """
    try:
        streams = read_back(path)
    except OSError as error:
        return (f"the file cannot be read back ({error.strerror})",)
    if len(streams) != 1 + len(copied):
        return (f"{1 + len(copied)} streams were written and {len(streams)} are there",)
    video, *others = streams
    found = [f"{len(pts)} frames were encoded and {video.packets} are there"] if video.packets != len(pts) else []
    if not found:
        slack = video.time_base / 2  # Matroska rounds to milliseconds
        moved = sum(
            abs(there * video.time_base - put * time_base) > slack
            for there, put in zip(video.pts, sorted(pts), strict=True)
        )
        if moved:
            found.append(f"{moved} frames are shown at another time than they were put at")
    found += [
        f"{count} packets were copied to stream {index} ({stream.kind}) and {stream.packets} are there"
        for index, (stream, count) in enumerate(zip(others, copied, strict=True), start=1)
        if stream.packets != count
    ]
    return tuple(found)


def playable(path: str) -> bool:
    """Whether `path` holds at least one packet of video that a player would find."""
    try:
        return read_back(path)[0].packets > 0
    except (OSError, IndexError):
        return False
