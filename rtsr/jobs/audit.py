"""After the last frame: is everything in the file that was promised before the first, and put in since?"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import zip_longest
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rtsr.errors import RtsrError
from rtsr.frame import StreamInfo
from rtsr.hdr import Hdr, MasteringDisplay
from rtsr.sinks.check import File, Written, read_back
from rtsr.sinks.companion import Added, Promise
from rtsr.sources.side_data import first_look

_TICK_S = Fraction(1, 1000)
"""Matroska rounds times to milliseconds."""
_UNLESS_SAID = {"range": "1", "sample aspect": "1"}
"""What a video is taken to be that does not say: limited range, square samples. Encoders leave it out."""
_LAST = ("attachment", "cover")
_MOST_NAMED = 8
"""Of a long list of losses."""


def audit(path: str, pts: Sequence[int], time_base: Fraction, promised: Promise | Sequence[int]) -> tuple[str, ...]:
    """What `path` lacks, in words; empty when nothing is missing. Nothing is decoded.

    Args:
        path: a finished file, the video its first stream and the others after it.
        pts: of every frame that was encoded, in `time_base`.
        time_base: seconds.
        promised: what else is in it; or only the packets that were copied into each other stream.
    """
    try:
        found = read_back(path)
    except OSError as error:
        return (f"the file cannot be read back ({error.strerror})",)
    if not isinstance(promised, Promise):
        promised = Promise(tuple(Added("", "", packets=count) for count in promised))
    streams = [one for one in found.streams if not one.made]
    added = sorted(promised.added, key=lambda one: one.kind in _LAST)
    if len(streams) != 1 + len(added):
        there = ", ".join(f"{one.kind} {one.codec}" for one in streams)
        return (f"{1 + len(added)} streams were written and {len(streams)} are there ({there})",)
    video, *others = streams
    missing = [
        *_video(video, pts, time_base),
        *_described(0, video, promised.video_tags, promised.video_dispositions),
        *_looks(video, promised.look),
    ]
    for number, (stream, one) in enumerate(zip(_in_order(others), added, strict=True), start=1):
        missing += _other(number, stream, one)
    missing += [words for number, one in enumerate(added, start=1) for words in _mended(number, one)]
    missing += _file(found, promised)
    more = len(missing) - _MOST_NAMED
    return (*missing[:_MOST_NAMED], f"and {more} things more") if more > 0 else tuple(missing)


def audit_picture(path: str, promised: StreamInfo, allowed: Collection[str]) -> tuple[str, ...]:
    """What the first picture of `path` does not say any more: how to turn and mirror it, its HDR10 metadata.

    Args:
        path: a finished file.
        promised: of the frames that were put in.
        allowed: losses that the user allows, of `rtsr.config.LOSSES`.
    """
    try:
        matrix, hdr = first_look(path)
    except (RtsrError, OSError) as error:
        return (f"its first picture cannot be decoded ({error})",)
    missing = []
    if _turn(matrix) != _turn(promised.display_matrix):
        missing.append("the picture is turned or mirrored otherwise")
    if "hdr" not in allowed:
        missing += [f"the {name} is not told as it was" for name, same in _same_light(hdr, promised.hdr) if not same]
    return tuple(missing)


def _turn(matrix: tuple[int, ...] | None) -> tuple[int, ...]:
    """Without the translation, which containers write as they like, since it follows from the size."""
    a, b, _, c, d, *_ = matrix or (1 << 16, 0, 0, 0, 1 << 16)
    return a, b, c, d


def _same_light(there: Hdr, put: Hdr) -> Iterator[tuple[str, bool]]:
    if put.light is not None:
        yield "content light level", there.light == put.light
    if put.mastering is not None:
        yield "mastering display", there.mastering is not None and _close(there.mastering, put.mastering)


def _close(one: MasteringDisplay, other: MasteringDisplay) -> bool:
    """To the units of AV1's metadata (section 6.7.4 of its specification), the coarsest."""
    points = [abs(a - b) for p, q in zip((*one.primaries, one.white), (*other.primaries, other.white), strict=True)
              for a, b in zip(p, q, strict=True)]  # fmt: skip
    darkest, brightest = (abs(a - b) for a, b in zip(one.luminance, other.luminance, strict=True))
    return max(points) <= Fraction(1, 1 << 15) and darkest <= Fraction(1, 1 << 13) and brightest <= Fraction(1, 1 << 7)


def playable(path: str) -> bool:
    """Whether `path` holds at least one packet of video that a player would find."""
    try:
        return read_back(path).streams[0].packets > 0
    except (OSError, IndexError):
        return False


def _in_order(streams: Sequence[Written]) -> list[Written]:
    return sorted(streams, key=lambda one: one.kind in _LAST)


