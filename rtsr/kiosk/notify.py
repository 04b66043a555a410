"""What systemd is told: that we are ready, how it goes, and that the picture moves.

Why the watchdog is not fed by a timer: a process whose pipeline hangs has timers that still run. It is fed by what the
pipeline has done since the last look: frames that the window painted, or tries to open a source that is away.

The protocol is sd_notify(3): lines in one datagram to the socket that NOTIFY_SOCKET names.
"""

import os
import signal
import socket
from collections.abc import MutableMapping
from contextlib import suppress

from rtsr.jobs.vitals import Vitals
from rtsr.kiosk.unit import STOP_SIGNAL

_ADDRESS = "NOTIFY_SOCKET"


class Notifier:
    """Says things to systemd; says nothing where there is none.

    Args:
        environment: from which the socket's name is taken, and taken out: our own children have nothing to tell.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:  # noqa: TID251 - it is taken out
        name = environment.pop(_ADDRESS, "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) if name else None
        if self._socket is not None:
            self._socket.setblocking(False)  # noqa: FBT003 - a full socket is no reason for a picture to stand

    @property
    def stops_by(self) -> tuple[signal.Signals, ...]:
        """What it stops us by, see `rtsr.kiosk.unit`; in a terminal the same signal means another size."""
        return (STOP_SIGNAL,) if self._socket is not None else ()

    def say(self, **lines: str) -> None:
        """Send `KEY=value` lines. What cannot be sent is not: systemd will act on its silence."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.sendto("\n".join(f"{key}={text}" for key, text in lines.items()).encode(), self._address)

    def close(self) -> None:
        """Safe to call twice."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Watchdog:
    """Feeds systemd's watchdog by progress, and tells it how things stand."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._fed: tuple[tuple[int, int], ...] = ()
        """Each source's progress when the watchdog was fed."""
        self._ready, self._status = False, ""

    def look(self, vitals: Vitals) -> bool:
        """Take one look; whether every source has made progress since the watchdog was fed.

        A dark screen reads nothing and paints nothing: there the look itself, which asks the schedule, is the work.
        """
        now, fed = vitals.progress, self._fed or ((0, 0),) * len(vitals.progress)
        moved = bool(now) and all(here != before for here, before in zip(now, fed, strict=True))
        moved = moved or vitals.state == "dark"
        if moved:
            self._fed = now
        lines = {"WATCHDOG": "1"} if moved else {}
        if moved and not self._ready and vitals.state != "starting":
            self._ready, lines["READY"] = True, "1"
        status = vitals.trouble or f"{vitals.state}: {vitals.badge}".removesuffix(": ")
        if status.split(",")[0] != self._status:  # what follows is an age, which changes all the time
            self._status, lines["STATUS"] = status.split(",")[0], " ".join(status.split())
        if lines:
            self._notifier.say(**lines)
        return moved

    def stop(self) -> None:
        """We are about to end."""
        self._notifier.say(STOPPING="1")
