"""Where a file may be cut: the times of its frames and keyframes, by demuxing only."""

from __future__ import annotations

import functools
import zipfile
from array import array
from dataclasses import dataclass
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from rtsr.demux import complaints
from rtsr.sources.opening import open_container, video_of
from rtsr.sources.reading import AS_IT_IS, Reading

Times = NDArray[np.int64]


def keyframe_times(path: str, reading: Reading = AS_IT_IS) -> Times:
    """Where the video that would be upscaled can be cut, so that each part decodes by itself.

    A cut between these times is possible too, and costs the decoding from the keyframe before it.

    Args:
        path: a file that FFmpeg reads.
        reading: which stream of it; and at which rate, where it is opened at one.

    Returns:
        (N,) int64, presentation times of its shown keyframes in units of the time base that it is then opened with,
        strictly increasing; empty where packets lack a time or share one, since then nothing is found again by its
        time.

    Raises:
        SourceError: it is no video file.
    """
    times = packet_times(path, reading.stream)
    if not times.regular:
        return np.empty(0, np.int64)
    if reading.fps is None:
        return times.keyframes
    ticks = [round(int(pts) * times.time_base * reading.fps) for pts in times.keyframes]
    return np.unique(np.array(ticks, np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class PacketTimes:
    """What the packets of a video stream say of time, without decoding one."""

    shown: Times
    """(N,) int64, presentation times of all frames that an edit list does not hide, sorted."""
    keyframes: Times
    """(K,) int64, of those, the keyframes."""
    time_base: Fraction
    """Seconds."""
    regular: bool
    """Every packet has a time, no two have the same, and the file could be read to its end."""
    faults: tuple[str, ...] = ()
    """What the demuxer complained of, where it went on behind damage: whatever lay there is in no packet."""

    def saved(self) -> bytes:
        """For `adopt`: NumPy's compressed archive."""
        file = BytesIO()
        base = np.array([self.time_base.numerator, self.time_base.denominator])
        np.savez_compressed(
            file, shown=self.shown, keyframes=self.keyframes, base=base, regular=self.regular, faults=list(self.faults)
        )
        return file.getvalue()

    def last_before(self, pts: int) -> int | None:
        """The last time before `pts`; None where there is none."""
        at = int(np.searchsorted(self.shown, pts))
        return int(self.shown[at - 1]) if at else None

    def before(self, pts: int, frames: int = 0) -> int | None:
        """The time so many frames before the first one that is not before `pts`, or of the very first one; None where
        nothing is left."""
        at = int(np.searchsorted(self.shown, pts))
        return int(self.shown[max(0, at - frames)]) if at < len(self.shown) else None


def packet_times(path: str, number: int | None = None) -> PacketTimes:
    """Read the packets of one stream of `path` once; asked again of the same file, the answer is remembered.

    Raises:
        SourceError: it is no video file.
    """
    try:
        state = Path(path).stat()
    except OSError:
        return _read(path, number, 0, 0)  # opening it says what is wrong
    return _read(path, number, state.st_size, state.st_mtime_ns)


def adopt(path: str, number: int | None, saved: bytes) -> None:
    """Take what `PacketTimes.saved` gave for this state of `path`: it is not read again. Nonsense is ignored."""
    try:
        state = Path(path).stat()
        with np.load(BytesIO(saved)) as told:
            faults = tuple(map(str, told["faults"]))
            base = Fraction(int(told["base"][0]), int(told["base"][1]))
            times = PacketTimes(told["shown"], told["keyframes"], base, bool(told["regular"]), faults)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return
    _ADOPTED[path, number, state.st_size, state.st_mtime_ns] = times


_ADOPTED: dict[tuple[str, int | None, int, int], PacketTimes] = {}


@functools.lru_cache(maxsize=8)
def _read(path: str, number: int | None, _size: int, _mtime_ns: int) -> PacketTimes:
    if (adopted := _ADOPTED.get((path, number, _size, _mtime_ns))) is not None:
        return adopted
    shown, keyframes = array("q"), array("q")
    regular = True
    with complaints() as faults, open_container(path) as container:
        stream = video_of(path, container, number)
        time_base = Fraction(stream.time_base or Fraction(1, av.time_base))
        try:
            for packet in container.demux(stream):
                if not packet.size or packet.is_discard:
                    continue
                if packet.pts is None:
                    regular = False
                    continue
                shown.append(packet.pts)
                if packet.is_keyframe:
                    keyframes.append(packet.pts)
        except FFmpegError:
            regular = False
    times = np.sort(np.frombuffer(shown, np.int64)) if shown else np.empty(0, np.int64)
    regular = regular and bool(np.all(np.diff(times) > 0))
    keys = np.unique(np.frombuffer(keyframes, np.int64)) if keyframes else times[:0]
    return PacketTimes(times, keys, time_base, regular, tuple(faults))


def damage_of(path: str, number: int | None = None) -> tuple[str, ...]:
    """What of the file could not be read as it was meant, in words; empty where all could."""
    faults = packet_times(path, number).faults
    return (f"the file is damaged in {len(faults)} places ({faults[0]})",) if faults else ()
