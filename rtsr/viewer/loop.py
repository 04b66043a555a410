"""Qt's event loop, so that it hears of what Python hears: signals, and errors in its own callbacks."""

import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from PyQt6.QtCore import QSocketNotifier
from PyQt6.QtWidgets import QApplication
from PyQt6.sip import voidptr


@contextmanager
def errors_end_the_loop(report: Callable[[BaseException], None]) -> Iterator[None]:
    """Qt aborts at an exception in one of its callbacks, unless there is a hook: `report` is told, the loop ends."""

    def end(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
        report(error)
        QApplication.exit()  # quit() would ask the window

    before, sys.excepthook = sys.excepthook, end
    try:
        yield
    finally:
        sys.excepthook = before


@contextmanager
def signals_wake_the_loop() -> Iterator[None]:
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
