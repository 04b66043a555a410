"""The canvas without OpenGL, and which of the two painters is taken."""

from typing import Literal

from PyQt6.QtGui import QImage, QPainter, QPaintEvent, QResizeEvent
from PyQt6.QtWidgets import QApplication, QWidget

from rtsr.errors import BackendError, UsageError
from rtsr.viewer.overlay import draw_overlay
from rtsr.viewer.painter_qt import SwscalePainter, paint_black
from rtsr.viewer.picture import Picture
from rtsr.viewer.scene import Scene

PainterName = Literal["opengl", "qpainter"]
_SOFTWARE_GL = ("llvmpipe", "softpipe", "swrast", "software", "swiftshader", "gdi generic")


class RasterCanvas(QWidget):
    """Paints a scene with QPainter; see `Canvas`."""

    painter = "qpainter"

    def __init__(self, scene: Scene) -> None:
        super().__init__()
        self._scene = scene
        self._ahead, self._here = SwscalePainter(), SwscalePainter()  # of the sink's thread and of this one
        scene.changed.connect(self.update)

    def prepare(self, picture: Picture) -> None:
        """See `Canvas`."""
        self._ahead.prepare(picture, self._scene.panes(), self._scene.turn)

    def grab_image(self) -> QImage:
        """See `Canvas`."""
        return self.grab().toImage()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Qt's: the scene learns the new size."""
        ratio = self.devicePixelRatioF()
        self._scene.window_wh = (round(self.width() * ratio), round(self.height() * ratio))
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Qt's: the picture in device pixels, the words over it."""
        qt = QPainter(self)
        qt.scale(1 / self.devicePixelRatioF(), 1 / self.devicePixelRatioF())
        paint_scene(qt, self._scene, self._here)
        qt.end()


def paint_scene(qt: QPainter, scene: Scene, painter: SwscalePainter) -> None:
    """Everything, in device pixels."""
    picture, panes = scene.picture, scene.panes() if scene.picture else ()
    paint_black(qt, scene.window_wh)
    if picture is not None:
        painter.paint(qt, picture, panes, scene.turn)
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


def open_canvas(scene: Scene, painter: PainterName) -> QWidget:
    """The canvas of `painter`; the scene knows it from now on."""
    if painter == "opengl":
        from rtsr.viewer.painter_gl import GlCanvas

        canvas: GlCanvas | RasterCanvas = GlCanvas(scene)
    else:
        canvas = RasterCanvas(scene)
    scene.canvas = canvas
    return canvas
