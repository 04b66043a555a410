"""Words beside the points of a figure that cover neither a point nor each other."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in pixels."""
_GAPS_PT = (3.0, 9.0, 16.0, 24.0, 33.0, 43.0, 54.0, 66.0, 80.0, 95.0)
"""Between a point's rim and its words, the nearest first."""
_SIDES = ((1, 1), (1, 0), (1, -1), (0, 1), (0, -1), (-1, 0), (-1, 1), (-1, -1))
"""Where the words go from the point, the best first."""
_LED_FROM_PT = 9.0
"""From this gap on a thin line leads from the words to their point."""
_AIR_PX = 1.0
_FONT_PT = 8
_HALO = {"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.3}
"""Under the words, so that lines of the grid do not cut through them."""


def label_points(
    axes: Any,  # noqa: ANN401 - matplotlib's
    points: Sequence[tuple[float, float]],
    words: Sequence[str],
    radii_pt: Sequence[float],
) -> None:
    """Write words beside points, the most crowded as far away as it takes.

    Args:
        axes: whose limits and place in the figure are final.
        points: in data coordinates.
        words: one for each point.
        radii_pt: of the points' markers, in points of 1/72 inch.
    """
    pixel = axes.figure.dpi / 72
    spots = [tuple(axes.transData.transform(point)) for point in points]
    taken = [_disc(spot, radius * pixel) for spot, radius in zip(spots, radii_pt, strict=True)]
    if axes.get_legend() is not None:
        taken.append(tuple(axes.get_legend().get_window_extent().extents))
    frame: Box = tuple(axes.get_window_extent().extents)
    for point, spot, text, radius in zip(points, spots, words, radii_pt, strict=True):
        label = axes.annotate(text, point, (0, 0), textcoords="offset points", fontsize=_FONT_PT)
        extent = label.get_window_extent()
        size = extent.width, extent.height
        places = list(_places(size, radius * pixel, pixel))
        gap, corner = min(places, key=lambda place: _cost(_moved(spot, place[1], size), taken, frame) + place[0] / 100)
        label.remove()
        taken.append(_moved(spot, corner, size))
        how: dict[str, Any] = {"textcoords": "offset points", "fontsize": _FONT_PT, "va": "bottom", "bbox": _HALO}
        if gap >= _LED_FROM_PT:
            how["arrowprops"] = {"arrowstyle": "-", "color": "#888888", "linewidth": 0.6, "shrinkA": 0, "shrinkB": 2}
        axes.annotate(text, point, (corner[0] / pixel, corner[1] / pixel), **how)


def _disc(spot: tuple[float, float], radius: float) -> Box:
    return spot[0] - radius, spot[1] - radius, spot[0] + radius, spot[1] + radius


def _places(size: tuple[float, float], radius: float, pixel: float) -> Iterator[tuple[float, tuple[float, float]]]:
    """(gap in points, lower left corner from the point in pixels) of everywhere that words may go."""
    for gap, (right, up) in product(_GAPS_PT, _SIDES):
        away = (radius + gap * pixel) * (0.75 if right and up else 1.0)
        left = {1: away, 0: -size[0] / 2, -1: -away - size[0]}[right]
        bottom = {1: away, 0: -size[1] / 2, -1: -away - size[1]}[up]
        yield gap, (left, bottom)


def _moved(spot: tuple[float, float], corner: tuple[float, float], size: tuple[float, float]) -> Box:
    """The words and a little air around them."""
    left, bottom = spot[0] + corner[0], spot[1] + corner[1]
    return left - _AIR_PX, bottom - _AIR_PX, left + size[0] + _AIR_PX, bottom + size[1] + _AIR_PX


def _cost(box: Box, taken: Sequence[Box], frame: Box) -> float:
    """Square pixels of `box` that lie on what is taken or outside the frame."""
    inside = overlap(box, frame)
    whole = (box[2] - box[0]) * (box[3] - box[1])
    return whole - inside + sum(overlap(box, other) for other in taken)


def overlap(one: Box, other: Box) -> float:
    """Square pixels that two boxes share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)
