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
    """A widget that paints scenes: one of two painters."""

    painter: str
    """`opengl` or `qpainter`."""

    def prepare(self, scene: "Scene", picture: Picture) -> None:
        """From the thread of `scene`'s sink: do what painting `picture` would otherwise do in the window's."""

    def grab_image(self) -> QImage:
        """What is shown, as it is shown."""

    def close(self) -> bool:
        """Free what the painter holds; nothing is painted afterwards."""


class Scene(QObject):
    """The window's thread writes the view, the sink's the picture; each is one reference."""

    changed = pyqtSignal()
    """There is something new to paint."""
    reshaped = pyqtSignal()
    """It may need another place in the window."""

    def __init__(self, stats: Stats) -> None:
        super().__init__()
        self.stats = stats
        self.canvas: Canvas | None = None
        self.view = View()
        self.window_wh = (1, 1)
        """Of its part of the window, in device pixels."""
        self.shown = True
        """Whether it has a part; else its frames go by unseen and no network makes them."""
        self.marked = False
        """Whether it is the one of several that keys are for."""
        self.number = ""
        """Of several; empty where there is one."""
        self.label = ""
        """What it shows."""
        self.turn = Turn()
        self.shape_wh = (1, 1)
        self.labels = {"bicubic": "bicubic", "sr": "SR"}
        self.picture: Picture | None = None
        self.numbers_on = True
        self.keys_on = False
        self.message = ""
        self.trouble = ""
        """What is wrong with the picture; it stays until it is not."""
        self.labels_on = True
        self.clock = ""
        self.banner: tuple[str, ...] = ()
        """Lines that stay, at the lower end."""

    def fit_to(self, info: StreamInfo, badge: Badge) -> None:
        """Take the shape of a stream and the name of what upscales it."""
        self.turn = turn_of(info)
        self.shape_wh = shown_wh(info, badge.scale)
        self.label = info.label
        self.labels = side_labels(badge)
        self.reshaped.emit()

    def panes(self) -> tuple[Pane, ...]:
        """Which part of its part of the window shows what."""
        return panes(self.view, self.shape_wh, self.window_wh)

    def prepare(self, frame: Frame) -> Picture:
        """From the sink's thread: `frame`, ready to be shown."""
        picture = Picture(frame)
        if self.canvas is not None:
            self.canvas.prepare(self, picture)
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
            labels=self._labels() if self.labels_on else {},
            numbers=self._numbers(),
            marked=self.marked,
            message=self.message or self.trouble,
            clock=self.clock,
            banner=self.banner,
            keys=overlay_lines() if self.keys_on else (),
        )

    def _numbers(self) -> tuple[str, ...]:
        """Of several, which one it is; and the numbers, once there are any."""
        title = (f"{self.number} · {self.label}" if self.label else self.number,) if self.number else ()
        told = self.numbers_on and (not self.number or self.stats.badge is not None)
        return (*title, *(hud_lines(self.stats.numbers) if told else ()))

    def _labels(self) -> dict[str, str]:
        return self.labels if self.stats.badge is None else side_labels(self.stats.badge)
