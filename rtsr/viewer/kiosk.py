"""The window without a hand: the whole screen, no cursor, no key but one chord, and a picture that always comes back.

It knows nothing of settings, systemd or schedules: a `Keeper` is asked, and told.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtGui import QCloseEvent, QColor, QKeyEvent, QKeySequence, QPalette
from PyQt6.QtWidgets import QApplication, QVBoxLayout, QWidget
from PyQt6.sip import delete, isdeleted

from rtsr.config import View
from rtsr.jobs.energy import open_sensors
from rtsr.jobs.vitals import Keeper, State, Vitals
from rtsr.power.panel import Panel
from rtsr.viewer.canvas import PainterName, choose_painter, open_canvas
from rtsr.viewer.endless import Endless
from rtsr.viewer.geometry import Side
from rtsr.viewer.grid import Grid
from rtsr.viewer.headless import qt_application, warn_without_fonts
from rtsr.viewer.loop import errors_end_the_loop, signals_wake_the_loop
from rtsr.viewer.run import Run, open_run, pipeline_of
from rtsr.viewer.scene import Scene
from rtsr.viewer.several import openings_of
from rtsr.viewer.stats import Stats

log = logging.getLogger(__name__)
_LOOK_MS = 1000
_BLINK_MS = 700
_WORST_FIRST: tuple[State, ...] = ("starting", "waiting", "playing")
"""How several sources are told as one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Face:
    """How the screen looks, and how it is left."""

    only: Side | None = None
    """One side alone, the whole picture."""
    labels: bool = False
    numbers: bool = False
    chord: str = ""
    """In Qt's words, as Ctrl+Alt+Shift+Q; empty: no key leaves."""


class KioskWindow(QWidget):
    """Fills the screen, and does nothing but show."""

    def __init__(self, grid: Grid, painter: PainterName, chord: str, leave: Callable[[], None]) -> None:
        super().__init__()
        self._chord = QKeySequence(chord)[0] if chord else None
        self._leave = leave
        self.may_close = False
        self.setWindowTitle("rtsr kiosk")
        self.setWindowFlags(Qt.WindowType.Window | Qt.WindowType.FramelessWindowHint)
        self.setCursor(Qt.CursorShape.BlankCursor)
        self.setPalette(QPalette(QColor(0, 0, 0)))
        room = QVBoxLayout(self)
        room.setContentsMargins(0, 0, 0, 0)
        room.addWidget(open_canvas(grid, painter))

    def fill(self) -> None:
        """Take the whole screen, and keep it when it changes; a bare X server has nobody who would see to that."""
        screen = QApplication.primaryScreen()
        if screen is not None:
            self.setGeometry(screen.geometry())
            screen.geometryChanged.connect(self.setGeometry)
        self.showFullScreen()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Qt's: the chord, or nothing at all."""
        if event is not None and event.keyCombination() == self._chord:
            self._leave()

    def focusNextPrevChild(self, _next: bool) -> bool:  # noqa: FBT001 - Qt's signature
        """Qt's: Tab is a key like any other."""
        return False

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Qt's: somebody wants it closed, by Alt+F4 or whatever else; it stays."""
        if event is not None and not self.may_close:
            event.ignore()


