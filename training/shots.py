"""Shots out of a user's clip: a few consecutive frames each, of one scene, one part of the picture.

Of a long clip only what is wanted is decoded.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import numpy as np

from rtsr.color import BT709, SMPTE170M, Range
from rtsr.errors import SourceError
from rtsr.jobs.video_metrics import find_cuts
from training.clips import RATE_FPS, length_s, open_clip
from training.degrade.draws import draw_whole
from training.degrade.video import Clip

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import torch

    from rtsr.frame import Frame, Plane, StreamInfo
    from rtsr.stages import Source

_LOOK = 2
"""Frames that are looked at for each one of a shot, to find sharp ones with no cut in between."""
_WALK_S = 10
"""What lies between is decoded, not skipped, when it is less: key frames are seldom nearer."""
_LIMITED = ((219.0, 0.0, 16.0), (224.0, 128.0, 128.0), (224.0, 128.0, 128.0))
"""Of Y, Cb and Cr: levels of limited range, and the zero in full and in limited range."""
Square = tuple[slice, slice]
"""Rows and columns of luma."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """How a clip is looked at."""

    shots: int
    """Of the whole clip."""
    frames: int
    """Of each."""
    side_px: int
    """Most of either side of a shot."""
    multiple_px: int
    """What both sides are multiples of: twice the scale."""
    least_px: int
    """A clip that is smaller on one side is refused."""
    held_out: int
    """The last of so many parts of the clip is held out."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """Consecutive frames without a cut."""

    clip: Clip
    """Limited range; the decoded code values themselves where the file has that range."""
    sharpness: tuple[float, ...]
    """Of each frame, see `sharpness`."""
    held_out: bool


def read_shots(path: Path, look: Look, random: torch.Generator) -> list[Shot]:
    """Shots spread over a clip, those to learn from first; each the sharpest of those around its place.

    Raises SourceError, with the clip's name, when it cannot be read, is damaged, interlaced, too short or too small.
    """
    with closing(open_clip(path)) as source:
        info = source.info
        sides = [min(look.side_px, side) // look.multiple_px * look.multiple_px for side in (info.height, info.width)]
        if min(sides) < look.least_px:
            raise SourceError(
                f"{path} is {info.width}x{info.height}, and less than {look.least_px} on one side is too small",
                mend="record it larger",
            )
        end_s = length_s(path, info)
        border_s = end_s * (1 - Fraction(1, look.held_out))
        fits = info.height * info.width // (sides[0] * sides[1])
        places = _places(path, info, look, end_s)
        shots: list[Shot] = []
        windows = _windows(source, [place_s for place_s, _ in places], look.frames * _LOOK)
        for (place_s, wanted), frames in zip(places, windows, strict=True):
            held_out = place_s >= border_s
            inside = [one for one in frames if held_out or one.time_s - info.start_s < border_s]
            scenes = _scenes(inside)
            for _ in range(min(wanted, fits)):
                square = _square(info, sides, random)
                if found := _sharpest(scenes, square, look.frames):
                    some, values = found
                    shots.append(Shot(_cut_out(some, square), values, held_out))
        if source.losses:
            raise SourceError(f"{path}: {source.losses[0]}", mend="copy or record it again")
    parts = {shot.held_out for shot in shots}
    if len(parts) < 2:
        where = "any part" if not parts else "its last part" if False in parts else "all but its last part"
        raise SourceError(
            f"{path} has no {look.frames} frames in a row without a cut in {where}",
            mend="take a longer clip, or say less `frames` in [own]",
        )
    return shots


def sharpness(y: Plane) -> float:
    """Variance of the Laplacian of (H, W) uint8, in code values squared: out of focus, or smeared, it falls.

    Pertuz et al., "Analysis of focus measure operators for shape-from-focus", Pattern Recognition 46(5), 2013: LAPV.
    """
    levels = y.astype(np.int16)
    middle = 4 * levels[1:-1, 1:-1]
    return float((middle - levels[:-2, 1:-1] - levels[2:, 1:-1] - levels[1:-1, :-2] - levels[1:-1, 2:]).var())


def _places(path: Path, info: StreamInfo, look: Look, end_s: Fraction) -> list[tuple[Fraction, int]]:
    """Where to look, from the clip's beginning, and for how many shots. Raises SourceError when it is too short."""
    rate_fps = info.rate_fps or RATE_FPS
    least = look.held_out * look.frames
    if end_s * rate_fps < least - 1:  # told durations are rounded
        raise SourceError(
            f"{path} is too short: it has about {round(end_s * rate_fps)} frames, and {least} are needed",
            mend=f"a shot has {look.frames}, and the last of {look.held_out} parts is held out: [own] says so",
        )
    border_s = end_s * (1 - Fraction(1, look.held_out))
    window_s = look.frames * _LOOK / rate_fps
    held_out = max(look.shots // look.held_out, 1)
    to_learn = max(look.shots - held_out, 1)
    return _spread((Fraction(0), border_s), window_s, to_learn) + _spread((border_s, end_s), window_s, held_out)


def _spread(part_s: tuple[Fraction, Fraction], window_s: Fraction, shots: int) -> list[tuple[Fraction, int]]:
    """Where windows begin, evenly over a part, none over another; and how many shots each is asked for.

    As many windows as shots, or as fit, and one at the least.
    """
    first_s, end_s = part_s
    count = max(min(shots, int((end_s - first_s) / window_s)), 1)
    room_s = max(end_s - first_s - window_s, Fraction(0))
    return [(first_s + room_s * place / max(count - 1, 1), -(-shots // count)) for place in range(count)]


def _windows(source: Source, places_s: Sequence[Fraction], count: int) -> Iterator[list[Frame]]:
    """`count` frames from each place on, fewer at the end of the clip, which is read to its end if that is near."""
    frames = source.frames()
    start_s = source.info.start_s
    now_s = Fraction(0)
    for place_s in places_s:
        if place_s - now_s > _WALK_S:
            source.seek(start_s + place_s)
        window: list[Frame] = []
        for frame in frames:
            now_s = frame.time_s - start_s
            if now_s >= place_s:
                window.append(frame)
            if len(window) == count:
                break
        yield window
    for _ in islice(frames, int(_WALK_S * (source.info.rate_fps or RATE_FPS))):
        pass  # losses are told at the end


def _scenes(frames: Sequence[Frame]) -> list[Sequence[Frame]]:
    """The frames between cuts."""
    ends = [0, *sorted(find_cuts(frame.y for frame in frames)), len(frames)]
    return [frames[first:end] for first, end in pairwise(ends)]


def _sharpest(
    scenes: Sequence[Sequence[Frame]], square: Square, count: int
) -> tuple[Sequence[Frame], tuple[float, ...]] | None:
    """The `count` frames in a row that are sharpest, and how sharp each is; None if no scene has so many."""
    found = []
    for scene in scenes:
        values = [sharpness(frame.y[square]) for frame in scene]
        for first in range(len(scene) - count + 1):
            found.append((scene[first : first + count], tuple(values[first : first + count])))
    return max(found, key=lambda one: sum(one[1]), default=None)


def _cut_out(frames: Sequence[Frame], square: Square) -> Clip:
    """The frames' planes there, copied; full range is made limited, rounded once."""
    half: Square = (slice(square[0].start // 2, square[0].stop // 2), slice(square[1].start // 2, square[1].stop // 2))
    planes = [
        np.stack([frame.y[square] for frame in frames]),
        np.stack([frame.u[half] for frame in frames]),
        np.stack([frame.v[half] for frame in frames]),
    ]
    color = frames[0].color
    if color.range is Range.FULL:
        planes = [
            np.rint((plane - full) * (levels / 255.0) + limited).astype(np.uint8)
            for plane, (levels, full, limited) in zip(planes, _LIMITED, strict=True)
        ]
    return Clip(planes[0], planes[1], planes[2], BT709 if color.matrix == BT709 else SMPTE170M)


def _square(info: StreamInfo, sides: Sequence[int], random: torch.Generator) -> Square:
    """A place by chance, its corner on even lines: there chroma has a sample, and a field begins."""
    top, left = (
        2 * draw_whole((0, (whole - side) // 2), random)
        for whole, side in zip((info.height, info.width), sides, strict=True)
    )
    return slice(top, top + sides[0]), slice(left, left + sides[1])
