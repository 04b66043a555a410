"""Where each picture lies in the window, and which part of it shows which side; integers, no Qt."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

from rtsr.frame import StreamInfo

Layout = Literal["wipe", "side-by-side", "blink"]
Side = Literal["bicubic", "sr"]
LAYOUTS: tuple[Layout, ...] = ("wipe", "side-by-side", "blink")


class Box(NamedTuple):
    """A rectangle of window pixels; y grows downwards."""

    x: int
    y: int
    width: int
    height: int


class Turn(NamedTuple):
    """How stored samples turn and flip for showing: x' = a x + c y, y' = b x + d y, each of -1, 0, 1."""

    a: int = 1
    b: int = 0
    c: int = 0
    d: int = 1

    @property
    def swaps_sides(self) -> bool:
        """Whether rows become columns."""
        return self.a == 0

    def stored_wh(self, box: Box) -> tuple[int, int]:
        """Width and height of the stored picture that fills `box` once turned."""
        return (box.height, box.width) if self.swaps_sides else (box.width, box.height)


def turn_of(info: StreamInfo) -> Turn:
    """The nearest quarter turn with its flip, from the display matrix (ISO 14496-12, a b u c d v ...)."""
    if info.display_matrix is None:
        return Turn()
    a, b, _, c, d, *_ = info.display_matrix
    if abs(a) >= abs(b):
        return Turn(-1 if a < 0 else 1, 0, 0, -1 if d < 0 else 1)
    return Turn(0, -1 if b < 0 else 1, -1 if c < 0 else 1, 0)


def shown_wh(info: StreamInfo, scale: int) -> tuple[int, int]:
    """Width and height in square pixels of the upright picture, `scale` times as large; never less than 1."""
    width, height = round(info.width * scale * (info.sar or 1)), info.height * scale
    return (height, max(1, width)) if turn_of(info).swaps_sides else (max(1, width), height)


def fit(shape_wh: tuple[int, int], room: Box) -> Box:
    """The largest box of the aspect ratio of `shape_wh` amid `room`."""
    width, height = shape_wh
    factor = min(Fraction(room.width, width), Fraction(room.height, height))
    fitted_w = min(room.width, max(1, round(width * factor)))
    fitted_h = min(room.height, max(1, round(height * factor)))
    return Box(room.x + (room.width - fitted_w) // 2, room.y + (room.height - fitted_h) // 2, fitted_w, fitted_h)


def arranged(shapes_wh: Sequence[tuple[int, int]], window_wh: tuple[int, int]) -> tuple[Box, ...]:
    """A part of the window for each picture, row by row: of equal size, in as many columns as show the pictures
    largest, beside each other rather than under each other.

    Args:
        shapes_wh: of each picture; its aspect ratio counts.
        window_wh: of the window. Where it has fewer columns or rows of pixels than pictures, parts may be empty.
    """
    width, height = (max(1, side) for side in window_wh)
    count = len(shapes_wh)

    def parts(columns: int) -> tuple[Box, ...]:
        rows = -(-count // columns)
        part_w, part_h = width // columns, height // rows
        left, top = (width - columns * part_w) // 2, (height - rows * part_h) // 2
        lacking = rows * columns - count
        boxes = []
        for number in range(count):
            row, column = divmod(number, columns)
            centring = lacking * part_w // 2 if row == rows - 1 else 0
            boxes.append(Box(left + column * part_w + centring, top + row * part_h, part_w, part_h))
        return tuple(boxes)

    def shown_px(boxes: Sequence[Box]) -> int:
        fitted = [fit(shape, box) for shape, box in zip(shapes_wh, boxes, strict=True)]
        return sum(box.width * box.height for box in fitted)

    return max((parts(columns) for columns in range(count, 0, -1)), key=shown_px, default=())


@dataclass(frozen=True, slots=True)
class Pane:
    """One side of the comparison: the whole picture goes to `picture`, only what lies in `clip` is seen."""

    side: Side
    picture: Box
    clip: Box


@dataclass(frozen=True, slots=True)
class View:
    """What the user chose to see."""

    layout: Layout = "wipe"
    wipe: float = 0.5
    """Where the line is, 0 left to 1 right of the picture."""
    only: Side | None = None
    """Show this side alone: the phase of a blink, or the held key."""


def panes(view: View, shape_wh: tuple[int, int], window_wh: tuple[int, int]) -> tuple[Pane, ...]:
    """Both sides, or the one that is seen, for a picture of the aspect ratio of `shape_wh`."""
    room = Box(0, 0, max(1, window_wh[0]), max(1, window_wh[1]))
    if view.layout == "side-by-side" and room.width > 1:
        left = Box(0, 0, room.width // 2, room.height)
        right = Box(room.width - left.width, 0, left.width, room.height)
        boxes = fit(shape_wh, left), fit(shape_wh, right)
        return Pane(view.only or "bicubic", boxes[0], boxes[0]), Pane(view.only or "sr", boxes[1], boxes[1])
    box = fit(shape_wh, room)
    if view.only or view.layout != "wipe":
        return (Pane(view.only or "sr", box, box),)
    line = wipe_x(view, box)
    return (
        Pane("bicubic", box, Box(box.x, box.y, line - box.x, box.height)),
        Pane("sr", box, Box(line, box.y, box.x + box.width - line, box.height)),
    )


def wipe_x(view: View, picture: Box) -> int:
    """The first column right of the wipe line."""
    return picture.x + round(min(1.0, max(0.0, view.wipe)) * picture.width)