def _video(video: Written, pts: Sequence[int], time_base: Fraction) -> list[str]:
    if video.packets != len(pts):
        return [f"{len(pts)} frames were encoded and {video.packets} are there"]
    moved = moved_times(video.pts, video.time_base, pts, time_base)
    return [f"{moved} frames are shown at another time than they were put at"] if moved else []


def moved_times(there: NDArray[np.int64], there_unit: Fraction, put: Sequence[int], put_unit: Fraction) -> int:
    """How many of the times that were `put` are not `there`, to half a unit of what the container keeps.

    Both are made integers of one unit that divides both and their half, so nothing is rounded.
    """
    wanted = np.sort(np.asarray(put, np.int64))
    if len(there) != len(wanted):
        return max(len(there), len(wanted))
    unit = _common(there_unit / 2, put_unit)
    step = int(there_unit / unit)
    apart = _times(there, step) - _times(wanted, int(put_unit / unit))
    return int(np.count_nonzero(np.abs(apart) > step // 2))


def _common(one: Fraction, other: Fraction) -> Fraction:
    """The largest unit that divides both."""
    numerator = gcd(one.numerator * other.denominator, other.numerator * one.denominator)
    return Fraction(numerator, one.denominator * other.denominator)


def _times(values: NDArray[np.int64], factor: int) -> NDArray[Any]:
    """Their product, in Python's integers where 64 bits do not hold it."""
    most = max(abs(int(values[0])), abs(int(values[-1]))) if len(values) else 0
    return (values if most * factor < 1 << 62 else values.astype(object)) * factor


def _mended(number: int, put: Added) -> list[str]:
    """What of the input was damaged and could not be copied as it was."""
    name = f"stream {number} ({put.kind})"
    told = [f"{put.damaged} damaged packets of {name} were left out"] if put.damaged else []
    return told + ([f"{put.retimed} packets of {name} had times that went back"] if put.retimed else [])


def _other(number: int, stream: Written, put: Added) -> list[str]:
    name = f"stream {number} ({stream.kind})"
    if put.kind and (stream.kind, stream.codec) != (put.kind, put.codec) and put.kind not in _LAST:
        return [f"stream {number} was {put.kind} {put.codec} and is {stream.kind} {stream.codec}"]
    if put.kind in _LAST:
        return [] if stream.kind == put.kind else [f"{put.kind} {put.codec} is not there"]
    if stream.packets != put.packets:
        return [f"{put.packets} packets were copied to {name} and {stream.packets} are there"]
    found = _described(number, stream, put.tags, put.dispositions)
    if put.begin_s is not None and stream.begin_s is not None and abs(stream.begin_s - put.begin_s) > _TICK_S:
        found.append(f"{name} begins at {float(stream.begin_s):.3f} s, not at {float(put.begin_s):.3f} s")
    if put.last_s is not None and stream.last_s is not None and abs(stream.last_s - put.last_s) > _TICK_S:
        found.append(f"{name} has its last packet at {float(stream.last_s):.3f} s, not at {float(put.last_s):.3f} s")
    return found


def _described(number: int, stream: Written, tags: Mapping[str, str], dispositions: frozenset[str]) -> list[str]:
    lost = [f"{name}={value}" for name, value in tags.items() if not _is_there(name, value, stream.tags)]
    found = [f"stream {number} lost its tags {', '.join(lost)}"] if lost else []
    gone = sorted(dispositions - stream.dispositions)
    return [*found, f"stream {number} lost its disposition {', '.join(gone)}"] if gone else found


def _is_there(name: str, value: str, tags: Mapping[str, str]) -> bool:
    return tags.get(name) == value or (name == "language" and value == "und" and "language" not in tags)


def _looks(video: Written, promised: Mapping[str, str]) -> list[str]:
    said = _UNLESS_SAID | dict(video.look)
    wrong = [
        f"{name} {said.get(name, 'unsaid')} for {value}" for name, value in promised.items() if said.get(name) != value
    ]
    return [f"the video says {', '.join(wrong)}"] if wrong else []


def _file(found: File, promised: Promise) -> list[str]:
    there = {name.lower(): value for name, value in found.tags.items()}
    lost = [name for name, value in promised.tags.items() if there.get(name.lower()) != value]
    missing = [f"the file lost its tags {', '.join(lost)}"] if lost else []
    for number, (put, got) in enumerate(zip_longest(promised.chapters, found.chapters)):
        if put is None or got is None or put[2] != got[2] or abs(put[0] - got[0]) > _TICK_S:
            missing.append(
                f"{len(promised.chapters)} chapters were written, and from number {number + 1} on they differ"
            )
            break
    turned = [words for words in promised.side_data if words not in found.side_data]
    return missing + [f"the video lost its side data: {words}" for words in turned]
