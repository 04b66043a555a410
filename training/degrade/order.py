"""Real-ESRGAN's chain of two orders: a sharp picture in, a low-resolution one with a history out.

Blur, resize, noise and JPEG, and all of it once more, now towards the size that is wanted; at the end a sinc, before or
after the last JPEG. Source: Wang et al., "Real-ESRGAN", arXiv 2107.10833, figure 2. Unlike the authors' code each
picture has draws of its own, where they share some within a batch, and resizing goes by the exact size, so that nothing
moves by a part of a pixel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from training.degrade.draws import draw_one, draw_uniform, draw_weighted, draw_whole, happens
from training.degrade.kernels import draw_blur, draw_sinc
from training.degrade.operations import blur, gaussian_noise, jpeg, poisson_noise, resize, sharpen, to_8bit, to_float

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from training.degrade.operations import Filter, Shades
    from training.degrade.plan import Degradation, Order, VideoOrder

_FINAL_LEAST_RAD = math.pi / 3
"""Lowest cutoff of the final sinc, whatever its side."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation that was done."""

    stage: str
    """`first`, `second`, `end` or `video`."""
    name: str
    """`blur`, `resize`, `gaussian`, `poisson`, `jpeg`, `sinc` or `codec`."""
    numbers: dict[str, float | str]
    """What was drawn for it, by name."""

    def __str__(self) -> str:
        said = (f"{key} {value:.3g}" if isinstance(value, float) else f"{value}" for key, value in self.numbers.items())
        return f"{self.name} {' '.join(said)}".strip()


Record = tuple[Step, ...]
"""All that was done to one picture, in order."""


def make_pair(
    plan: Degradation, picture: NDArray[np.uint8], scale: int, random: torch.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Record]:
    """What a network learns, what it is given for it, and the record: the picture sharpened if the plan says so.

    As in the authors' code the low resolution is made of the sharpened picture too. Shapes as `degrade`.
    """
    target = sharpen(picture) if plan.target == "usm" else picture
    return target, *degrade(plan, target, scale, random)


def degrade(
    plan: Degradation, picture: NDArray[Any], scale: int, random: torch.Generator
) -> tuple[NDArray[np.uint8], Record]:
    """The low-resolution picture, (H/scale, W/scale, 3) uint8, and what was done to it.

    Args:
        plan: probabilities and ranges.
        picture: (H, W, 3) uint8, or floating point 0..1; R'G'B', full range; each side a multiple of `scale`.
        scale: of the network that is to undo it.
        random: is drawn from; the same state gives the same bits.

    Raises ValueError when the picture is of another shape.
    """
    if picture.ndim != 3 or picture.shape[2] != 3 or any(side % scale or not side for side in picture.shape[:2]):
        raise ValueError(f"a picture must be (H, W, 3) with sides that are multiples of {scale}, got {picture.shape}")
    size_hw = picture.shape[0] // scale, picture.shape[1] // scale
    made = to_float(picture) if picture.dtype == np.uint8 else picture.astype(np.float32)
    made, record = first_order(plan.first, made, random)
    if happens(plan.second_order, random):
        made, more = _but_jpeg("second", plan.second, made, size_hw, random)
        record += more
    ends = (_resize_and_sinc, _last_jpeg) if happens(plan.sinc_first, random) else (_last_jpeg, _resize_and_sinc)
    for end in ends:
        made, more = end(plan, made, size_hw, random)
        record += more
    return to_8bit(made), record


def first_order(
    order: Order, picture: NDArray[np.float32], random: torch.Generator
) -> tuple[NDArray[np.float32], Record]:
    """The first half of `degrade`: (H, W, 3) float32, 0..1, in and, of another size, out."""
    made, record = _but_jpeg("first", order, picture, picture.shape[:2], random)
    made, step = _jpeg("first", order, made, random)
    return made, record + step


def draw_noise(order: Order | VideoOrder, random: torch.Generator) -> tuple[str, dict[str, float | str]]:
    """The kind of noise, empty for none, and its numbers."""
    if not happens(order.noise, random):
        return "", {}
    name = "gaussian" if happens(order.gaussian, random) else "poisson"
    strength = draw_uniform(order.gaussian_sigma if name == "gaussian" else order.poisson_scale, random)
    shades = "grey" if happens(order.grey, random) else "colour"
    return name, {"sigma" if name == "gaussian" else "scale": strength, "shades": shades}


def noisy(
    picture: NDArray[np.float32], name: str, numbers: dict[str, float | str], random: torch.Generator
) -> NDArray[np.float32]:
    """The picture with noise of a kind and numbers that `draw_noise` gave."""
    shades = cast("Shades", numbers["shades"])
    if name == "gaussian":
        return gaussian_noise(picture, float(numbers["sigma"]), shades, random)
    return poisson_noise(picture, float(numbers["scale"]), shades, random)


def _but_jpeg(
    stage: str, order: Order, made: NDArray[np.float32], base_hw: tuple[int, ...], random: torch.Generator
) -> tuple[NDArray[np.float32], Record]:
    """Blur, resize by a drawn factor of `base_hw`, and noise."""
    record: Record = ()
    if happens(order.blur, random):
        kernel, numbers = draw_blur(order, random)
        made = blur(made, kernel)
        record += (Step(stage, "blur", numbers),)
    keep = max(1.0 - order.resize_up - order.resize_down, 0.0)
    way = draw_weighted({"up": order.resize_up, "down": order.resize_down, "keep": keep}, random)
    least, most = order.resize_range
    factor = 1.0 if way == "keep" else draw_uniform((1.0, most) if way == "up" else (least, 1.0), random)
    by = cast("Filter", draw_one(order.resize_filters, random))
    made = resize(made, (max(int(base_hw[0] * factor), 1), max(int(base_hw[1] * factor), 1)), by)
    record += (Step(stage, "resize", {"way": way, "by": by, "factor": factor}),)
    name, noise = draw_noise(order, random)
    if not name:
        return made, record
    return noisy(made, name, noise, random), (*record, Step(stage, name, noise))


def _jpeg(
    stage: str, order: Order, made: NDArray[np.float32], random: torch.Generator
) -> tuple[NDArray[np.float32], Record]:
    if not happens(order.jpeg, random):
        return made, ()
    quality = draw_whole(order.jpeg_quality, random)
    return jpeg(made, quality), (Step(stage, "jpeg", {"q": float(quality)}),)


def _last_jpeg(
    plan: Degradation, made: NDArray[np.float32], _: tuple[int, int], random: torch.Generator
) -> tuple[NDArray[np.float32], Record]:
    return _jpeg("second", plan.second, made, random)


def _resize_and_sinc(
    plan: Degradation, made: NDArray[np.float32], size_hw: tuple[int, int], random: torch.Generator
) -> tuple[NDArray[np.float32], Record]:
    by = cast("Filter", draw_one(plan.second.resize_filters, random))
    made = resize(made, size_hw, by)
    record: Record = (Step("end", "resize", {"way": "to size", "by": by}),)
    if not happens(plan.final_sinc, random):
        return made, record
    side = plan.second.kernel_sides[draw_whole((0, len(plan.second.kernel_sides) - 1), random)]
    kernel, numbers = draw_sinc(side, _FINAL_LEAST_RAD, random)
    del numbers["kernel"]
    return blur(made, kernel), (*record, Step("end", "sinc", numbers))
