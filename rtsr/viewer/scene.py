"""What the window shows at this moment: the meeting point of the sink's thread and the window's."""

from typing import Protocol

from PyQt6.QtCore import QObject, pyqtSignal
from PyQt6.QtGui import QImage

from rtsr.frame import Frame, StreamInfo
from rtsr.stages import Badge
from rtsr.viewer.geometry import Pane, Turn, View, panes, shown_wh, turn_of
from rtsr.viewer.hud import hud_lines, side_labels
from rtsr.viewer.keys import overlay_lines
from rtsr.viewer.overlay import Overlay
from rtsr.viewer.picture import Picture
from rtsr.viewer.stats import Stats


class Canvas(Protocol):
    """A widget that paints a scene: one of two painters."""

    painter: str
    """`opengl` or `qpainter`."""

    def prepare(self, picture: Picture) -> None:
        """From the sink's thread: do what painting `picture` would otherwise do in the window's."""

    def grab_image(self) -> QImage:
        """What is shown, as it is shown."""

    def close(self) -> bool:
        """Free what the painter holds; nothing is painted afterwards."""


class Scene(QObject):
    """The window's thread writes the view, the sink's the picture; each is one reference."""

    changed = pyqtSignal()
    """There is something new to paint."""

    def __init__(self, stats: Stats) -> None:
        super().__init__()
        self.stats = stats
        self.canvas: Canvas | None = None
        self.view = View()
        self.window_wh = (1, 1)
        """In device pixels."""
        self.turn = Turn()
        self.shape_wh = (1, 1)
        self.labels = {"bicubic": "bicubic", "sr": "SR"}
        self.picture: Picture | None = None
        self.numbers_on = True
        self.keys_on = False
        self.message = ""

    def fit_to(self, info: StreamInfo, badge: Badge) -> None:
        """Take the shape of a stream and the name of what upscales it."""
        self.turn = turn_of(info)
        self.shape_wh = shown_wh(info, badge.scale)
        self.labels = side_labels(badge)

    def panes(self) -> tuple[Pane, ...]:
        """Which part of the window shows what."""
        return panes(self.view, self.shape_wh, self.window_wh)

    def prepare(self, frame: Frame) -> Picture:
        """From the sink's thread: `frame`, ready to be shown."""
        picture = Picture(frame)
        if self.canvas is not None:
            self.canvas.prepare(picture)
        return picture

    def show(self, picture: Picture) -> None:
        """From the sink's thread: swap the picture, and tell the window."""
        if self.picture is not None and not self.picture.presented:
            self.stats.unpainted += 1
        self.picture = picture
        self.changed.emit()

    def presented(self, picture: Picture) -> None:
        """The canvas has painted `picture`."""
        if not picture.presented:
            picture.presented = True
            self.stats.presented(picture.frame)

    def overlay(self) -> Overlay:
        """The words over the picture."""
        return Overlay(
            labels=self.labels,
            numbers=hud_lines(self.stats.numbers) if self.numbers_on else (),
            message=self.message,
            keys=overlay_lines() if self.keys_on else (),
        )
