"""How far a run is: a bar on a terminal, plain lines elsewhere, JSON lines for machines."""

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from fractions import Fraction
from typing import Any, Protocol

from tqdm import tqdm

from rtsr.config import Progress as Kind
from rtsr.frame import StreamInfo, Timed

_LINE_EVERY_S = 2.0
_JSON_EVERY_S = 0.5


class Progress(Protocol):
    """Shown while frames are written."""

    def update(self, frame: Timed) -> None:
        """One more frame was written."""

    def rested(self, seconds: float) -> None:
        """Nothing was done for so long, because the user paused: it counts for no rate."""

    def close(self) -> None:
        """No more will come."""


def open_progress(kind: Kind, info: StreamInfo, done: int = 0, file: str | None = None) -> Progress:
    """What `kind` asks for; "auto" is a bar on a terminal and plain lines elsewhere, both on stderr.

    Args:
        kind: how.
        info: of what is worked on.
        done: frames that an earlier run has finished.
        file: what JSON calls it, where it is one of several.
    """
    by_kind: dict[Kind, Callable[[_State], Progress]] = {
        "auto": _Bar if sys.stderr.isatty() else _Lines,
        "bar": _Bar,
        "json": _Json,
        "none": _Silence,
    }
    return by_kind[kind](_State(info, done, file))


class _State:
    """Counts frames and knows rates."""

    def __init__(self, info: StreamInfo, done: int, file: str | None) -> None:
        self.total, self.file = info.frame_count, file
        self.done = self._before = done
        self.began_s = time.monotonic()
        self._media_s = Fraction(0)

    def take(self, frame: Timed) -> None:
        self.done += 1
        self._media_s += frame.duration * frame.time_base  # of segments made side by side, none is the first
        if self.total is not None:
            self.total = max(self.total, self.done)  # it may be an estimate

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.began_s

    @property
    def fps(self) -> float:
        return (self.done - self._before) / max(self.elapsed_s, 1e-6)

    @property
    def speed(self) -> float:
        """Times real time."""
        return float(self._media_s) / max(self.elapsed_s, 1e-6)

    @property
    def remaining_s(self) -> float | None:
        if self.total is None or self.done == self._before:
            return None
        return (self.total - self.done) / self.fps


class _Bar:
    def __init__(self, state: _State) -> None:
        self._state = state
        form = (
            "{l_bar}{bar}| {n_fmt}/{total_fmt} frames, {rate_fmt}, {elapsed} elapsed, {remaining} left{postfix}"
            if state.total
            else "{n_fmt} frames, {rate_fmt}, {elapsed} elapsed{postfix}"
        )
        sized = os.get_terminal_size(sys.stderr.fileno()).columns > 0 if sys.stderr.isatty() else False
        width: dict[str, Any] = (
            {"dynamic_ncols": True} if sized else {"ncols": 80, "nrows": 24}
        )  # not every terminal knows
        total, before = state.total, state.done
        self._bar = tqdm(total=total, initial=before, unit=" frames", bar_format=form, file=sys.stderr, **width)

    def update(self, frame: Timed) -> None:
        self._state.take(frame)
        self._bar.total = self._state.total
        self._bar.set_postfix_str(f"{self._state.speed:.2f}x", refresh=False)
        self._bar.update()

    def rested(self, seconds: float) -> None:
        self._state.began_s += seconds
        self._bar.start_t += seconds

    def close(self) -> None:
        self._bar.close()


class _Lines:
    every_s = _LINE_EVERY_S

    def __init__(self, state: _State) -> None:
        self._state = state
        self._due_s = state.began_s + self.every_s

    def update(self, frame: Timed) -> None:
        self._state.take(frame)
        if time.monotonic() >= self._due_s:
            self._due_s += self.every_s
            self._say()

    def rested(self, seconds: float) -> None:
        self._state.began_s += seconds
        self._due_s += seconds

    def close(self) -> None:
        if self._state.done:
            self._say()

    def _say(self) -> None:
        print(line(self._state), file=sys.stderr, flush=True)


class _Json(_Lines):
    every_s = _JSON_EVERY_S

    def _say(self) -> None:
        state = self._state
        row: dict[str, object] = {} if state.file is None else {"file": state.file, "event": "progress"}
        row |= {
            "frame": state.done,
            "total": state.total,
            "percent": None if state.total is None else round(100 * state.done / state.total, 1),
            "fps": round(state.fps, 2),
            "speed": round(state.speed, 3),
            "elapsed_s": round(state.elapsed_s, 2),
            "remaining_s": None if state.remaining_s is None else round(state.remaining_s, 2),
        }
        print(json.dumps(row), flush=True)


class _Silence:
    def __init__(self, state: _State) -> None:
        del state

    def update(self, frame: Timed) -> None:
        del frame

    def rested(self, seconds: float) -> None:
        del seconds

    def close(self) -> None:
        pass


def line(state: _State) -> str:
    """`frame 48/100, 48%, 31.2 fps, 2.50x, 0:00:01 elapsed, 0:00:02 left`."""
    words = [f"frame {state.done}"]
    if state.total is not None:
        words = [f"frame {state.done}/{state.total}", f"{100 * state.done / state.total:.0f}%"]
    words += [f"{state.fps:.1f} fps", f"{state.speed:.2f}x", f"{_clock(state.elapsed_s)} elapsed"]
    if state.remaining_s is not None:
        words.append(f"{_clock(state.remaining_s)} left")
    return ", ".join(words)


def _clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
