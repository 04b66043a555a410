"""`rtsr view` once a window can be opened: one application, one window, a player for each source."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from PyQt6.QtCore import QSize, QTimer
from PyQt6.QtWidgets import QApplication
from PyQt6.sip import delete, isdeleted

from rtsr.config import View
from rtsr.jobs.energy import open_sensors
from rtsr.power.panel import Panel
from rtsr.viewer.canvas import choose_painter
from rtsr.viewer.grid import Grid
from rtsr.viewer.headless import HeadlessViewer, qt_application, save_image, warn_without_fonts, window_wh
from rtsr.viewer.loop import errors_end_the_loop, signals_wake_the_loop
from rtsr.viewer.player import Player, open_player
from rtsr.viewer.run import OpenPipeline
from rtsr.viewer.scene import Scene
from rtsr.viewer.several import all_failed, players_of
from rtsr.viewer.stats import Stats
from rtsr.viewer.window import Window
from rtsr.viewer.windowless import WindowlessViewer

log = logging.getLogger(__name__)
_SHARE_OF_SCREEN = 0.9


def open_viewer(
    options: View, open_pipeline: OpenPipeline | None = None
) -> "HeadlessViewer | WindowlessViewer | WindowViewer":
    """Open application, source and model; `run` shows them. Call it inside `rtsr.viewer.display.require_display`.

    Args:
        options: what is shown, and how.
        open_pipeline: for the window, what is shown instead of the source and the model of `options`.

    Raises:
        RtsrError: the source, the model or the painter cannot be had.
    """
    if options.headless:
        return WindowlessViewer(options)
    if options.headless_frames is not None:
        return HeadlessViewer(options)
    stage = _Stage(options)
    scene = Scene(Stats(stage.panel))
    scene.view = replace(scene.view, layout=options.layout)
    player = open_player(options, scene, open_pipeline)
    return WindowViewer(stage, [player], [scene], player.info.label if player.info else "")


def open_grid(views: Sequence[View]) -> "WindowViewer":
    """Open a window for several sources, which are opened when it is shown.

    Args:
        views: of each source; alike in all but the source.

    Raises:
        RtsrError: the options make no sense, or the painter cannot be had.
    """
    stage = _Stage(views[0])
    players, scenes = players_of(views, stage.panel)
    return WindowViewer(stage, players, scenes, f"{len(views)} sources")


class _Stage:
    """What is there before anything is shown: Qt's application, the painter and the sensors."""

    def __init__(self, options: View) -> None:
        self.options = options
        self.application = qt_application()
        warn_without_fonts()
        self.painter, why = choose_painter(options.painter)
        log.info("painter: %s (%s)", self.painter, why)
        self.panel = Panel(open_sensors(options.device))


class WindowViewer:
    """A window on one source, or on several.

    Args:
        stage: what is there already; the sensors are closed with the window.
        players: of the sources.
        scenes: of each.
        title: of the window.
    """

    def __init__(self, stage: _Stage, players: Sequence[Player], scenes: Sequence[Scene], title: str) -> None:
        self._stage, self._players, self._scenes = stage, tuple(players), tuple(scenes)
        self.interrupted = False
        self._grid = Grid(self._scenes)
        self._window = Window(self._players, self._grid, stage.painter, title)
        self._error: BaseException | None = None
        for player in self._players:
            player.ended.connect(partial(self._on_end, player))

    def run(self) -> str:
        """Show the window until it is closed, and say what was measured.

        Raises:
            BaseException: what the one source, all of several, the model or the window's own code raised.
        """
        options = self._stage.options
        self._window.resize(self._size())
        if options.fullscreen:
            self._window.showFullScreen()
        else:
            self._window.show()
        with errors_end_the_loop(self._fail), signals_wake_the_loop():
            QTimer.singleShot(0, self._start)
            self._stage.application.exec()
            canvas = self._scenes[0].canvas
            if options.screenshot is not None and canvas is not None:
                save_image(canvas.grab_image(), options.screenshot)
        failed = all_failed(self._players) if len(self._players) > 1 else None
        self._end()
        error = self._error or failed or (self._players[0].error if len(self._players) == 1 else None)
        if error is not None:
            raise error
        return "\n".join(map(self._told, self._players, self._scenes))

    def stop(self) -> None:
        """From a signal handler: close the window."""
        self.interrupted = True
        QApplication.quit()

    def close(self) -> None:
        """End what runs, and let go of the window and the sensors."""
        self._end()
        self._grid.close()
        canvas = self._scenes[0].canvas
        for scene in self._scenes:
            scene.changed.disconnect()
            scene.canvas = None
        if canvas is not None:
            canvas.close()
        if not isdeleted(self._window):
            delete(self._window)  # now, not when Python pleases: a window must not outlive its application
        self._stage.panel.close()

    def _size(self) -> QSize:
        """Of the window, in Qt's units: each picture as large as it is, where that fits."""
        screen = QApplication.primaryScreen()
        room = screen.availableSize() * _SHARE_OF_SCREEN if screen else None
        ratio = self._window.devicePixelRatioF()
        most_wh = (round(room.width() * ratio), round(room.height() * ratio)) if room else (1920, 1080)
        alone = len(self._scenes) == 1
        width, height = window_wh(self._scenes[0].shape_wh, most_wh) if alone else most_wh
        return QSize(round(width / ratio), round(height / ratio))

    def _start(self) -> None:
        if self.interrupted:  # before the loop ran, when nobody heard it
            QApplication.quit()
            return
        for player in self._players:
            player.start()

    def _end(self) -> None:
        for player in self._players:
            player.halt()
        for player in self._players:
            player.close()

    def _told(self, player: Player, scene: Scene) -> str:
        if not scene.number:
            return scene.stats.summary()
        return f"{scene.number}: {player.trouble}" if player.failed else f"{scene.number}: {scene.stats.summary()}"

    def _on_end(self, player: Player) -> None:
        if player.error is not None and len(self._players) > 1:
            log.warning("%s", player.trouble)
        if all(player.error is not None for player in self._players):
            QApplication.quit()

    def _fail(self, error: BaseException) -> None:
        self._error = self._error or error