class KioskViewer:
    """One window that plays for ever.

    Args:
        views: what is shown: the options of each source, alike in all but the source.
        face: how.
        keeper: watches over it.

    Raises:
        RtsrError: the options make no sense, or the painter cannot be had.
    """

    def __init__(self, views: Sequence[View], face: Face, keeper: Keeper) -> None:
        self._face, self._keeper, self._options = face, keeper, views[0]
        self._application = qt_application()
        warn_without_fonts()
        painter, why = choose_painter(self._options.painter)
        log.info("painter: %s (%s)", painter, why)
        self._panel = Panel(open_sensors(self._options.device))
        self._opened = _openings(views, self._panel)
        for _, scene in self._opened:
            scene.view = replace(scene.view, layout=self._options.layout, only=face.only)
        self._grid = Grid([scene for _, scene in self._opened])
        self._window = KioskWindow(self._grid, painter, face.chord, self._on_chord)
        self._playing: tuple[Endless, ...] = ()
        self._tries, self._outages = [0] * len(views), 0
        """Of what was played before the screen went dark."""
        self._error: BaseException | None = None
        self.interrupted = False
        """Whether a signal, or the chord, ended it."""
        self._timers = [self._timer(_LOOK_MS, self._look)]
        if self._options.layout == "blink" and face.only is None:
            self._timers.append(self._timer(_BLINK_MS, self._blink))

    @property
    def presented(self) -> int:
        """Frames painted so far."""
        return sum(scene.stats.display.count for scene in self._grid.scenes)

    def run(self) -> str:
        """Show it until it is ended, and say what was measured.

        Raises:
            BaseException: what the model, an output or the window's own code raised.
        """
        self._window.fill()
        with errors_end_the_loop(self._fail), signals_wake_the_loop():
            QTimer.singleShot(0, self._begin)
            self._application.exec()
        self._darken()
        if self._error is not None:
            raise self._error
        return "\n".join(scene.stats.summary() for scene in self._grid.scenes)

    def stop(self) -> None:
        """From a signal handler: end."""
        self.interrupted = True
        QApplication.exit()  # quit() asks the window, which stays

    def close(self) -> None:
        """End what runs, and let go of the window and the sensors. Safe to call twice."""
        self._darken()
        for timer in self._timers:
            timer.stop()
        if isdeleted(self._window):
            return
        for scene in self._grid.scenes:
            scene.changed.disconnect()
        canvas = self._grid.scenes[0].canvas
        if canvas is not None:
            canvas.close()
        for scene in self._grid.scenes:
            scene.canvas = None
        self._grid.close()
        self._window.may_close = True
        delete(self._window)  # now, not when Python pleases: a window must not outlive its application
        self._panel.close()

    def _timer(self, every_ms: int, call: Callable[[], None]) -> QTimer:
        timer = QTimer()
        timer.setInterval(every_ms)
        timer.timeout.connect(call)
        return timer

    def _begin(self) -> None:
        if self.interrupted:  # before the loop ran, when nobody heard it
            QApplication.exit()  # quit() asks the window, which stays
            return
        for timer in self._timers:
            timer.start()
        self._look()

    def _look(self) -> None:
        """About once a second: follow the schedule, and say how things stand."""
        lit = self._keeper.lit()
        if lit and not self._playing:
            returns: Literal["yes", "no"] = "yes" if self._options.reconnect else "no"
            self._playing = tuple(Endless(opening, scene, returns) for opening, scene in self._opened)
            for playing in self._playing:
                playing.finished.connect(self._on_finished)
                playing.start()
        elif not lit:
            self._darken()
        self._write_words()
        if not self._keeper.look(self._vitals()):
            QApplication.exit()  # quit() asks the window, which stays

    def _write_words(self) -> None:
        """Troubles at each source; the clock in the window's upper right corner, the banner at its lower end."""
        scenes, (width, height) = self._grid.scenes, self._grid.window_wh
        corner, foot = self._grid.number_at(width - 1, 0) or 0, self._grid.number_at(0, height - 1)
        clock, banner = self._keeper.words()
        for number, scene in enumerate(scenes):
            scene.marked = False  # there are no keys
            scene.trouble = self._playing[number].trouble if self._playing else ""
            scene.numbers_on = self._face.numbers and bool(self._playing)
            scene.labels_on = self._face.labels and bool(self._playing)
            scene.clock = clock if number == corner else ""
            scene.banner = banner if number == (len(scenes) - 1 if foot is None else foot) else ()
            scene.changed.emit()

    def _vitals(self) -> Vitals:
        states = {
            self._state_of(playing, scene) for playing, scene in zip(self._playing, self._grid.scenes, strict=False)
        }
        state: State = next((one for one in _WORST_FIRST if one in states), "dark")
        stats = [scene.stats for scene in self._grid.scenes]
        moving = [one.numbers for one in stats] if state == "playing" else []
        tries = [before + playing.tries for before, playing in zip(self._tries, self._playing, strict=False)]
        return Vitals(
            state=state,
            trouble="; ".join(dict.fromkeys(playing.trouble for playing in self._playing if playing.trouble)),
            progress=tuple(zip((one.display.count for one in stats), tries or self._tries, strict=True)),
            dropped=sum(one.dropped for one in stats),
            outages=self._outages + sum(playing.outages for playing in self._playing),
            age_s=max(one.unseen_s() for one in stats) if self._playing else 0.0,
            source_fps=_least(numbers.source_fps for numbers in moving),
            model_fps=_least(numbers.model_fps for numbers in moving),
            display_fps=_least(one.display.per_second() for one in stats if self._playing),
            latency_ms=max((numbers.latency_ms for numbers in moving if numbers.latency_ms is not None), default=None),
            badge=stats[0].numbers.badge,
        )

    def _state_of(self, playing: Endless, scene: Scene) -> State:
        if playing.waiting:
            return "waiting"
        return "starting" if scene.picture is None else "playing"

    def _darken(self) -> None:
        """End what is played; the screen is black."""
        ended, self._playing = self._playing, ()
        for playing in ended:
            playing.halt()
        for number, (playing, scene) in enumerate(zip(ended, self._grid.scenes, strict=False)):
            playing.close()
            self._error = self._error or playing.error
            self._tries[number] += playing.tries
            self._outages += playing.outages
            scene.picture = None
            scene.stats.interrupted()

    def _on_finished(self) -> None:
        error = next((playing.error for playing in self._playing if playing.error is not None), None)
        if error is not None:
            self._fail(error)
            QApplication.exit()  # quit() asks the window, which stays

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or error

    def _on_chord(self) -> None:
        self._keeper.left()
        self.stop()

    def _blink(self) -> None:
        for scene in self._grid.scenes:
            only: Side = "bicubic" if scene.view.only == "sr" else "sr"
            scene.view = replace(scene.view, only=only)
            scene.changed.emit()


def _openings(views: Sequence[View], panel: Panel) -> list[tuple[Callable[[], Run], Scene]]:
    if len(views) > 1:
        return openings_of(views, panel)
    scene = Scene(Stats(panel))
    return [(partial(open_run, pipeline_of(views[0], scene.stats), scene), scene)]


def _least(rates: Iterable[float | None]) -> float | None:
    return min((rate for rate in rates if rate is not None), default=None)
