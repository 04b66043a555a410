"""How many threads an encoder works with, where what it writes depends on that.

x264 writes other pictures with 3 threads than with 1, and takes as many as the machine has cores for unless it is told.
x265 writes its threads and the instruction sets of the CPU into its headers, which the segments of a file share.
SVT-AV1, libvpx and ffv1 gave the same packets with any number (PyAV 18.1; docs/scale.md).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rtsr.sinks.encoder import Encoder

_MOST = 16
"""More cost x264 quality and bring little; x265 takes no more."""
_FRAMES_OF_X265 = 6
"""Frames at once that x265 takes by itself on the largest machines."""


def usual_threads(cores: int) -> int:
    """As x264 counts: half as many again as there are cores."""
    return max(1, min(_MOST, cores * 3 // 2))


def pinned(encoder: Encoder, threads: int) -> Encoder:
    """`encoder` with so many threads, and nothing of the machine in its headers; what the user named stays."""
    named = dict(encoder.extra)
    if encoder.codec == "libx265":
        ours = ("info=0", f"pools={threads}", f"frame-threads={max(1, min(_FRAMES_OF_X265, threads // 4))}")
        named["x265-params"] = ":".join([*ours, *filter(None, [named.get("x265-params")])])
    else:
        named.setdefault("threads", str(threads))
    return replace(encoder, extra=tuple(named.items()))
