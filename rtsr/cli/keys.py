"""Keys while an encode runs on a terminal: space pauses and goes on, q stops cleanly."""

import select
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOOK_EVERY_S = 0.1
HINT = "space pauses, q stops: the same command then goes on"


class Keys:
    """Asked between two frames, by the thread that reads the terminal; see `keys_of_terminal`."""

    def __init__(self, pressed: Callable[[float], str], stop: Callable[[], None]) -> None:
        self._pressed, self._stop = pressed, stop
        self._stopped = False

    def stop(self) -> None:
        """Stop the job, also out of a pause; for signal handlers, too."""
        self._stopped = True
        self._stop()

    def rest(self) -> float:
        """Do what was pressed. Returns how long it paused, in seconds."""
        key = self._pressed(0)
        if key == "q":
            self.stop()
        if key != " ":
            return 0.0
        began_s = time.monotonic()
        print("\npaused: space goes on, q stops", file=sys.stderr, flush=True)
        while not self._stopped and (key := self._pressed(_LOOK_EVERY_S)) != " ":
            if key == "q":
                self.stop()
        return time.monotonic() - began_s


@contextmanager
def keys_of_terminal(stop: Callable[[], None]) -> Iterator[Keys]:
    """While inside, keys of the terminal come one by one and unseen; elsewhere there are none.

    Args:
        stop: what `q` does.
    """
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()):
        yield Keys(_none, stop)
        return
    try:
        import termios
        import tty
    except ImportError:  # Windows
        yield Keys(_windows_key, stop)
        return
    handle = sys.stdin.fileno()
    before = termios.tcgetattr(handle)
    tty.setcbreak(handle)  # Ctrl-C still interrupts
    try:
        yield Keys(lambda wait_s: _posix_key(handle, wait_s), stop)
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)


def _none(wait_s: float) -> str:
    del wait_s
    return ""


def _posix_key(handle: int, wait_s: float) -> str:
    import os

    ready, _, _ = select.select([handle], [], [], wait_s)
    return os.read(handle, 1).decode("ascii", "replace") if ready else ""


def _windows_key(wait_s: float) -> str:
    import msvcrt

    if not msvcrt.kbhit():  # type: ignore[attr-defined, unused-ignore]
        time.sleep(wait_s)  # noqa: TID251 - no handle to wait on there
        return ""
    return str(msvcrt.getwch())  # type: ignore[attr-defined, unused-ignore]
