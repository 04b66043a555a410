"""Whether a window can be opened at all, found out before Qt does: Qt ends the process instead of saying so.

Qt is not imported at the top: this is also the place that says what is missing when it cannot be.
"""

import ctypes
import sys
from pathlib import Path

from rtsr.config import View
from rtsr.errors import BackendError, UsageError

_DEBIAN = (
    "libegl1 libgl1 libxcb-cursor0 libxcb-icccm4 libxcb-image0 libxcb-keysyms1 libxcb-randr0 libxcb-render-util0 "
    "libxcb-shape0 libxcb-xkb1 libxkbcommon-x11-0 libdbus-1-3 libfontconfig1 libglib2.0-0"
)
_HEADLESS = "without a display, render off screen: --headless-frames 60 --screenshot out.png"


def require_display(options: View) -> None:
    """Refuse what Qt would abort at.

    Raises:
        BackendError: a system library that Qt needs is missing.
        UsageError: there is no display, or the options do not go together.
    """
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
    if options.headless_frames is not None or not sys.platform.startswith("linux") or asked not in ("", "xcb"):
        return
    if qEnvironmentVariable("WAYLAND_DISPLAY") and not asked:
        return
    display = qEnvironmentVariable("DISPLAY")
    if not display:
        raise UsageError("there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)", mend=_HEADLESS)
    _require_xcb(display)


def _require_xcb(display: str) -> None:
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
    failed = xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    if failed:
        raise UsageError(f"the display {display} does not answer", mend=f"check DISPLAY; {_HEADLESS}")
