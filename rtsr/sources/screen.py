"""`screen:`, what an X display shows, live: a capture device that every desktop has.

`screen:[DISPLAY][?size=WIDTHxHEIGHT&at=X,Y&fps=30&cursor=yes]`
"""

import os
import re
import sys
from urllib.parse import parse_qsl

from rtsr.errors import SourceError, UsageError, nearest
from rtsr.sources.camera import CameraSource, open_device

_FORM = "write screen:?size=640x360&at=0,0&fps=30&cursor=yes, every part is optional"
_KEYS = ("size", "at", "fps", "cursor")


def open_screen(uri: str) -> CameraSource:
    """Open the part of an X display that `uri` names; all of the display in `DISPLAY`, 30 times a second, if not said.

    Raises:
        UsageError: the URI makes no sense.
        SourceError: there is no such display, or none of X.
    """
    display, _, query = uri.removeprefix("screen:").partition("?")
    wishes = _parsed(uri, query)
    if sys.platform != "linux":
        raise SourceError("screens are captured on X displays only", mend="use the system's own capture, or a camera")
    display = display or os.environ.get("DISPLAY", "")  # noqa: TID251 - another display, another screen
    if not display:
        wayland = os.environ.get("WAYLAND_DISPLAY")  # noqa: TID251 - to tell why
        why = "Wayland lets no program see the screen unasked" if wayland else "there is no display"
        raise SourceError(f"screen: {why}", mend="name an X display: screen::0")
    place = f"{display}+{wishes['at']}" if "at" in wishes else display
    options = {"framerate": wishes.get("fps", "30"), "draw_mouse": "0" if wishes.get("cursor") == "no" else "1"}
    if "size" in wishes:
        options["video_size"] = wishes["size"]
    try:
        return open_device(place, "x11grab", options)
    except SourceError as error:
        raise SourceError(
            f"{uri}: the display {display} cannot be captured",
            mend="name one that is there and yours, and a part that lies on it: screen::0?size=640x360&at=0,0",
        ) from error


def _parsed(uri: str, query: str) -> dict[str, str]:
    wishes = dict(parse_qsl(query, keep_blank_values=True))
    for key in wishes:
        if key not in _KEYS:
            raise UsageError(f"{uri}: there is no {key}", mend=nearest(key, _KEYS))
    forms = {"size": r"[1-9]\d{0,4}x[1-9]\d{0,4}", "at": r"\d{1,5},\d{1,5}", "cursor": "yes|no",
             "fps": r"[1-9]\d{0,2}(\.\d{1,3}|/[1-9]\d{0,3})?"}  # fmt: skip
    for key, value in wishes.items():
        if not re.fullmatch(forms[key], value):
            raise UsageError(f"{uri}: {key}={value} makes no sense", mend=_FORM)
    return wishes
