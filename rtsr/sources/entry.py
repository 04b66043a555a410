"""Entering a file in the middle, so that what is decoded from there on is what an uninterrupted run decodes.

Why not a plain seek: some demuxers land after the wanted time, or between keyframes; and the keyframe flag of a
container also stands on pictures after which a decoder is not exact yet: intra refresh, an I picture of an open GOP.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from rtsr.sources.nal import begins_exactly

_ATTEMPTS = 8
_FIRST_STEP_S = Fraction(1, 2)
_ALONE = ("vp8", "vp9", "av1", "libdav1d", "libaom-av1", "ffv1")
"""Decoders that forget everything at a keyframe."""


def packets_from(container: InputContainer, stream: VideoStream, pts: int) -> Iterator[Packet[Any]] | None:
    """Packets of all streams, from a keyframe of `stream` at or before `pts`, in its time base.

    What is decoded from them and shown at `pts` or later is exact. None: the container cannot be entered there, and is
    to be read from its beginning.
    """
    time_base = Fraction(stream.time_base or Fraction(1, av.time_base))
    target, step = pts, max(1, round(_FIRST_STEP_S / time_base))
    landed: int | None = None
    for _ in range(_ATTEMPTS):
        try:
            container.seek(target, stream=stream)
            packets = container.demux()
            first = _first_keyframe(packets, stream)
        except FFmpegError:
            return None
        if first is None:  # no keyframe follows
            at = target
        elif first.pts is None:
            return None
        else:
            at = first.pts
            if at <= pts:
                if _is_clean(stream, first) or (landed is not None and at < landed):
                    return itertools.chain([first], packets)
                landed = None if _is_readable(stream) else at  # else a whole group of pictures goes before
        target, step = min(target, at) - step, 2 * step
    return None


def _first_keyframe(packets: Iterator[Packet[Any]], stream: VideoStream) -> Packet[Any] | None:
    for packet in packets:
        if packet.size and packet.stream.index == stream.index and packet.is_keyframe:
            return packet
    return None


def _is_readable(stream: VideoStream) -> bool:
    """Whether a packet of it says if decoding can begin there."""
    return stream.codec_context.name in ("h264", "hevc")


def _is_clean(stream: VideoStream, packet: Packet[Any]) -> bool:
    context = stream.codec_context
    if _is_readable(stream):
        return begins_exactly(context.name, bytes(packet), context.extradata or b"")
    return context.name in _ALONE or context.codec.intra_only
