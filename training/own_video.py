"""The user's own clips as training pairs: what a codec leaves of a small frame, and the frame itself.

A clip is a clean master when it is lossless or spends many bits; then any frame is learned. Of any other only the
sharpest frames are: what its encoder smeared, or motion blurred, must not be taught as the truth. The last part of each
clip is never learned from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rtsr.errors import RtsrError, SourceError, UsageError
from training.clips import bits_per_pixel, list_clips
from training.data import Pair
from training.degrade.draws import happens
from training.degrade.plan import VideoOrder
from training.degrade.video import draw_coding, film, transcode
from training.shots import Look, read_shots
from training.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from training.recipe import CropRecipe
    from training.shots import Shot

_LEAST_SHARP = 2.0
"""Below this variance of the Laplacian a frame is blank or out of focus: soft cameras have 8, sharp ones 100."""
_LEAST_SIDE_PX = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Own:
    """The table `[own]` of a recipe: how clips become pairs. Raises UsageError on an impossible number."""

    shots: int = 96
    """Of all clips together, shared out evenly; each clip has two at the least."""
    frames: int = 8
    """Of a shot, so that the codec has something to predict from."""
    kept: int = 3
    """Most frames of a shot that are learned from."""
    side_px: int = 384
    """Most of either side of a shot, before it is shrunk."""
    clean_bpp: float = 1.0
    """Bits per pixel from which a clip counts as a clean master, see `training.clips.bits_per_pixel`."""
    sharpest: float = 0.5
    """Part of the frames of any other clip that may be learned: those of the greatest sharpness."""
    clean: float = 0.1
    """Part of the shots that no codec sees."""
    order: VideoOrder = field(default_factory=VideoOrder)
    """What happens to a shot on its way to low resolution."""

    def __post_init__(self) -> None:
        for key in ("shots", "frames", "kept"):
            if getattr(self, key) < 1:
                raise UsageError(f"{key} = {getattr(self, key)}", mend="it is a positive number")
        if self.side_px < _LEAST_SIDE_PX:
            raise UsageError(f"side_px = {self.side_px}", mend=f"it is {_LEAST_SIDE_PX} or more")
        if not 0.0 <= self.clean_bpp < math.inf:
            raise UsageError(f"clean_bpp = {self.clean_bpp}", mend="it is 0 or a positive number")
        for key in ("sharpest", "clean"):
            if not 0.0 <= getattr(self, key) <= 1.0:
                raise UsageError(f"{key} = {getattr(self, key)}", mend="it is a part of the whole, 0 to 1")


@dataclass(frozen=True, slots=True)
class OwnClip:
    """One clip of the user's as pairs; none of either list is empty."""

    path: Path
    kind: str
    """Whether it is a clean master, and why, in words."""
    to_learn: list[Pair]
    held_out: list[Pair]
    """Of its last part."""


def read_own(table: dict[str, Any]) -> Own:
    """The table `[own]`. Raises UsageError on what is unknown, of a wrong type or impossible."""
    return read_table(Own(), table, "own")


def load_own(
    recipe: CropRecipe, scale: int, roots: Sequence[Path], tell: Callable[[str], None], *, skip_bad: bool = False
) -> list[OwnClip]:
    """The clips in the recipe's folders of all roots. The same folder gives the same bits.

    Raises SourceError, with the clip's name, when one cannot be used. With `skip_bad` such are named to `tell` and left
    out, and it is raised when none is left.
    """
    plan = read_own(recipe.own or {})
    paths = list_clips(roots, recipe.folders, tell)
    look = Look(
        shots=max(plan.shots // len(paths), 2),
        frames=plan.frames,
        side_px=plan.side_px,
        multiple_px=2 * scale,
        least_px=recipe.crop_px * scale,
        held_out=recipe.held_out,
    )
    found: list[OwnClip] = []
    for number, path in enumerate(paths):
        random = torch.Generator().manual_seed(recipe.seed + number)
        try:
            found.append(_load_clip(path, plan, look, scale, random))
        except SourceError as error:
            if not skip_bad:
                raise SourceError(error.problem, mend=f"{error.mend}; to go on without: --skip-bad") from error
            tell(f"left out: {error.problem}")
            continue
        one = found[-1]
        tell(f"{path.name}  {one.kind}: {len(one.to_learn)} frames to learn, {len(one.held_out)} held out")
    if not found:
        raise SourceError(
            f"none of {len(paths)} clips can be used", mend="the lines above say why; docs/fine-tuning.md what to do"
        )
    if len(found) < len(paths):
        tell(f"{len(paths) - len(found)} of {len(paths)} clips are left out")
    return found


def pairs_of(clips: Sequence[OwnClip]) -> tuple[list[Pair], list[Pair]]:
    """What all of them learn from, and what they hold out."""
    return [pair for one in clips for pair in one.to_learn], [pair for one in clips for pair in one.held_out]


def _load_clip(path: Path, plan: Own, look: Look, scale: int, random: torch.Generator) -> OwnClip:
    shots = read_shots(path, look, random)
    bits = bits_per_pixel(path)
    sides: list[list[Pair]] = []
    for some in ([one for one in shots if not one.held_out], [one for one in shots if one.held_out]):
        least = _LEAST_SHARP
        if bits < plan.clean_bpp:
            values = [value for shot in some for value in shot.sharpness]
            least = max(float(np.quantile(values, 1.0 - plan.sharpest)), least)
        pairs = [pair for shot in some for pair in _pairs(shot, plan, least, scale, random)]
        if not pairs:
            raise SourceError(
                f"{path} has no clean frame: its sharpest has a Laplacian variance of "
                f"{max(max(shot.sharpness) for shot in some):.1f}, and {_LEAST_SHARP:g} is the least",
                mend="take a clip in focus, of something with detail",
            )
        sides.append(pairs)
    said = "lossless" if math.isinf(bits) else f"{bits:.2f} bits per pixel"
    kind = f"clean master, {said}" if bits >= plan.clean_bpp else f"{said}, its sharpest {plan.sharpest:.0%}"
    return OwnClip(path, kind, *sides)


def _pairs(shot: Shot, plan: Own, least: float, scale: int, random: torch.Generator) -> list[Pair]:
    """The shot's frames that are sharp enough, `kept` at most, spread over it; encoded in the company of all."""
    good = [place for place, value in enumerate(shot.sharpness) if value >= least]
    if not good:
        return []
    places = np.unique(np.linspace(0, len(good) - 1, min(plan.kept, len(good))).round().astype(int))
    low, _ = film(plan.order, shot.clip, scale, random)
    coding = draw_coding(plan.order, random)
    try:
        seen = low if happens(plan.clean, random) else transcode(low, coding)
    except RtsrError as error:
        raise type(error)(error.problem, mend=error.mend.replace("degrade.video", "own.order")) from error
    return [
        Pair(*(torch.from_numpy(np.asarray(one / 255.0, np.float32)) for one in (seen.y[place], shot.clip.y[place])))
        for place in (good[index] for index in places)
    ]
