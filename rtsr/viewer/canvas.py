"""The canvas without OpenGL, and which of the two painters is taken."""

from functools import partial
from math import ceil
from typing import Literal

from PyQt6.QtCore import QRect
from PyQt6.QtGui import QImage, QPainter, QPaintEvent, QResizeEvent
from PyQt6.QtWidgets import QApplication, QWidget

from rtsr.errors import BackendError, UsageError
from rtsr.viewer.geometry import Box
from rtsr.viewer.grid import Grid
from rtsr.viewer.overlay import draw_overlay
from rtsr.viewer.painter_qt import SwscalePainter, paint_black
from rtsr.viewer.picture import Picture
from rtsr.viewer.scene import Scene

PainterName = Literal["opengl", "qpainter"]
_SOFTWARE_GL = ("llvmpipe", "softpipe", "swrast", "software", "swiftshader", "gdi generic")


class RasterCanvas(QWidget):
    """Paints the scenes of a grid with QPainter, each when there is something new in it; see `Canvas`."""

    painter = "qpainter"

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        self._grid = grid
        self._ahead = {scene: SwscalePainter() for scene in grid.scenes}  # of the sinks' threads
        self._here = {scene: SwscalePainter() for scene in grid.scenes}  # of this one
        self._whole = QApplication.platformName().startswith("wayland")
        """Under cage, with Qt 6.11, a part that was not painted anew with each update stayed black."""
        grid.changed.connect(self.update)
        for scene in grid.scenes:
            scene.changed.connect(partial(self._update, scene))

    def prepare(self, scene: Scene, picture: Picture) -> None:
        """See `Canvas`."""
        self._ahead[scene].prepare(picture, scene.panes(), scene.turn)

    def grab_image(self) -> QImage:
        """See `Canvas`."""
        return self.grab().toImage()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Qt's: the grid learns the new size."""
        ratio = self.devicePixelRatioF()
        self._grid.resize((round(self.width() * ratio), round(self.height() * ratio)))
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Qt's: the pictures in device pixels, the words over them."""
        qt = QPainter(self)
        qt.scale(1 / self.devicePixelRatioF(), 1 / self.devicePixelRatioF())
        paint_black(qt, self._grid.window_wh)
        for scene, box in self._grid.places:
            if event is None or event.region().intersects(self._around(box)):
                qt.save()
                qt.translate(box.x, box.y)
                paint_scene(qt, scene, self._here[scene])
                qt.restore()
        qt.end()

    def _update(self, scene: Scene) -> None:
        box = self._grid.place_of(scene)
        if box is not None:
            self.update(self.rect() if self._whole else self._around(box))

    def _around(self, box: Box) -> QRect:
        """In Qt's units, which may be larger than pixels."""
        ratio = self.devicePixelRatioF()
        left, top = int(box.x / ratio), int(box.y / ratio)
        return QRect(left, top, ceil((box.x + box.width) / ratio) - left, ceil((box.y + box.height) / ratio) - top)


def paint_scene(qt: QPainter, scene: Scene, painter: SwscalePainter) -> None:
    """Everything that belongs to `scene`, in device pixels, from the place where `qt` stands."""
    picture, panes = scene.picture, scene.panes() if scene.picture else ()
    paint_black(qt, scene.window_wh)
    if picture is not None:
        painter.paint(qt, picture, panes, scene.turn)
    qt.setClipRect(0, 0, *scene.window_wh)
    draw_overlay(qt, scene.window_wh, panes, scene.overlay())
    if picture is not None:
        scene.presented(picture)


def choose_painter(asked: Literal["auto", "opengl", "qpainter"]) -> tuple[PainterName, str]:
    """The painter that runs, and why.

    Raises:
        UsageError: OpenGL was asked for on a platform that cannot have it.
        BackendError: OpenGL 4.1 was asked for and is not there.
    """
    if asked == "qpainter":
        return "qpainter", "asked for"
    platform = QApplication.platformName()
    if platform in ("offscreen", "minimal", "linuxfb", "vnc"):
        if asked == "opengl":
            raise UsageError(f"Qt's platform {platform!r} has no OpenGL", mend="take --painter qpainter")
        return "qpainter", f"Qt's platform {platform!r} has no OpenGL"
    from rtsr.viewer.painter_gl import gl_renderer

    renderer = gl_renderer()
    if renderer is None:
        if asked == "opengl":
            mend = "install the driver of your graphics card, or take --painter qpainter"
            raise BackendError("OpenGL 4.1 is not there", mend=mend)
        return "qpainter", "OpenGL 4.1 is not there"
    if asked == "opengl":
        return "opengl", f"asked for; {renderer}"
    if any(name in renderer.lower() for name in _SOFTWARE_GL):
        return "qpainter", f"OpenGL here is software: {renderer}"
    return "opengl", renderer


def open_canvas(shown: Scene | Grid, painter: PainterName) -> QWidget:
    """The canvas of `painter`, for one scene or several; they know it from now on."""
    grid = shown if isinstance(shown, Grid) else Grid([shown])
    if painter == "opengl":
        from rtsr.viewer.painter_gl import GlCanvas

        canvas: GlCanvas | RasterCanvas = GlCanvas(grid)
    else:
        canvas = RasterCanvas(grid)
    for scene in grid.scenes:
        scene.canvas = canvas
    return canvas
