"""Sequences from a still photograph: a window that pans, zooms and turns over it, as a hand-held camera would.

Each frame is made from the photograph itself, never from the frame before, so nothing is blurred twice. To keep frames
sharp the window is never enlarged (`step_px` is 1 or more) and each frame is drawn twice as fine as it is wanted, by
bicubic, then halved by a Lanczos filter of three lobes: what aliases is filtered, what fits is kept. At a step of 1.25
waves of 0.3 cycles per frame pixel keep 98 % and those of 0.4 75 %, wherever the window lies; at 1.5 100 % and 80 %;
places are right to two thousandths of a pixel, at a step of exactly 1 or 2 to 0.03 (torch's bicubic bends straight
ramps a little, which averages out between) (tests/unit/test_degrade_video.py).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from training.degrade.draws import draw_uniform, draw_whole, happens
from training.degrade.operations import to_8bit, to_float
from training.degrade.plan import refuse_chance, refuse_span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_FINE = 2
_LOBES = 3
_BLACK = 1.0 / 255.0
_EDGE_PX = 2.0


@dataclass(frozen=True, slots=True)
class View:
    """Where the window lies in the photograph."""

    x_px: float
    """Middle of the window, in pixels of the photograph from the middle of its first one."""
    y_px: float
    step_px: float
    """Pixels of the photograph per pixel of the frame; 1 or more keeps it sharp."""
    angle_rad: float = 0.0
    """Of the frame's rows against the photograph's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Paths:
    """How the window moves; ranges are drawn from once for each scene. Raises UsageError on an impossible number."""

    step_px: tuple[float, float] = (1.25, 1.8)
    """Size of the window at a scene's middle: photograph's pixels per frame's. Nearer to 1 fine detail flickers."""
    pan_px: tuple[float, float] = (0.0, 3.0)
    """Speed in frame pixels per frame, in any direction."""
    zoom: tuple[float, float] = (-0.01, 0.01)
    """Change of the window's side per frame, as a part of it."""
    turn_rad: tuple[float, float] = (-0.01, 0.01)
    """Per frame."""
    shake_px: tuple[float, float] = (0.0, 0.6)
    """Reach of a slow swing about the path, in frame pixels."""
    exposure: tuple[float, float] = (-0.04, 0.04)
    """Change of all code values over a scene, as a part of them."""
    grain_sigma: tuple[float, float] = (0.0, 1.0)
    """Noise that is new in every frame, in 8-bit code values: film, not the sensor's, so the target has it too."""
    cut: float = 0.05
    """Probability that a frame after the first begins a new scene."""
    still: float = 0.0
    """Probability that the camera stands still during a scene."""
    object: float = 0.0
    """Probability that something crosses a scene: a soft ellipse of one of the photographs, at a speed of its own."""
    object_pan_px: tuple[float, float] = (0.5, 6.0)
    """Its speed in frame pixels per frame."""

    def __post_init__(self) -> None:
        for key in ("cut", "still", "object"):
            refuse_chance(key, getattr(self, key))
        refuse_span("step_px", self.step_px, least=0.1)
        for key in ("pan_px", "shake_px", "grain_sigma", "object_pan_px"):
            refuse_span(key, getattr(self, key))
        for key in ("zoom", "turn_rad", "exposure"):
            refuse_span(key, getattr(self, key), least=-0.5, most=0.5)


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """A sequence and what is known of it."""

    frames: NDArray[np.uint8]
    """(N, H, W, 3) uint8, R'G'B', full range."""
    starts: NDArray[np.bool_]
    """(N,) bool: this frame does not go on from the one before; true at 0 and at each cut."""
    views: tuple[View, ...]
    """Where each frame was taken, of its scene's photograph: the motion of all but what crosses it, exactly."""
    sources: tuple[int, ...]
    """Which of the photographs each frame shows."""


def make_motion(
    photographs: Sequence[NDArray[np.uint8]], count: int, size_hw: tuple[int, int], random: torch.Generator,
    paths: Paths | None = None,
) -> Motion:  # fmt: skip
    """`count` frames of `size_hw` over the photographs, each scene over one of them, whichever chance says.

    Args:
        photographs: (H, W, 3) uint8 each, R'G'B', full range, at least as large as a frame; half as large again leaves
            room to move. Where a path would leave the photograph, it is slower and less turned.
        count: frames.
        size_hw: of a frame.
        random: is drawn from; the same state gives the same bits.
        paths: how to move.

    Raises ValueError when a photograph is smaller than a frame.
    """
    paths = paths or Paths()
    if any(photo.shape[0] < size_hw[0] or photo.shape[1] < size_hw[1] for photo in photographs):
        raise ValueError(f"a photograph is smaller than a frame of {size_hw[1]}x{size_hw[0]}")
    starts = np.array([not index or happens(paths.cut, random) for index in range(count)])
    firsts = [*np.flatnonzero(starts).tolist(), count]
    frames: list[NDArray[np.uint8]] = []
    views: list[View] = []
    sources: list[int] = []
    for first, end in pairwise(firsts):
        which = draw_whole((0, len(photographs) - 1), random)
        scene = photographs[which]
        path = draw_path(scene.shape[:2], end - first, size_hw, random, paths)
        crossing = draw_crossing(photographs, end - first, size_hw, random, paths)
        change = draw_uniform(paths.exposure, random)
        sigma = draw_uniform(paths.grain_sigma, random)
        source = to_float(scene)
        for index, view in enumerate(path):
            gain = 1.0 + change * (index / max(len(path) - 1, 1) - 0.5)
            grain = torch.randn(*size_hw, 1, generator=random).numpy() * np.float32(sigma * _BLACK)
            seen = crossing.over(look(source, view, size_hw), index) if crossing else look(source, view, size_hw)
            frames.append(to_8bit(seen * np.float32(gain) + grain))
        views += path
        sources += [which] * len(path)
    return Motion(np.stack(frames), starts, tuple(views), tuple(sources))


