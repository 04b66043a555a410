"""`pattern:`, a clip that needs no file: the same picture on every machine, at any size and rate, finished or live.

`pattern:[WIDTHxHEIGHT][?fps=30&seconds=6&live=no]`
"""

import math
import re
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from urllib.parse import parse_qsl

from rtsr.color import BT709, Color, Range, Siting
from rtsr.errors import UsageError, nearest
from rtsr.frame import Frame, StreamInfo
from rtsr.mailbox import Mailbox
from rtsr.sources.part import ALL, Part
from rtsr.sources.scene import scene

_COLOR = Color(matrix=BT709, transfer=BT709, primaries=BT709, range=Range.LIMITED, siting=Siting.LEFT)
_SIDE_MAX = 8192
_FPS_MAX = 1000
_FORM = "write pattern:640x360?fps=30&seconds=6&live=no, every part is optional"
_SWITCH = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """What a `pattern:` URI asks for."""

    width: int = 640
    height: int = 360
    rate_fps: Fraction = Fraction(30)
    seconds: Fraction | None = None
    live: bool = False


def open_pattern(uri: str, part: Part = ALL) -> "PatternSource":
    """Open the pattern that `uri` describes: 640x360, 30 frames per second and 6 s (without end when live) if not said.

    Args:
        uri: `pattern:[WxH][?fps=30&seconds=6&live=no]`; fps and seconds may be fractions (`30000/1001`).
        part: the frames that will come; `info` knows of its `start_s` and `length_s` only.

    Raises:
        UsageError: the URI makes no sense, or no frame is left.
    """
    wish, start_s, length_s = _parsed(uri), part.start_s, part.length_s
    first = math.ceil((start_s or 0) * wish.rate_fps)
    seconds = wish.seconds if wish.seconds is not None or wish.live else Fraction(6)
    end = None if seconds is None else math.ceil(seconds * wish.rate_fps)
    if length_s is not None:
        cut = math.ceil(((start_s or 0) + length_s) * wish.rate_fps)
        end = cut if end is None else min(end, cut)
    if end is not None and first >= end:
        raise UsageError(f"nothing is left of {uri} in the time that was asked for", mend="begin earlier or take more")
    period = 1 / wish.rate_fps
    info = StreamInfo(
        label=uri,
        width=wish.width,
        height=wish.height,
        time_base=period,
        rate_fps=wish.rate_fps,
        frame_count=None if end is None else end - first,
        duration_s=None if end is None else (end - first) * period,
        start_s=first * period,
        color=_COLOR,
        sar=Fraction(1),
        live=wish.live,
    )
    return PatternSource(info, part)


def _parsed(uri: str) -> _Wish:
    size, _, query = uri.removeprefix("pattern:").partition("?")
    width, height = _size(uri, size) if size else (_Wish().width, _Wish().height)
    given = dict(parse_qsl(query, keep_blank_values=True))
    for key in given:
        if key not in ("fps", "seconds", "live"):
            raise UsageError(f"{uri} has an unknown part, {key}", mend=nearest(key, ("fps", "seconds", "live")))
    live = given.get("live", "no")
    if live not in _SWITCH:
        raise UsageError(f"live={live} in {uri} is neither yes nor no", mend=_FORM)
    rate_fps = _positive(uri, "fps", given.get("fps", "30"))
    if rate_fps > _FPS_MAX:
        raise UsageError(f"fps={given['fps']} in {uri} is more than {_FPS_MAX}", mend=_FORM)
    seconds = _positive(uri, "seconds", given["seconds"]) if "seconds" in given else None
    return _Wish(width=width, height=height, rate_fps=rate_fps, seconds=seconds, live=_SWITCH[live])


def _size(uri: str, words: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,9})x(\d{1,9})", words, re.ASCII)
    if match is None:
        raise UsageError(f"{words} in {uri} is not a size", mend=_FORM)
    width, height = int(match[1]), int(match[2])
    if not (1 <= width <= _SIDE_MAX and 1 <= height <= _SIDE_MAX):
        raise UsageError(f"{words} in {uri} is not between 1x1 and {_SIDE_MAX}x{_SIDE_MAX}", mend=_FORM)
    return width, height


def _positive(uri: str, key: str, words: str) -> Fraction:
    try:
        value = Fraction(words) if len(words) <= 12 and "e" not in words.lower() else Fraction(0)
    except (ValueError, ZeroDivisionError):
        value = Fraction(0)
    if value <= 0:
        raise UsageError(f"{key}={words} in {uri} is not a number above 0", mend=_FORM)
    return value


class PatternSource:
    """The frames of one pattern; see `open_pattern`."""

    def __init__(self, info: StreamInfo, part: Part) -> None:
        self._info = info
        first = int(info.start_s * (info.rate_fps or 1))
        ends = (None if info.frame_count is None else first + info.frame_count, part.end_pts)
        self._first = first if part.begin_pts is None else max(first, part.begin_pts)
        self._end = min((end for end in ends if end is not None), default=None)
        self._seeks: deque[Fraction] = deque()  # its append and popleft are safe between threads
        self._closed: Mailbox[None] = Mailbox(1)

    @property
    def info(self) -> StreamInfo:
        """See `Source`."""
        return self._info

    @property
    def losses(self) -> tuple[str, ...]:
        """See `Source`: a pattern loses nothing."""
        return ()

    def seek(self, time_s: Fraction) -> None:
        """See `Source`."""
        if not self._info.live:
            self._seeks.append(time_s)

    def close(self) -> None:
        """See `Source`: ends `frames`, also while it waits for the next moment."""
        self._closed.close()

    def frames(self) -> Iterator[Frame]:
        """See `Source`. A live pattern gives each frame at its moment, and leaves out what nobody took in time."""
        info = self._info
        picture = scene(info.width, info.height, info.rate_fps or Fraction(1))
        began_s = time.monotonic()
        number, epoch = self._first, 0
        while not self._closed.wait_closed(self._due_in_s(number, began_s)):
            while self._seeks:
                number, epoch = self._shown_at(self._seeks.popleft()), epoch + 1
            if self._end is not None and number >= self._end:
                return
            y, u, v = picture.planes(number)
            yield Frame(y, u, v, number, info.time_base, info.color, 1, time.monotonic(), epoch)
            number = max(number + 1, self._current(began_s)) if info.live else number + 1

    def _due_in_s(self, number: int, began_s: float) -> float:
        """Seconds until frame `number` is due; 0 where frames come as fast as they are taken."""
        if not self._info.live:
            return 0.0
        return max(0.0, began_s + float((number - self._first) * self._info.time_base) - time.monotonic())

    def _current(self, began_s: float) -> int:
        """Number of the frame whose moment it is."""
        return self._first + int((time.monotonic() - began_s) / float(self._info.time_base))

    def _shown_at(self, time_s: Fraction) -> int:
        last = None if self._end is None else self._end - 1
        number = max(self._first, math.floor(time_s / self._info.time_base))
        return number if last is None else min(number, last)
