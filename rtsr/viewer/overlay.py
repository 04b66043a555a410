"""What is drawn over the picture, the same for every painter: wipe line, labels, numbers, messages, keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap

from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QColor, QFont, QFontDatabase, QFontMetricsF, QPainter

from rtsr.viewer.geometry import Pane

_PLATE = QColor(0, 0, 0, 176)
_INK = QColor(255, 255, 255)
_SMALLEST_PX = 7
_MESSAGE_WIDE = 72
"""Letters of a message in a line."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """The words of one moment."""

    labels: dict[str, str]
    """Of each side; empty: none is drawn."""
    numbers: Sequence[str] = ()
    message: str = ""
    keys: Sequence[str] = ()
    clock: str = ""
    banner: Sequence[str] = ()
    """Lines at the lower end."""
    marked: bool = False
    """Whether a frame is drawn around all of it."""


def draw_overlay(qt: QPainter, window_wh: tuple[int, int], panes: Sequence[Pane], overlay: Overlay) -> None:
    """Draw in window pixels, wherever `qt` paints; no `panes` while there is no picture."""
    width, height = window_wh
    qt.setRenderHint(QPainter.RenderHint.TextAntialiasing)
    if len(panes) == 2 and panes[0].picture == panes[1].picture:
        _draw_line(qt, panes[1])
    if overlay.marked:
        _draw_frame(qt, width, height)
    gap = max(2.0, height / 90)
    whole = QRectF(gap, gap, max(1.0, width - 2 * gap), max(1.0, height - 2 * gap))
    room = QRectF(whole)
    left, right = Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
    top, bottom = Qt.AlignmentFlag.AlignTop, Qt.AlignmentFlag.AlignBottom
    foot = QRectF(whole)
    half = QRectF(room.x(), room.y(), room.width() / 2 - gap, room.height())
    if len(panes) == 2 and overlay.labels:
        foot.setBottom(_draw_plate(qt, half, [overlay.labels[panes[0].side]], left | bottom).top() - gap)
        _draw_plate(qt, half.translated(half.width() + 2 * gap, 0), [overlay.labels[panes[1].side]], right | bottom)
    elif panes and overlay.labels:
        foot.setBottom(_draw_plate(qt, half, [overlay.labels[panes[0].side]], left | bottom).top() - gap)
    if overlay.numbers:
        room.setTop(_draw_plate(qt, room, overlay.numbers, left | top).bottom() + gap)
    if overlay.message:
        _draw_plate(qt, room, wrap(overlay.message, _MESSAGE_WIDE), left | top)
    if overlay.clock:
        _draw_plate(qt, whole, [overlay.clock], right | top)
    if overlay.banner:
        _draw_plate(qt, foot, [part for line in overlay.banner for part in wrap(line, _MESSAGE_WIDE)], bottom)
    if overlay.keys:
        _draw_plate(qt, whole, overlay.keys, Qt.AlignmentFlag.AlignCenter)


def _draw_line(qt: QPainter, right: Pane) -> None:
    line, box = right.clip, right.picture
    thick = max(2, box.height // 400)
    qt.fillRect(line.x - thick, box.y, 2 * thick, box.height, QColor(0, 0, 0, 144))
    qt.fillRect(line.x - thick // 2, box.y, thick, box.height, _INK)


def _draw_frame(qt: QPainter, width: int, height: int) -> None:
    thick = max(2, min(width, height) // 200)
    for box in (
        (0, 0, width, thick),
        (0, height - thick, width, thick),
        (0, 0, thick, height),
        (width - thick, 0, thick, height),
    ):
        qt.fillRect(*box, _INK)


def _draw_plate(qt: QPainter, room: QRectF, lines: Sequence[str], where: Qt.AlignmentFlag) -> QRectF:
    """Lines on a dark plate at one edge of `room`, as large as the window deserves and `room` allows; the plate."""
    font, metrics = _font_for(qt, room, lines)
    pad = metrics.height() * 0.4
    text_w = max(metrics.horizontalAdvance(line) for line in lines)
    plate = QRectF(0, 0, text_w + 2 * pad, len(lines) * metrics.lineSpacing() + pad)
    x = {Qt.AlignmentFlag.AlignLeft: room.left(), Qt.AlignmentFlag.AlignRight: room.right() - plate.width()}
    y = {Qt.AlignmentFlag.AlignTop: room.top(), Qt.AlignmentFlag.AlignBottom: room.bottom() - plate.height()}
    plate.moveTo(
        next((at for flag, at in x.items() if where & flag), room.center().x() - plate.width() / 2),
        next((at for flag, at in y.items() if where & flag), room.center().y() - plate.height() / 2),
    )
    qt.setPen(Qt.PenStyle.NoPen)
    qt.setBrush(_PLATE)
    qt.drawRoundedRect(plate, pad / 2, pad / 2)
    qt.setPen(_INK)
    qt.setFont(font)
    baseline = plate.top() + pad / 2 + metrics.ascent()
    for row, line in enumerate(lines):
        qt.drawText(int(plate.left() + pad), int(baseline + row * metrics.lineSpacing()), line)
    return plate


def _font_for(qt: QPainter, room: QRectF, lines: Sequence[str]) -> tuple[QFont, QFontMetricsF]:
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    size_px = int(min(28.0, max(11.0, room.bottom() / 44)))
    while True:
        font.setPixelSize(size_px)
        metrics = QFontMetricsF(font, qt.device())
        need_w = max(metrics.horizontalAdvance(line) for line in lines) + 0.8 * metrics.height()
        need_h = (len(lines) + 0.4) * metrics.lineSpacing()
        if size_px <= _SMALLEST_PX or (need_w <= room.width() and need_h <= room.height()):
            return font, metrics
        shrink = min(room.width() / need_w, room.height() / need_h)
        size_px = max(_SMALLEST_PX, min(size_px - 1, int(size_px * shrink)))
