"""Reads a finished media file back: how many packets each stream holds, and when its pictures are shown."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer
from av.error import FFmpegError


@dataclass(frozen=True, slots=True)
class Written:
    """One stream of a file, counted packet by packet."""

    kind: str
    codec: str
    packets: int
    time_base: Fraction
    pts: array[int]
    """Of every packet in the order of showing, in `time_base`; empty but for video."""


def read_back(path: str) -> list[Written]:
    """Every stream of `path`.

    Raises:
        OSError: it cannot be read, or holds no stream.
    """
    try:
        with av.open(path, metadata_errors="replace") as container:
            return _counted(container)
    except FFmpegError as error:  # some of them are ValueErrors
        raise OSError(error.errno, error.strerror) from error


def _counted(container: InputContainer) -> list[Written]:
    counts = [0] * len(container.streams)
    times: list[list[int]] = [[] for _ in container.streams]
    for packet in container.demux():
        if packet.size == 0:
            continue
        counts[packet.stream_index] += 1
        if packet.stream.type == "video" and packet.pts is not None and not packet.is_discard:
            times[packet.stream_index].append(packet.pts)
    return [
        Written(
            stream.type,
            stream.codec_context.name if stream.codec_context else "unknown",
            counts[stream.index],
            Fraction(stream.time_base or 1),
            array("q", sorted(times[stream.index])),
        )
        for stream in container.streams
    ]
