"""`rtsr view` once a window can be opened: one application, one window, one player."""

import logging
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType

from PyQt6.QtCore import QSocketNotifier, QTimer
from PyQt6.QtWidgets import QApplication
from PyQt6.sip import delete, isdeleted, voidptr

from rtsr.config import View
from rtsr.power import open_probe
from rtsr.viewer.canvas import choose_painter
from rtsr.viewer.headless import HeadlessViewer, qt_application, save_image, warn_without_fonts, window_wh
from rtsr.viewer.player import OpenPipeline, Player
from rtsr.viewer.scene import Scene
from rtsr.viewer.stats import Stats
from rtsr.viewer.window import Window

log = logging.getLogger(__name__)
_SHARE_OF_SCREEN = 0.9


def open_viewer(options: View, open_pipeline: OpenPipeline | None = None) -> "HeadlessViewer | WindowViewer":
    """Open application, source and model; `run` shows them. Call it inside `rtsr.viewer.display.require_display`.

    Args:
        options: what is shown, and how.
        open_pipeline: for the window, what is shown instead of the source and the model of `options`.

    Raises:
        RtsrError: the source, the model or the painter cannot be had.
    """
    return WindowViewer(options, open_pipeline) if options.headless_frames is None else HeadlessViewer(options)


class WindowViewer:
    """A window on one source."""

    def __init__(self, options: View, open_pipeline: OpenPipeline | None = None) -> None:
        self._options = options
        self.interrupted = False
        self._application = qt_application()
        warn_without_fonts()
        painter, why = choose_painter(options.painter)
        log.info("painter: %s (%s)", painter, why)
        self._probe = open_probe()
        self._scene = Scene(Stats(self._probe))
        self._scene.view = replace(self._scene.view, layout=options.layout)
        self._player = Player(options, self._scene, open_pipeline)
        self._window = Window(self._player, self._scene, painter)
        self._error: BaseException | None = None
        self._player.ended.connect(self._quit_on_error)

    def run(self) -> str:
        """Show the window until it is closed, and say what was measured.

        Raises:
            BaseException: what the source, the model or the window's own code raised.
        """
        screen = QApplication.primaryScreen()
        room = screen.availableSize() * _SHARE_OF_SCREEN if screen else None
        ratio = self._window.devicePixelRatioF()
        most_wh = (round(room.width() * ratio), round(room.height() * ratio)) if room else (1920, 1080)
        width, height = window_wh(self._scene.shape_wh, most_wh)
        self._window.resize(round(width / ratio), round(height / ratio))
        if self._options.fullscreen:
            self._window.showFullScreen()
        else:
            self._window.show()
        with self._errors_end_the_loop(), _signals_wake_the_loop():
            QTimer.singleShot(0, self._start)
            self._application.exec()
            if self._options.screenshot is not None and self._scene.canvas is not None:
                save_image(self._scene.canvas.grab_image(), self._options.screenshot)
        self._player.close()
        error = self._error or self._player.error
        if error is not None:
            raise error
        return self._scene.stats.summary()

    def stop(self) -> None:
        """From a signal handler: close the window."""
        self.interrupted = True
        QApplication.quit()

    def close(self) -> None:
        """End what runs, and let go of the window and the sensor."""
        self._player.close()
        self._scene.changed.disconnect()
        if self._scene.canvas is not None:
            self._scene.canvas.close()
            self._scene.canvas = None
        if not isdeleted(self._window):
            delete(self._window)  # now, not when Python pleases: a window must not outlive its application
        if self._probe is not None:
            self._probe.close()

    def _start(self) -> None:
        if self.interrupted:  # before the loop ran, when nobody heard it
            QApplication.quit()
        else:
            self._player.start()

    def _quit_on_error(self) -> None:
        if self._player.error is not None:
            QApplication.quit()

    @contextmanager
    def _errors_end_the_loop(self) -> Iterator[None]:
        """Qt aborts at an exception in one of its callbacks, unless there is a hook."""

        def end(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
            self._error = self._error or error
            QApplication.quit()

        before, sys.excepthook = sys.excepthook, end
        try:
            yield
        finally:
            sys.excepthook = before


@contextmanager
def _signals_wake_the_loop() -> Iterator[None]:
    """Python runs its signal handlers between its own instructions, of which a waiting Qt loop runs none."""
    reader, writer = socket.socketpair()
    for end in (reader, writer):
        end.setblocking(False)  # noqa: FBT003 - the socket module's signature
    notifier = QSocketNotifier(voidptr(reader.fileno()), QSocketNotifier.Type.Read)
    notifier.activated.connect(lambda: reader.recv(64))
    before = signal.set_wakeup_fd(writer.fileno())
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        notifier.setEnabled(False)
        notifier.deleteLater()
        reader.close()
        writer.close()
