"""The painter without OpenGL: swscale makes window pixels in the sink's thread, QPainter copies them.

On two cores without a GPU this is several times cheaper than software OpenGL (docs/decisions/004-viewer.md), and it is
the only one on Qt's `offscreen` platform.
"""

from collections.abc import Sequence

from PyQt6.QtCore import QRect
from PyQt6.QtGui import QColor, QImage, QPainter, QTransform
from PyQt6.sip import voidptr

from rtsr.color import Color
from rtsr.frame import Frame, Plane
from rtsr.swscale import RgbScaler
from rtsr.viewer.geometry import Pane, Turn
from rtsr.viewer.picture import Picture, Sides

_SCALERS_KEPT = 4
"""Both sides at two sizes: what a window needs while it is resized."""


class SwscalePainter:
    """Paints pictures through swscale; one object per thread."""

    def __init__(self) -> None:
        self._scalers: dict[object, RgbScaler] = {}
        self._sides = Sides()

    def prepare(self, picture: Picture, panes: Sequence[Pane], turn: Turn) -> None:
        """Make the pixels that `panes` will need, where they are not there yet."""
        for pane in panes:
            width, height = turn.stored_wh(pane.picture)
            if (pane.side, width, height) not in picture.bgra and pane.clip.width:
                frame = self._sides.of(picture, pane, turn)
                pixels = self._scaler(frame, (width, height), picture.color).bgra(frame)
                picture.bgra[pane.side, width, height] = pixels

    def paint(self, qt: QPainter, picture: Picture, panes: Sequence[Pane], turn: Turn) -> None:
        """Draw the panes in window pixels."""
        self.prepare(picture, panes, turn)
        for pane in panes:
            if not pane.clip.width:
                continue
            width, height = turn.stored_wh(pane.picture)
            image = _image(picture.bgra[pane.side, width, height])
            box = pane.picture
            qt.setClipRect(QRect(*pane.clip))
            before = qt.transform()
            middle = QTransform(turn.a, turn.b, turn.c, turn.d, box.x + box.width / 2, box.y + box.height / 2)
            qt.setTransform(QTransform.fromTranslate(-width / 2, -height / 2) * middle, combine=True)
            qt.drawImage(0, 0, image)
            qt.setTransform(before)
        qt.setClipping(False)

    def _scaler(self, frame: Frame, target_wh: tuple[int, int], color: Color) -> RgbScaler:
        key = ((frame.width, frame.height), target_wh, color, frame.layout)
        scaler = self._scalers.pop(key, None) or RgbScaler(*key)
        self._scalers[key] = scaler  # the youngest stands last
        while len(self._scalers) > _SCALERS_KEPT:
            del self._scalers[next(iter(self._scalers))]
        return scaler


def paint_black(qt: QPainter, window_wh: tuple[int, int]) -> None:
    """The bars beside the picture."""
    qt.fillRect(0, 0, *window_wh, QColor(0, 0, 0))


def _image(bgra: Plane) -> QImage:
    """A view: valid while `bgra` lives."""
    height, width = bgra.shape[0], bgra.shape[1] // 4
    pixels = voidptr(bgra.ctypes.data)  # PyQt6's stubs know only bytes
    image: QImage = QImage(pixels, width, height, bgra.strides[0], QImage.Format.Format_RGB32)  # type: ignore[call-overload]
    return image
