"""Words beside crowded points cover neither each other nor a point, and stay in the frame."""

import numpy as np
import pytest
from matplotlib.text import Annotation

from rtsr.jobs.figure import new_figure
from rtsr.jobs.label_places import label_points, overlap


@pytest.mark.parametrize("seed", range(4))
def test_a_crowd_stays_legible(seed: int) -> None:
    random = np.random.default_rng(seed)
    points = [(10 ** random.uniform(1, 1.6), random.uniform(35, 36.2)) for _ in range(18)]
    figure = new_figure((8.2, 5.6))
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.set_xlim(1, 1000)
    axes.set_ylim(33, 38)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    label_points(axes, points, [f"esr-max-k{number}c5" for number in range(18)], [4.0] * 18)
    words = [child for child in axes.get_children() if isinstance(child, Annotation)]
    assert len(words) == 18
    figure.draw_without_rendering()
    boxes = [tuple(word.get_bbox_patch().get_window_extent().extents) for word in words]
    frame = tuple(axes.get_window_extent().extents)
    for number, box in enumerate(boxes):
        area = (box[2] - box[0]) * (box[3] - box[1])
        assert overlap(box, frame) == pytest.approx(area)
        for other in boxes[:number]:
            assert overlap(box, other) < 0.02 * area
        for point in points:
            x, y = axes.transData.transform(point)
            assert overlap(box, (x - 2, y - 2, x + 2, y + 2)) == 0
