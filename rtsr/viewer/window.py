"""The window: keys and mouse in, a canvas that fills it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from PyQt6.QtCore import QEvent, QKeyCombination, Qt, QTimer
from PyQt6.QtGui import QCloseEvent, QColor, QKeyEvent, QKeySequence, QMouseEvent, QPalette
from PyQt6.QtWidgets import QApplication, QVBoxLayout, QWidget

from rtsr.viewer.canvas import PainterName, open_canvas
from rtsr.viewer.geometry import LAYOUTS, Side
from rtsr.viewer.grid import Grid
from rtsr.viewer.keys import KEYS, Action
from rtsr.viewer.player import Player
from rtsr.viewer.scene import Scene

_MESSAGE_MS = 2500
_BLINK_MS = 700
_WATCH_MS = 250


class Window(QWidget):
    """One source, or several, each side by side with itself.

    Args:
        players: of the sources.
        grid: holds the scene of each, in the same order.
        painter: what draws.
        title: of the window.
    """

    def __init__(self, players: Sequence[Player], grid: Grid, painter: PainterName, title: str) -> None:
        super().__init__()
        self._players, self._grid = tuple(players), grid
        self.setWindowTitle(f"{title} - rtsr")
        self.setMinimumSize(160, 90)
        self.setPalette(QPalette(QColor(0, 0, 0)))
        room = QVBoxLayout(self)
        room.setContentsMargins(0, 0, 0, 0)
        room.addWidget(open_canvas(grid, painter))
        self._actions = self._table()
        self._keys = {QKeySequence(name)[0]: key.action for key in KEYS for name in key.names}
        self._forget = QTimer(self)
        self._forget.setSingleShot(True)
        self._forget.setInterval(_MESSAGE_MS)
        self._forget.timeout.connect(self._forget_message)
        self._said_to = self._scene
        self._blink = QTimer(self)
        self._blink.setInterval(_BLINK_MS)
        self._blink.timeout.connect(self._turn_blink)
        self._blink_held: Scene | None = None
        self._watch = QTimer(self)
        self._watch.setInterval(_WATCH_MS)
        self._watch.timeout.connect(self._tell_trouble)
        self._watch.start()
        for player, scene in zip(self._players, grid.scenes, strict=True):
            self._follow_layout(scene)
            player.ended.connect(partial(self._say_end, player, scene))

    @property
    def _scene(self) -> Scene:
        """The one that keys are for."""
        return self._grid.scenes[self._grid.selected]

    @property
    def _player(self) -> Player:
        return self._players[self._grid.selected]

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
            "governor": self._turn_governor,
            "stats": lambda: self._flip("numbers_on"),
            "screenshot": self._screenshot,
            "fullscreen": self._fullscreen,
            "leave_fullscreen": self.showNormal,
            "zoom": self._zoom,
            "select": lambda: None,  # by its digit
            "keys": lambda: self._flip("keys_on"),
            "quit": self.close,
        }

    def say(self, message: str, *, stays: Literal["a moment", "until told"] = "a moment") -> None:
        """Show `message` over the picture that keys are for."""
        if self._forget.isActive():
            self._forget_message()
        scene = self._said_to = self._scene
        scene.message = message
        if stays == "a moment":
            self._forget.start()
        scene.changed.emit()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Qt's: one of the table, or nothing."""
        action = self._action_of(event) if event else None
        if event is None or action is None:
            super().keyPressEvent(event)
        elif action == "select":
            self._select(event.key() - Qt.Key.Key_1)
        elif not event.isAutoRepeat() or action in ("step", "back_5", "on_5", "back_60", "on_60"):
            self._actions[action]()

    def keyReleaseEvent(self, event: QKeyEvent | None) -> None:
        """Qt's: the blink key was let go."""
        if event and not event.isAutoRepeat() and self._action_of(event) == "blink":
            self._let_blink_go()

    def _action_of(self, event: QKeyEvent) -> Action | None:
        """What the key stands for; keypad and modifiers do not count where they mean nothing else."""
        digit = event.key() if event.modifiers() & Qt.KeyboardModifier.ControlModifier else Qt.Key.Key_unknown
        chord = QKeyCombination(Qt.KeyboardModifier.ControlModifier, Qt.Key(digit))
        return self._keys.get(chord) or self._keys.get(QKeyCombination(Qt.Key(event.key())))

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Qt's: what lies under the mouse is selected."""
        if event is not None and (number := self._number_at(event)) is not None and number != self._grid.selected:
            self._select(number)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:
        """Qt's: with the button held, the wipe line follows."""
        place = self._grid.place_of(self._scene)
        if event and place and event.buttons() & Qt.MouseButton.LeftButton and self._scene.view.layout == "wipe":
            box = self._scene.panes()[0].picture
            x = event.position().x() * self.devicePixelRatioF() - place.x
            self._scene.view = replace(self._scene.view, wipe=min(1.0, max(0.0, (x - box.x) / box.width)))
            self._scene.changed.emit()

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Qt's: of one source, full screen on or off; of several, this one alone, or all again."""
        if len(self._players) == 1:
            self._fullscreen()
        elif event is not None and self._number_at(event) is not None:
            self._zoom()

    def focusNextPrevChild(self, _next: bool) -> bool:  # noqa: FBT001 - Qt's signature
        """Qt's: Tab is a key like any other."""
        return False

    def changeEvent(self, event: QEvent | None) -> None:
        """Qt's: a key that was held when the window lost the focus is never let go here."""
        if event and event.type() == QEvent.Type.ActivationChange and self._blink_held and not self.isActiveWindow():
            self._let_blink_go()
        super().changeEvent(event)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Qt's: the loop ends; what runs is ended by who started the loop."""
        super().closeEvent(event)
        QApplication.quit()

    def _say_end(self, player: Player, scene: Scene) -> None:
        if player.error is not None:
            return  # `_tell_trouble` does
        scene.stats.refresh(older_than_s=0.0)
        lost = f"lost: {'; '.join(player.losses)} - " if player.losses else ""
        scene.message = f"{lost}end - ← plays the last 5 s, space plays again"
        scene.changed.emit()

    def _tell_trouble(self) -> None:
        for player, scene in zip(self._players, self._grid.scenes, strict=True):
            if (trouble := player.trouble) != scene.trouble:
                scene.trouble = trouble
                scene.changed.emit()

    def _forget_message(self) -> None:
        self._forget.stop()
        self._said_to.message = ""
        self._said_to.changed.emit()

    def _number_at(self, event: QMouseEvent) -> int | None:
        ratio = self.devicePixelRatioF()
        return self._grid.number_at(event.position().x() * ratio, event.position().y() * ratio)

    def _select(self, number: int) -> None:
        self._let_blink_go()
        self._grid.select(number)

    def _zoom(self) -> None:
        self._let_blink_go()
        self._grid.zoom()

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
        self._follow_layout(self._scene)
        self.say(self._scene.view.layout)

    def _hold_blink(self) -> None:
        self._blink_held = self._scene
        self._follow_layout(self._scene)

    def _let_blink_go(self) -> None:
        scene, self._blink_held = self._blink_held, None
        if scene is not None:
            self._follow_layout(scene)

    def _blinks(self, scene: Scene) -> bool:
        return scene.view.layout == "blink" and scene is not self._blink_held

    def _follow_layout(self, scene: Scene) -> None:
        if not any(map(self._blinks, self._grid.scenes)):
            self._blink.stop()
        elif not self._blink.isActive():
            self._blink.start()
        only: Side | None = "bicubic" if scene is self._blink_held else "sr" if self._blinks(scene) else None
        scene.view = replace(scene.view, only=only)
        scene.changed.emit()

    def _turn_blink(self) -> None:
        for scene in filter(self._blinks, self._grid.scenes):
            scene.view = replace(scene.view, only="bicubic" if scene.view.only == "sr" else "sr")
            scene.changed.emit()

    def _flip(self, name: Literal["numbers_on", "keys_on"]) -> None:
        setattr(self._scene, name, not getattr(self._scene, name))
        self._scene.changed.emit()

    def _turn_governor(self) -> None:
        on = self._player.turn_governor()
        self.say("no governor: begin with --governor" if on is None else f"governor {'on' if on else 'off'}")

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