def draw_path(
    photo_hw: tuple[int, ...], count: int, size_hw: tuple[int, int], random: torch.Generator, paths: Paths
) -> list[View]:
    """A smooth path of `count` views, all inside the photograph: a steady pan, zoom and turn about a slow swing."""
    room = min(photo_hw[0] / size_hw[0], photo_hw[1] / size_hw[1])
    low, high = paths.step_px
    step = draw_uniform((min(low, room), min(high, room)), random)
    direction = draw_uniform((0.0, 2.0 * math.pi), random)
    speed = draw_uniform(paths.pan_px, random) * step
    zoom, turn = draw_uniform(paths.zoom, random), draw_uniform(paths.turn_rad, random)
    shake, period = draw_uniform(paths.shake_px, random) * step, draw_uniform((8.0, 30.0), random)
    phase, other = draw_uniform((0.0, 2.0 * math.pi), random), draw_uniform((0.0, 2.0 * math.pi), random)
    still = bool(paths.still) and happens(paths.still, random)
    place = draw_uniform((0.0, 1.0), random), draw_uniform((0.0, 1.0), random)
    for gentle in (0.0,) if still else (1.0, 0.7, 0.5, 0.35, 0.25, 0.12, 0.06, 0.0):
        views = []
        for index in range(count):
            time = gentle * (index - (count - 1) / 2.0)
            swing = 2.0 * math.pi * index / period
            views.append(
                View(
                    time * speed * math.cos(direction) + gentle * shake * math.sin(swing + phase),
                    time * speed * math.sin(direction) + gentle * shake * math.sin(swing + other),
                    max(step * (1.0 + zoom) ** time, min(step, 1.0)),
                    time * turn,
                )
            )
        placed = _placed(views, photo_hw, size_hw, place)
        if placed:
            return placed
    middle = View((photo_hw[1] - 1) / 2.0, (photo_hw[0] - 1) / 2.0, room)
    return [middle] * count  # not even standing still fits but for rounding: the window is all of the photograph


@dataclass(frozen=True, slots=True, eq=False)
class Crossing:
    """What moves across a scene, in front of it."""

    photograph: NDArray[np.float32]
    """(H, W, 3) float32, 0..1: what it shows."""
    view: View
    """Of the photograph, as the frame sees it at time 0."""
    middle_xy: tuple[float, float]
    """In frame pixels at time 0."""
    radii_xy: tuple[float, float]
    step_xy: tuple[float, float]
    """Frame pixels per frame."""

    def over(self, frame: NDArray[np.float32], time: int) -> NDArray[np.float32]:
        """`frame`, (H, W, 3), with it in front, its edge two pixels wide."""
        x, y = (middle + time * step for middle, step in zip(self.middle_xy, self.step_xy, strict=True))
        rows, columns = np.ogrid[: frame.shape[0], : frame.shape[1]]
        reach = np.sqrt(((columns - x) / self.radii_xy[0]) ** 2 + ((rows - y) / self.radii_xy[1]) ** 2)
        cover = np.clip((1.0 - reach) * min(self.radii_xy) / _EDGE_PX + 0.5, 0.0, 1.0).astype(np.float32)[..., None]
        moved = replace(
            self.view,
            x_px=self.view.x_px - time * self.step_xy[0] * self.view.step_px,
            y_px=self.view.y_px - time * self.step_xy[1] * self.view.step_px,
        )
        made: NDArray[np.float32] = frame + cover * (look(self.photograph, moved, frame.shape[:2]) - frame)
        return made


