"""The window: keys and mouse in, a canvas that fills it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal

from PyQt6.QtCore import QEvent, Qt, QTimer
from PyQt6.QtGui import QCloseEvent, QColor, QKeyEvent, QKeySequence, QMouseEvent, QPalette
from PyQt6.QtWidgets import QApplication, QVBoxLayout, QWidget

from rtsr.viewer.canvas import PainterName, open_canvas
from rtsr.viewer.geometry import LAYOUTS, Side
from rtsr.viewer.keys import KEYS, Action
from rtsr.viewer.player import Player
from rtsr.viewer.scene import Scene

_MESSAGE_MS = 2500
_BLINK_MS = 700


class Window(QWidget):
    """One source, side by side with itself."""

    def __init__(self, player: Player, scene: Scene, painter: PainterName) -> None:
        super().__init__()
        self._player, self._scene = player, scene
        self.setWindowTitle(f"{player.info.label} - rtsr")
        self.setMinimumSize(160, 90)
        self.setPalette(QPalette(QColor(0, 0, 0)))
        room = QVBoxLayout(self)
        room.setContentsMargins(0, 0, 0, 0)
        room.addWidget(open_canvas(scene, painter))
        self._actions = self._table()
        self._keys = {QKeySequence(name)[0].key(): key.action for key in KEYS for name in key.names}
        self._forget = QTimer(self)
        self._forget.setSingleShot(True)
        self._forget.setInterval(_MESSAGE_MS)
        self._forget.timeout.connect(lambda: self.say("", stays="until told"))
        self._blink = QTimer(self)
        self._blink.setInterval(_BLINK_MS)
        self._blink.timeout.connect(self._turn_blink)
        self._blink_held = False
        self._follow_layout()
        player.ended.connect(self._say_end)

    def _table(self) -> dict[Action, Callable[[], object]]:
        return {
            "pause": self._pause,
            "step": self._step,
            "back_5": lambda: self._seek(-5),
            "on_5": lambda: self._seek(5),
            "back_60": lambda: self._seek(-60),
            "on_60": lambda: self._seek(60),
            "layout": self._next_layout,
            "blink": self._hold_blink,
            "stats": lambda: self._flip("numbers_on"),
            "screenshot": self._screenshot,
            "fullscreen": self._fullscreen,
            "leave_fullscreen": self.showNormal,
            "keys": lambda: self._flip("keys_on"),
            "quit": self.close,
        }

    def say(self, message: str, *, stays: Literal["a moment", "until told"] = "a moment") -> None:
        """Show `message` over the picture."""
        self._scene.message = message
        self._forget.stop()
        if stays == "a moment":
            self._forget.start()
        self._scene.changed.emit()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Qt's: one of the table, or nothing."""
        action = self._keys.get(Qt.Key(event.key())) if event else None
        if event is None or action is None:
            super().keyPressEvent(event)
        elif not event.isAutoRepeat() or action in ("step", "back_5", "on_5", "back_60", "on_60"):
            self._actions[action]()

    def keyReleaseEvent(self, event: QKeyEvent | None) -> None:
        """Qt's: the blink key was let go."""
        if event and not event.isAutoRepeat() and self._keys.get(Qt.Key(event.key())) == "blink":
            self._blink_held = False
            self._follow_layout()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Qt's: with the button held, the wipe line follows."""
        if event and event.buttons() & Qt.MouseButton.LeftButton and self._scene.view.layout == "wipe":
            box = self._scene.panes()[0].picture
            x = event.position().x() * self.devicePixelRatioF()
            self._scene.view = replace(self._scene.view, wipe=min(1.0, max(0.0, (x - box.x) / box.width)))
            self._scene.changed.emit()

    def mouseDoubleClickEvent(self, _event: QMouseEvent | None) -> None:
        """Qt's: full screen on or off."""
        self._fullscreen()

    def focusNextPrevChild(self, _next: bool) -> bool:  # noqa: FBT001 - Qt's signature
        """Qt's: Tab is a key like any other."""
        return False

    def changeEvent(self, event: QEvent | None) -> None:
        """Qt's: a key that was held when the window lost the focus is never let go here."""
        if event and event.type() == QEvent.Type.ActivationChange and self._blink_held and not self.isActiveWindow():
            self._blink_held = False
            self._follow_layout()
        super().changeEvent(event)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Qt's: the loop ends; what runs is ended by who started the loop."""
        super().closeEvent(event)
        QApplication.quit()

    def _say_end(self) -> None:
        self._scene.stats.refresh(older_than_s=0.0)
        lost = f"lost: {'; '.join(self._player.losses)} - " if self._player.losses else ""
        self.say(f"{lost}end - ← plays the last 5 s, space plays again", stays="until told")

    def _pause(self) -> None:
        ended = not self._player.playing
        self._player.toggle_pause()
        self.say("paused" if self._player.paused and not ended else "", stays="until told")

    def _step(self) -> None:
        if self._player.playing:
            self._player.step()
            self.say("paused", stays="until told")

    def _seek(self, seconds: int) -> None:
        target = self._player.seek_by(seconds)
        if target is None:
            self.say("live: there is nowhere to jump to")
        else:
            minutes, rest = divmod(round(target), 60)
            self.say(f"{minutes // 60:02}:{minutes % 60:02}:{rest:02}")

    def _next_layout(self) -> None:
        here = LAYOUTS.index(self._scene.view.layout)
        self._scene.view = replace(self._scene.view, layout=LAYOUTS[(here + 1) % len(LAYOUTS)])
        self._follow_layout()
        self.say(self._scene.view.layout)

    def _hold_blink(self) -> None:
        self._blink_held = True
        self._follow_layout()

    def _follow_layout(self) -> None:
        blinks = self._scene.view.layout == "blink" and not self._blink_held
        if blinks and not self._blink.isActive():
            self._blink.start()
        elif not blinks:
            self._blink.stop()
        only: Side | None = "bicubic" if self._blink_held else "sr" if blinks else None
        self._scene.view = replace(self._scene.view, only=only)
        self._scene.changed.emit()

    def _turn_blink(self) -> None:
        self._scene.view = replace(self._scene.view, only="bicubic" if self._scene.view.only == "sr" else "sr")
        self._scene.changed.emit()

    def _flip(self, name: Literal["numbers_on", "keys_on"]) -> None:
        setattr(self._scene, name, not getattr(self._scene, name))
        self._scene.changed.emit()

    def _fullscreen(self) -> None:
        if self.isFullScreen():
            self.showNormal()
        else:
            self.showFullScreen()

    def _screenshot(self) -> None:
        if self._scene.canvas is not None:
            path = free_name(Path.cwd())
            saved = self._scene.canvas.grab_image().save(str(path), "PNG")
            self.say(f"wrote {path.name}" if saved else f"cannot write {path}")


def free_name(folder: Path) -> Path:
    """A name for a screenshot that nothing in `folder` has."""
    number = 1
    while (path := folder / f"rtsr-shot{number:04}.png").exists():
        number += 1
    return path
