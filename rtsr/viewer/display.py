"""Whether a window can be opened at all, found out before Qt does: Qt ends the process instead of saying so.

Qt is not imported at the top: this is also the place that says what is missing when it cannot be.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rtsr.config import View
from rtsr.errors import BackendError, UsageError

_DEBIAN = (
    "libegl1 libgl1 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 "
    "libxcb-shape0 libxcb-xkb1 libxkbcommon-x11-0 libdbus-1-3 libfontconfig1 libglib2.0-0"
)
_HEADLESS = "without a display, render off screen: --headless-frames 60 --screenshot out.png"


@contextmanager
def require_display(options: View) -> Iterator[None]:
    """Refuse what Qt would abort at; make Qt's application while inside.

    Why inside: an X server begins anew when its last client leaves, and sends away who knocks meanwhile. On a bare one
    (a kiosk's, Xvfb) the question whether it answers would itself be that last client.

    Raises:
        BackendError: a system library that Qt needs is missing.
        UsageError: there is no display, or the options do not go together.
    """
    if options.headless and (options.headless_frames is not None or options.screenshot is not None):
        raise UsageError("--headless paints no picture", mend="leave it out: --headless-frames needs no window either")
    if options.headless_frames is not None:
        if options.headless_frames < 1:
            raise UsageError(f"--headless-frames is {options.headless_frames}", mend="render 1 frame or more")
        if options.painter == "opengl":
            raise UsageError("OpenGL cannot draw off screen here", mend="leave --painter to auto or qpainter")
    if options.screenshot is not None and not Path(options.screenshot).absolute().parent.is_dir():
        raise UsageError(f"the folder of {options.screenshot} does not exist", mend="create it, or name another place")
    try:
        from PyQt6.QtCore import qEnvironmentVariable
        from PyQt6.QtOpenGLWidgets import QOpenGLWidget  # noqa: F401 - loads every library that the viewer needs
    except ImportError as error:
        raise BackendError(f"Qt cannot be loaded ({error})", mend=f"apt-get install {_DEBIAN}") from error
    asked = qEnvironmentVariable("QT_QPA_PLATFORM")
    windowless = options.headless or options.headless_frames is not None or asked not in ("", "xcb")
    if windowless or not sys.platform.startswith("linux") or (qEnvironmentVariable("WAYLAND_DISPLAY") and not asked):
        yield
        return
    display = qEnvironmentVariable("DISPLAY")
    if not display:
        raise UsageError("there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)", mend=_HEADLESS)
    with _connected(display):
        yield


@contextmanager
def _connected(display: str) -> Iterator[None]:
    from PyQt6.QtCore import QLibraryInfo

    plugin = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.PluginsPath), "platforms", "libqxcb.so")
    try:
        if plugin.exists():
            ctypes.CDLL(str(plugin))
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError as error:
        raise BackendError(
            f"Qt's window plugin cannot be loaded ({error})", mend=f"apt-get install {_DEBIAN}"
        ) from error
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connection_has_error.argtypes = xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    try:
        if xcb.xcb_connection_has_error(connection):
            raise UsageError(f"the display {display} does not answer", mend=f"check DISPLAY; {_HEADLESS}")
        yield
    finally:
        xcb.xcb_disconnect(connection)
