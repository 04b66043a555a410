"""What can be shown of any network that makes luma from luma: its first filters, and what it looks at.

The filters come from the weights, the rest from running the network: a pixel of a real picture is changed a little, and
every output pixel that changes has that pixel in its receptive field. Changed pixels that lie so far apart that their
effects cannot meet are tried together. Needs no torch and no gradient, so it works for whatever the product can run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rtsr.errors import BackendError, UsageError
from rtsr.jobs.explain import open_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rtsr.models import ModelCard
    from rtsr.upscalers.tiles import LumaFunction

CHANGE = 2 / 255
"""How much a pixel is changed, of 1: seen by float32 with ease, and still small for the network."""
_PLACES = 200
_ROUNDS = 12
_MARGIN_PX = 2
"""Looked at around the square that the layers allow, to see that nothing is there."""
_NOTHING = 3e-4
"""Of the strongest influence: below it lies what float32 rounds."""


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """How much each input pixel matters for an output pixel, in the mean over many places of one picture."""

    influence: NDArray[np.float64]
    """(n, n), n odd: |change of the output / change of the input|, the output pixel's own input pixel in the middle."""
    theory_px: int
    """Side of the square that the layers allow; odd, at most n."""
    places: int

    def side_px(self, share: float) -> int:
        """Side of the smallest centred square that holds `share` of all influence."""
        return next(side for side in range(1, len(self.influence) + 1, 2) if self.share(side) >= share - 1e-12)

    def share(self, side_px: int) -> float:
        """How much of all influence a centred square of an odd side holds, 0..1."""
        cut = (len(self.influence) - side_px) // 2
        inner = self.influence[cut : len(self.influence) - cut, cut : len(self.influence) - cut]
        return float(inner.sum() / max(self.influence.sum(), 1e-30))

    @property
    def leaves_the_square(self) -> bool:
        """Whether something outside `theory_px` matters, as it does behind a mean over the whole picture."""
        outside = self.influence.copy()
        cut = (len(outside) - self.theory_px) // 2
        outside[cut : len(outside) - cut, cut : len(outside) - cut] = 0
        return bool(outside.max() > _NOTHING * self.influence.max())


def first_filters(card: ModelCard) -> NDArray[np.float32] | None:
    """The filters that look at the picture, (count, k, k) float32; None where no layer has luma alone as its input.

    None, too, for a model that was imported as ONNX alone. Raises UsageError without safetensors, BackendError on a
    damaged file.
    """
    if card.safetensors is None:
        return None
    with open_weights(card) as file:
        names = sorted(file.keys(), key=_natural)
        try:
            shapes = {name: file.get_slice(name).get_shape() for name in names}
            first = next((name for name in names if len(shapes[name]) == 4 and shapes[name][1] == 1), None)
            return None if first is None else np.asarray(file.get_tensor(first)[:, 0], np.float32)
        except (KeyError, TypeError, ValueError) as error:
            raise BackendError(f"the weights of {card} cannot be read: {error!r}", mend="reinstall rtsr") from error


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that puts layer 2 before layer 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def measure_field(run: LumaFunction, y: NDArray[np.float32], theory_px: int) -> Field:
    """Change single pixels of a picture, and see what changes.

    Args:
        run: the network.
        y: (H, W) float32 luma, 0..1; mirrored where it is too small to hold one field.
        theory_px: side of the square that an output pixel can see by the card.

    Raises:
        UsageError: the network is one that no picture changes.
    """
    half = theory_px // 2 + _MARGIN_PX
    side = 2 * half + 1
    y = np.pad(y, [(0, max(0, side - length)) for length in y.shape], mode="symmetric")
    before = run(y)
    random = np.random.default_rng(0)
    total, places = np.zeros((side, side)), 0
    for _ in range(_ROUNDS):
        rows, columns = (_spread_out(length, half, random) for length in y.shape)
        changed = y.copy()
        spots = np.ix_(rows, columns)
        changed[spots] += np.where(changed[spots] < 0.5, CHANGE, -CHANGE).astype(np.float32)
        total += _around(np.abs(run(changed) - before) / CHANGE, y.shape, (rows, columns), half)
        places += len(rows) * len(columns)
        if places >= _PLACES:
            break
    if not total.any():
        raise UsageError("no pixel of this picture changes the result", mend="choose another --image")
    return Field(total[::-1, ::-1] / places, 2 * (theory_px // 2) + 1, places)  # from spreading out to looking in


def _spread_out(length: int, half: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Places along one side whose surroundings of `half` on each side lie in the picture and do not touch."""
    pitch = 2 * half + 1
    count = length // pitch
    return half + int(random.integers(0, length - count * pitch + 1)) + pitch * np.arange(count)


def _around(
    change: NDArray[np.float32],
    size: tuple[int, ...],
    places: tuple[NDArray[np.int64], NDArray[np.int64]],
    half: int,
) -> NDArray[np.float64]:
    """The sum over all places of what lies around them in (S*H, S*W), in input pixels: the mean over the phases."""
    scale = change.shape[0] // size[0]
    phases = change.astype(np.float64).reshape(size[0], scale, size[1], scale).mean(axis=(1, 3))
    windows = np.lib.stride_tricks.sliding_window_view(phases, (2 * half + 1, 2 * half + 1))
    seen = windows[np.ix_(*(along - half for along in places))]
    return np.asarray(seen.sum(axis=(0, 1)))