def draw_crossing(
    photographs: Sequence[NDArray[np.uint8]], count: int, size_hw: tuple[int, int], random: torch.Generator,
    paths: Paths,
) -> Crossing | None:  # fmt: skip
    """Something that is in the middle of its way in the middle of `count` frames; None = nothing crosses the scene."""
    if not paths.object or not happens(paths.object, random):
        return None
    photograph = photographs[draw_whole((0, len(photographs) - 1), random)]
    room = min(photograph.shape[0] / size_hw[0], photograph.shape[1] / size_hw[1])
    speed, direction = draw_uniform(paths.object_pan_px, random), draw_uniform((0.0, 2.0 * math.pi), random)
    step_xy = speed * math.cos(direction), speed * math.sin(direction)
    middle_xy = (
        draw_uniform((0.25 * size_hw[1], 0.75 * size_hw[1]), random) - step_xy[0] * (count - 1) / 2.0,
        draw_uniform((0.25 * size_hw[0], 0.75 * size_hw[0]), random) - step_xy[1] * (count - 1) / 2.0,
    )
    radii_xy = (
        draw_uniform((0.1 * size_hw[1], 0.35 * size_hw[1]), random),
        draw_uniform((0.1 * size_hw[0], 0.35 * size_hw[0]), random),
    )
    step = min(draw_uniform(paths.step_px, random), max(room, 1.0))
    shown = [  # of the photograph, where the ellipse's middle is
        draw_uniform((margin, side - 1.0 - margin), random)
        for side, radius in ((photograph.shape[1], radii_xy[0]), (photograph.shape[0], radii_xy[1]))
        for margin in (min(radius * step, (side - 1.0) / 2.0),)
    ]
    view = View(
        shown[0] - (middle_xy[0] - (size_hw[1] - 1) / 2.0) * step,
        shown[1] - (middle_xy[1] - (size_hw[0] - 1) / 2.0) * step,
        step,
    )
    return Crossing(to_float(photograph), view, middle_xy, radii_xy, step_xy)


def _placed(
    views: list[View], photo_hw: tuple[int, ...], size_hw: tuple[int, int], place: tuple[float, float]
) -> list[View]:
    """The path moved to where it is inside the photograph, `place` saying where between both ends; empty if nowhere."""
    spans = []
    for axis, length in ((0, photo_hw[1]), (1, photo_hw[0])):
        least, most = -math.inf, math.inf
        for view in views:
            near, far = abs(math.cos(view.angle_rad)), abs(math.sin(view.angle_rad))
            sides = (size_hw[1], size_hw[0]) if axis == 0 else size_hw
            reach = view.step_px * (sides[0] * near + sides[1] * far) / 2.0
            middle = (view.x_px, view.y_px)[axis]
            least, most = max(least, reach - 0.5 - middle), min(most, length - 0.5 - reach - middle)
        if least > most:
            return []
        spans.append(least + place[axis] * (most - least))
    return [replace(view, x_px=view.x_px + spans[0], y_px=view.y_px + spans[1]) for view in views]


def look(photograph: NDArray[np.float32], view: View, size_hw: tuple[int, int]) -> NDArray[np.float32]:
    """What the window shows: (H, W, C) float32, any range, to (*size_hw, C), not clipped.

    Beyond the photograph its edge pixels repeat.
    """
    margin = _FINE * _LOBES - 1  # so that each frame pixel lies amid the taps of its filter
    fine_hw = size_hw[0] * _FINE + 2 * margin, size_hw[1] * _FINE + 2 * margin
    row, column = (
        (np.arange(side) - (side - 1) / 2.0) * (view.step_px / _FINE) for side in fine_hw
    )  # from the window's middle, in the photograph's pixels
    cos, sin = math.cos(view.angle_rad), math.sin(view.angle_rad)
    x = view.x_px + column[None, :] * cos - row[:, None] * sin
    y = view.y_px + column[None, :] * sin + row[:, None] * cos
    height, width = photograph.shape[:2]
    grid = np.stack(((2.0 * x + 1.0) / width - 1.0, (2.0 * y + 1.0) / height - 1.0), -1)
    planes = torch.from_numpy(np.ascontiguousarray(photograph.transpose(2, 0, 1)))[None]
    fine = functional.grid_sample(
        planes, torch.from_numpy(grid.astype(np.float32))[None], mode="bicubic", padding_mode="border",
        align_corners=False,
    )  # fmt: skip
    line = _lanczos()
    fine = fine[0][:, None]
    fine = functional.conv2d(fine, line.reshape(1, 1, -1, 1), stride=(_FINE, 1))
    fine = functional.conv2d(fine, line.reshape(1, 1, 1, -1), stride=(1, _FINE))
    made: NDArray[np.float32] = np.ascontiguousarray(fine[:, 0].permute(1, 2, 0).numpy())
    return made


def _lanczos() -> torch.Tensor:
    """The filter that halves: 2 * lobes * fine taps about the middle between two fine samples, their sum 1."""
    place = (torch.arange(2 * _LOBES * _FINE) - (2 * _LOBES * _FINE - 1) / 2.0) / _FINE
    line = torch.sinc(place) * torch.sinc(place / _LOBES)
    return line / line.sum()
