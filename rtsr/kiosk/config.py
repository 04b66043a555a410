"""kiosk.toml: what is shown, when, and how the machine tells of it. Every key has a default but the sources.

sources = ["/dev/video0"]
layout = "sr"

[view]                      # the options of `rtsr view`, `--input-size` as input_size
model = "auto"
input_size = "1280x720"

[schedule]
on = ["mon-fri 07:30-19:00"]
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from rtsr.config import View, Views
from rtsr.errors import UsageError
from rtsr.kiosk.schedule import Span, parse_span
from rtsr.kiosk.strict import read_table, typed
from rtsr.sources.wishes import live_of

Layout = Literal["sr", "bicubic", "wipe", "side-by-side", "blink"]
_OWN = frozenset({"source", "sources", "layout", "fullscreen", "headless", "headless_frames", "screenshot"})
"""Of `View`: what the kiosk decides itself, or says elsewhere."""
_CHORD = re.compile(r"(?:(?:Ctrl|Alt|Shift|Meta)\+){2,4}[A-Z]")
_SHORTEST_TOKEN = 16
_LEAST_WATCHDOG_S = 45
"""A source that is away is tried every 18 s at the longest, and a try may take 15 s."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """`[overlay]`: what stands over the picture."""

    numbers: bool = False
    """Rates, times and watts, as `i` shows them in the viewer."""
    labels: bool = False
    """Which side is what."""
    clock: str = ""
    """As strftime writes it: "%H:%M"."""
    message: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """`[schedule]`: when the screen is on; always where nothing is said."""

    on: tuple[str, ...] = ()
    """Spans of the week: "mon-fri 07:30-19:00"."""
    on_command: tuple[str, ...] = ()
    """A program and its arguments that wakes the panel, as the dedicated user; no shell."""
    off_command: tuple[str, ...] = ()
    """The same that puts it to sleep."""

    @property
    def spans(self) -> tuple[Span, ...]:
        """What `on` says. Raises UsageError."""
        return tuple(parse_span(words) for words in self.on)


@dataclass(frozen=True, kw_only=True, slots=True)
class Metrics:
    """`[metrics]`: /health and /metrics over HTTP."""

    listen: str = ""
    """ADDRESS:PORT; off where empty."""
    token: str = ""
    """What a client must say: `Authorization: Bearer TOKEN`."""

    @property
    def address(self) -> tuple[str, int] | None:
        """Where to listen, or None. Raises UsageError."""
        if not self.listen:
            return None
        host, colon, port = self.listen.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        try:
            place = ipaddress.ip_address(host)
        except ValueError:
            place = None
        if not colon or place is None or not port.isdecimal() or not 0 < int(port) < 65536:
            raise UsageError(f"listen = {self.listen!r} is no address", mend='write "127.0.0.1:9188"')
        if not place.is_loopback and not self.token:
            raise UsageError(
                f"{self.listen} can be reached from elsewhere", mend='add a token, or listen at "127.0.0.1:9188"'
            )
        return host, int(port)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reports:
    """`[report]`: a JSON file a day."""

    days: int = 60
    """That are kept; 0: none is written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """`[service]`: how systemd runs it."""

    compositor: Literal["cage", "x11"] = "cage"
    """What the picture is shown by: a Wayland compositor for one program, or an X server without a desktop."""
    tty: int = 1
    """The virtual terminal that it takes."""
    user: str = "rtsr-kiosk"
    watchdog_s: int = 60
    """Without progress for so long it is killed and started anew."""
    start_s: int = 300
    """What opening the source and the network may take until the first picture."""
    gives_up: Literal["never", "stops", "reboots"] = "reboots"
    """What becomes of it after 20 starts within ten minutes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kiosk:
    """One kiosk.toml."""

    sources: tuple[str, ...]
    """What `rtsr view` takes; several are shown in a grid."""
    layout: Layout = "sr"
    """The whole picture by the network or by bicubic, or both compared."""
    exit_chord: str = "Ctrl+Alt+Shift+Q"
    """The one key that leaves; empty: none does."""
    view: Mapping[str, Any] = field(default_factory=dict)
    """Options of `rtsr view` by the names of its fields."""
    overlay: Words = Words()
    schedule: Schedule = Schedule()
    metrics: Metrics = Metrics()
    report: Reports = Reports()
    service: Service = Service()

    def views(self) -> tuple[View, ...]:
        """What the window shows: the options of each source. Raises UsageError."""
        views = Views(sources=self.sources, fullscreen=True, **self.view)
        if self.layout == "sr" or self.layout == "bicubic":
            return views.each()
        return replace(views, layout=self.layout).each()


VIEW_KEYS = tuple(one.name for one in fields(View) if one.metadata and one.name not in _OWN)
"""What `[view]` may hold."""


def read_kiosk(path: Path) -> Kiosk:
    """What is in the file at `path`.

    Raises:
        UsageError: it cannot be read, or anything in it is unknown, missing, impossible or of another type.
    """
    table = read_table(path)
    view = table.pop("view", {})
    if not isinstance(view, dict):
        raise UsageError(f"{path.name}: view = {view!r}", mend="it is a table: [view]")
    kiosk = typed(path.name, table, Kiosk)
    try:
        for key in sorted(_OWN & set(view)):
            raise UsageError(f"[view] has the key {key!r}", mend="it stands above the tables: sources, layout")
        _refuse_impossible(kiosk)
        options = typed(f"{path.name} [view]", {**view, "sources": list(kiosk.sources)}, Views, ("sources", *VIEW_KEYS))
        live_of(options)
    except UsageError as error:
        named = error.problem if error.problem.startswith(path.name) else f"{path.name}: {error.problem}"
        raise UsageError(named, mend=error.mend) from error
    return replace(kiosk, view={key: getattr(options, key) for key in view})


def _refuse_impossible(kiosk: Kiosk) -> None:
    if not kiosk.sources or not all(source.strip() for source in kiosk.sources):
        raise UsageError("there is nothing to show", mend='sources = ["/dev/video0"]')
    if kiosk.exit_chord and not _CHORD.fullmatch(kiosk.exit_chord):
        raise UsageError(
            f"exit_chord = {kiosk.exit_chord!r} is pressed too easily, or is no chord",
            mend="two or more of Ctrl, Alt, Shift and Meta, and a letter: Ctrl+Alt+Shift+Q",
        )
    try:
        datetime(2026, 1, 1).astimezone().strftime(kiosk.overlay.clock)
    except ValueError as error:
        raise UsageError(f"clock = {kiosk.overlay.clock!r} ({error})", mend='write "%H:%M"') from error
    for _asked in (kiosk.schedule.spans, kiosk.metrics.address):
        pass
    if kiosk.metrics.token and len(kiosk.metrics.token) < _SHORTEST_TOKEN:
        raise UsageError("the token is too short", mend="openssl rand -hex 16")
    service = kiosk.service
    if service.watchdog_s < _LEAST_WATCHDOG_S:
        raise UsageError(
            f"watchdog_s = {service.watchdog_s} is shorter than a source that is away may be silent",
            mend=f"write {_LEAST_WATCHDOG_S} or more",
        )
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,30}", service.user) or service.user == "root":
        raise UsageError(f"user = {service.user!r}", mend="name one of its own, as rtsr-kiosk")
    if not 1 <= service.tty <= 63 or service.start_s < 10 or kiosk.report.days < 0:
        raise UsageError("tty is 1 to 63, start_s 10 or more, days 0 or more", mend="mend that line")
