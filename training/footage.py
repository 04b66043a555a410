"""The training set as compressed video: a camera that moves over each picture, its frames shrunk and encoded.

What the network sees is what a decoder gives; what it learns is the frame before shrinking. Clean pictures alone teach
it to sharpen an encoder's marks along with the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from rtsr.errors import SourceError, UsageError
from rtsr.metrics import luma
from rtsr.resample import bicubic_downscale
from training.data import Pair, list_photographs, read_pictures, split
from training.degrade.draws import draw_whole, happens
from training.degrade.motion import Paths, make_motion
from training.degrade.plan import VideoOrder, WholeSpan, refuse_chance, refuse_span
from training.degrade.video import MATRICES, Coding, clip_of, draw_coding, film, transcode
from training.tables import read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from training.recipe import CropRecipe


_LEAST_SIDE_PX = 64
_MOST_STILLS = 0.9


@dataclass(frozen=True, kw_only=True, slots=True)
class Footage:
    """The table `[footage]` of a recipe: how pictures become sequences. Raises UsageError on an impossible number."""

    sequences: int = 3
    """Of each picture."""
    frames: int = 8
    """Of a sequence, so that the codec has something to predict from."""
    kept: int = 3
    """Frames of a sequence that are learned from, spread over it."""
    side_px: int = 240
    """Of a frame before it is shrunk; a picture that is smaller is left out, and that is told."""
    clean: float = 0.1
    """Part of the sequences that no codec sees."""
    stills: float = 0.0
    """Part of all learned pixels that lie in pictures which were only shrunk, sharp as they are."""
    master: float = 0.0
    """Part of the sequences whose large frames an encoder has been at before they shrink, as with real clips."""
    master_crf: WholeSpan = (12, 24)
    """Of that encoder, H.264 or H.265."""
    paths: Paths = field(default_factory=Paths)
    order: VideoOrder = field(default_factory=VideoOrder)

    def __post_init__(self) -> None:
        for key in ("sequences", "frames", "kept", "side_px"):
            if getattr(self, key) < 1:
                raise UsageError(f"{key} = {getattr(self, key)}", mend="it is a positive number")
        if self.side_px < _LEAST_SIDE_PX:
            raise UsageError(f"side_px = {self.side_px}", mend=f"it is {_LEAST_SIDE_PX} or more")
        if self.kept > self.frames:
            raise UsageError(f"kept = {self.kept}", mend=f"a sequence has {self.frames} frames")
        refuse_chance("clean", self.clean)
        refuse_chance("master", self.master)
        if not 0.0 <= self.stills <= _MOST_STILLS:
            raise UsageError(f"stills = {self.stills}", mend=f"it is a part of the whole, 0 to {_MOST_STILLS}")
        refuse_span("master_crf", self.master_crf, most=51)


def read_footage(table: dict[str, Any]) -> Footage:
    """The table `[footage]`, with `[footage.paths]` and `[footage.order]`. Raises UsageError as `read_table`."""
    return read_table(Footage(), table, "footage")


def load_footage(
    recipe: CropRecipe, scale: int, roots: Sequence[Path], tell: Callable[[str], None], *, skip_bad: bool = False
) -> tuple[list[Pair], list[Pair]]:
    """What a recipe learns from, and what it holds out: frames of different photographs. The same each time.

    Raises SourceError as `training.data` does, and when no picture is large enough. With `skip_bad` what cannot be read
    is named and left out; videos cannot: they are encoded already.
    """
    to_learn, to_check = split(list_photographs(roots, recipe.folders), recipe.held_out)
    random = torch.Generator().manual_seed(recipe.seed)
    plan = read_footage(recipe.footage or {})
    wanted = tell if skip_bad else None
    learned = _film_all(plan, read_pictures(to_learn, wanted), scale, random, tell)
    return learned, _film_all(plan, read_pictures(to_check, wanted), scale, random, tell)


def _film_all(
    plan: Footage, pictures: Iterator[NDArray[np.uint8]], scale: int, random: torch.Generator,
    tell: Callable[[str], None],
) -> list[Pair]:  # fmt: skip
    pairs: list[Pair] = []
    seen = small = 0
    side = plan.side_px // (2 * scale) * 2 * scale
    for picture in pictures:
        seen += 1
        if min(picture.shape[:2]) < side:
            small += 1
            continue
        for _ in range(plan.sequences):
            pairs += _film_one(plan, picture, (side, scale), random)
        if plan.stills:
            pairs.append(_still(plan, picture, (side, scale), random))
    if small:
        tell(f"{small} of {seen} pictures are smaller than {side}x{side} and left out")
    if not pairs:
        raise SourceError(f"no picture is as large as {side}x{side}", mend="say a smaller side_px in [footage]")
    return pairs


def _film_one(plan: Footage, picture: NDArray[np.uint8], size: tuple[int, int], random: torch.Generator) -> list[Pair]:
    side, scale = size
    frames = make_motion([picture], plan.frames, (side, side), random, plan.paths).frames
    large = clip_of(frames, MATRICES[plan.order.matrix])
    if plan.master and happens(plan.master, random):
        large = transcode(large, _draw_mastering(plan, random))
    low, _ = film(plan.order, large, scale, random)
    coding = draw_coding(plan.order, random)
    seen = low if happens(plan.clean, random) else transcode(low, coding)
    places = np.linspace(0, plan.frames - 1, plan.kept).round().astype(int).tolist()
    return [
        Pair(*(torch.from_numpy(np.asarray(one.y[place] / 255.0, np.float32)) for one in (seen, large)))
        for place in places
    ]


def _still(plan: Footage, picture: NDArray[np.uint8], size: tuple[int, int], random: torch.Generator) -> Pair:
    """A square of the picture that has the stills' part beside the frames of its sequences, or as much as there is."""
    side, scale = size
    filmed_px = plan.sequences * plan.kept * side**2
    most = min(picture.shape[:2])
    wanted = min(int((filmed_px * plan.stills / (1.0 - plan.stills)) ** 0.5), most) // scale * scale
    top, left = (draw_whole((0, whole - wanted), random) for whole in picture.shape[:2])
    high = picture[top : top + wanted, left : left + wanted]
    low = bicubic_downscale(high, scale)
    return Pair(*(torch.from_numpy(np.asarray(luma(one) / 255.0, np.float32)) for one in (low, high)))


def _draw_mastering(plan: Footage, random: torch.Generator) -> Coding:
    """What the large frames were encoded with: no camera's MJPEG."""
    coding = draw_coding(plan.order, random)
    codec = "h264" if coding.codec == "mjpeg" else coding.codec
    return replace(coding, codec=codec, quality=draw_whole(plan.master_crf, random))
