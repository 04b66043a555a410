"""Several sources in one window: a player for each, with its own clock and recovery; the network is one for all."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from rtsr.config import View
from rtsr.errors import RtsrError, SourceError
from rtsr.power.panel import Panel
from rtsr.sources import may_come
from rtsr.upscalers.shared import SharedUpscalers
from rtsr.upscalers.swap import open_at_once
from rtsr.viewer.player import Player
from rtsr.viewer.run import Run, open_run, pipeline_of
from rtsr.viewer.scene import Scene
from rtsr.viewer.stats import Stats


class _OfAll:
    """Power as the machine draws it for all sources: no frame of one of them has a share of its own."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel

    def lines(self, _rate_fps: float | None) -> tuple[str, ...]:
        """See `Power`."""
        return self._panel.lines(None)


class _Elsewhere:
    """Power is told at another source."""

    def lines(self, _rate_fps: float | None) -> tuple[str, ...]:
        """See `Power`."""
        return ()


def players_of(views: Sequence[View], panel: Panel) -> tuple[list[Player], list[Scene]]:
    """A player and a scene for each; `Player.start` opens the source, and waits for one that may come.

    Args:
        views: of each source, alike in all but the source.
        panel: told at the first.

    Raises:
        UsageError: the options make no sense.
    """
    opened = openings_of(views, panel)
    players = [
        Player(opening, scene, waits=view.reconnect and may_come(view.source))
        for view, (opening, scene) in zip(views, opened, strict=True)
    ]
    return players, [scene for _, scene in opened]


def openings_of(views: Sequence[View], panel: Panel) -> list[tuple[Callable[[], Run], Scene]]:
    """What opens each source, with one network for all, and its scene. Arguments and errors as of `players_of`."""
    shared = SharedUpscalers(open_at_once)
    scenes = [Scene(Stats(_Elsewhere() if number else _OfAll(panel))) for number in range(len(views))]
    opened: list[tuple[Callable[[], Run], Scene]] = []
    for number, (view, scene) in enumerate(zip(views, scenes, strict=True), 1):
        scene.number, scene.shape_wh = str(number), (16, 9)  # until it is known
        scene.view = replace(scene.view, layout=view.layout)
        opening = partial(open_run, pipeline_of(view, scene.stats, shared.open, len(views)), scene)
        opened.append((opening, scene))
    return opened


def all_failed(players: Sequence[Player]) -> BaseException | None:
    """One error for all where each was never there or has broken; None where one has not. A fault of ours is itself."""
    if not all(player.failed or player.error is not None for player in players):
        return None
    errors = [player.error for player in players if player.error is not None]
    fault = next((error for error in errors if not isinstance(error, RtsrError)), None)
    if fault is not None:
        return fault
    first = next((error for error in errors if isinstance(error, RtsrError)), None)
    said = "; ".join(dict.fromkeys(player.trouble for player in players))
    kind = type(first) if first is not None else SourceError
    return kind(f"none of {len(players)} sources can be shown: {said}", mend="`rtsr doctor` tells what works here")
