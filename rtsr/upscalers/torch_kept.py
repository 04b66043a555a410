"""Which way of running a network was the fastest on a card, kept in the user's cache folder.

Why: ways differ in their rounding, and two that are equally fast would take turns at being chosen. An encode that goes
on after a stop must make the bytes that it would have made without one.
"""

from __future__ import annotations

import json
import logging

from rtsr import user_cache
from rtsr.errors import BackendError

log = logging.getLogger(__name__)
_FILE = "torch-routes.json"


def kept(task: str) -> str | None:
    """What was kept for a task, described with all that its speed depends on; None where nothing was."""
    return _read().get(task)


def keep(task: str, route: str) -> None:
    """Keep it; a log line where that cannot be."""
    try:
        place = user_cache.folder()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        user_cache.refuse_shared(place)
        table = {**_read(), task: route}
        user_cache.write_whole(place / _FILE, (json.dumps(table, indent=1) + "\n").encode())
    except (OSError, BackendError) as error:
        log.warning("which way was the fastest is not kept (%s), and may be chosen otherwise next time", error)


def _read() -> dict[str, str]:
    try:
        table = json.loads(user_cache.read_own(user_cache.folder() / _FILE))
        return {str(task): str(route) for task, route in table.items()}
    except FileNotFoundError:
        return {}
    except (BackendError, ValueError, AttributeError, RecursionError) as error:
        log.debug("%s is of no use and is made anew (%s)", _FILE, error)
        return {}
