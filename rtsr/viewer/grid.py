"""Which scenes the window shows, and where: all of them, or the selected one alone."""

from collections.abc import Sequence

from PyQt6.QtCore import QObject, pyqtSignal

from rtsr.viewer.geometry import Box, arranged
from rtsr.viewer.scene import Scene


class Grid(QObject):
    """Used by the window's thread alone.

    Args:
        scenes: one or more, in the order in which they are shown.
    """

    changed = pyqtSignal()
    """Something lies elsewhere, or another scene is selected: all of the window is to be painted."""

    def __init__(self, scenes: Sequence[Scene]) -> None:
        super().__init__()
        self.scenes = tuple(scenes)
        self.selected = 0
        """Number of the scene that the keys are for."""
        self.zoomed = False
        """Whether the selected scene has all of the window."""
        self.window_wh = (1, 1)
        """In device pixels."""
        self._boxes: dict[Scene, Box] = {}
        for scene in self.scenes:
            scene.reshaped.connect(self._arrange)
        self._arrange()

    @property
    def places(self) -> tuple[tuple[Scene, Box], ...]:
        """The scenes that are seen, and where in the window, in device pixels."""
        return tuple(self._boxes.items())

    def place_of(self, scene: Scene) -> Box | None:
        """Where `scene` is seen; None where it is not."""
        return self._boxes.get(scene)

    def number_at(self, x: float, y: float) -> int | None:
        """Which scene lies there; None where there is none."""
        for scene, box in self.places:
            if box.x <= x < box.x + box.width and box.y <= y < box.y + box.height:
                return self.scenes.index(scene)
        return None

    def resize(self, window_wh: tuple[int, int]) -> None:
        """The window has this size now."""
        self.window_wh = window_wh
        self._arrange()

    def select(self, number: int) -> None:
        """The keys are for scene `number`; where one is seen alone, that one."""
        if number < len(self.scenes):
            self.selected = number
            self._arrange()

    def zoom(self) -> None:
        """The selected scene alone, or all of them again."""
        self.zoomed = not self.zoomed and len(self.scenes) > 1
        self._arrange()

    def close(self) -> None:
        """Follow no scene any more."""
        for scene in self.scenes:
            scene.reshaped.disconnect(self._arrange)

    def _arrange(self) -> None:
        seen = (self.scenes[self.selected],) if self.zoomed else self.scenes
        self._boxes = dict(zip(seen, arranged([scene.shape_wh for scene in seen], self.window_wh), strict=True))
        for scene in self.scenes:
            box = self._boxes.get(scene)
            if box is not None:
                scene.window_wh = max(1, box.width), max(1, box.height)
            scene.shown = box is not None
            scene.marked = len(seen) > 1 and scene is self.scenes[self.selected]
            if not scene.shown:
                scene.stats.out_of_sight()
        self.changed.emit()
