"""From a command's options to what is wanted of its live source."""

import re
from fractions import Fraction

from rtsr.config import View
from rtsr.errors import UsageError
from rtsr.sources.live import Live

_MOST_PX, _MOST_FPS = 16384, 1000


def live_of(options: View) -> Live:
    """What `options` want.

    Raises:
        UsageError: a size, a rate or a control that makes no sense.
    """
    return Live(
        size_wh=None if options.input_size is None else _size(options.input_size),
        rate_fps=None if options.input_fps is None else _rate(options.input_fps),
        format=options.input_format,
        controls=tuple(_control(words) for words in options.controls),
        returns="yes" if options.reconnect else "no",
    )


def _size(words: str) -> tuple[int, int]:
    told = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", words)
    if told is None or max(int(told[1]), int(told[2])) > _MOST_PX:
        raise UsageError(f"--input-size {words} is no size", mend="write --input-size 1280x720")
    return int(told[1]), int(told[2])


def _rate(words: str) -> Fraction:
    try:
        rate = Fraction(words) if len(words) <= 16 else Fraction(0)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= _MOST_FPS:
        raise UsageError(f"--input-fps {words} is no rate up to {_MOST_FPS}", mend="write --input-fps 30 or 30000/1001")
    return rate


def _control(words: str) -> tuple[str, str]:
    name, equals, value = words.partition("=")
    if not (name and equals and value):
        raise UsageError(f"--control {words} has no value", mend="write --control NAME=VALUE, as focus_absolute=30")
    return name.strip().lower().replace("-", "_"), value.strip()
