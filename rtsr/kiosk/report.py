"""What a day was like, as a JSON file a day: written whole, bounded in number, gone on with after a restart."""

import json
import logging
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import rtsr
from rtsr.jobs.vitals import Vitals
from rtsr.kiosk.durable import write_durably
from rtsr.kiosk.sensing import Sensed

log = logging.getLogger(__name__)
_MOST_FPS = 1000
_PERCENTILES = (1, 5, 50, 95)
_SAVE_S = 300.0
"""Between two writes: what a power cut may cost, against what the flash bears."""


@dataclass(slots=True)
class Day:
    """The sums of one day; every one can be added to after a restart."""

    starts: int = 0
    shown: int = 0
    dropped: int = 0
    outages: int = 0
    longest_outage_s: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)
    """In each state."""
    fps_seconds: Counter[int] = field(default_factory=Counter)
    """Seconds of playing at each whole rate: percentiles of a day in little room, and over restarts."""
    rail: str = ""
    energy_j: float = 0.0
    power_s: float = 0.0
    """Time over which the energy was measured."""
    most_w: float = 0.0
    place: str = ""
    """Where it was hottest."""
    heat_c_s: float = 0.0
    """Sum of temperature times seconds."""
    heat_s: float = 0.0
    most_c: float | None = None


def fps_percentile(seconds: Counter[int], percent: float) -> int | None:
    """The rate that the picture had at least all but `percent` of the time; None where it never played."""
    total, passed = sum(seconds.values()), 0
    for fps in sorted(seconds):
        passed += seconds[fps]
        if passed * 100 > total * percent:
            return fps
    return max(seconds, default=None)


def as_json(day: date, sums: Day) -> dict[str, Any]:
    """The page of one day."""
    return {
        "date": day.isoformat(),
        "rtsr": rtsr.__version__,
        "starts": sums.starts,
        "seconds": {state: round(seconds, 1) for state, seconds in sorted(sums.seconds.items())},
        "frames": {"shown": sums.shown, "dropped": sums.dropped},
        "fps": {f"p{percent}": fps_percentile(sums.fps_seconds, percent) for percent in _PERCENTILES},
        "fps_seconds": {str(fps): count for fps, count in sorted(sums.fps_seconds.items())},
        "outages": {"count": sums.outages, "longest_s": round(sums.longest_outage_s, 1)},
        "power": _power(sums) if sums.power_s else None,
        "temperature": _heat(sums) if sums.heat_s else None,
    }


def _power(sums: Day) -> dict[str, Any]:
    return {
        "rail": sums.rail,
        "mean_w": round(sums.energy_j / sums.power_s, 3),
        "most_w": round(sums.most_w, 3),
        "energy_wh": round(sums.energy_j / 3600, 4),
        "measured_s": round(sums.power_s, 1),
    }


def _heat(sums: Day) -> dict[str, Any]:
    return {
        "place": sums.place,
        "mean_c": round(sums.heat_c_s / sums.heat_s, 2),
        "most_c": sums.most_c,
        "measured_s": round(sums.heat_s, 1),
    }


def from_json(page: dict[str, Any]) -> Day:
    """What `as_json` wrote. Raises KeyError, TypeError, ValueError or AttributeError where it is no such page."""
    power, heat = page["power"] or {}, page["temperature"] or {}
    return Day(
        starts=int(page["starts"]),
        shown=int(page["frames"]["shown"]),
        dropped=int(page["frames"]["dropped"]),
        outages=int(page["outages"]["count"]),
        longest_outage_s=float(page["outages"]["longest_s"]),
        seconds={str(state): float(seconds) for state, seconds in page["seconds"].items()},
        fps_seconds=Counter({int(fps): int(count) for fps, count in page["fps_seconds"].items()}),
        rail=str(power.get("rail", "")),
        energy_j=float(power.get("energy_wh", 0)) * 3600,
        power_s=float(power.get("measured_s", 0)),
        most_w=float(power.get("most_w", 0)),
        place=str(heat.get("place", "")),
        heat_c_s=float(heat.get("mean_c", 0)) * float(heat.get("measured_s", 0)),
        heat_s=float(heat.get("measured_s", 0)),
        most_c=heat.get("most_c"),
    )


class Reporter:
    """Adds up the days, and writes each one down every few minutes and at its end.

    Args:
        folder: where the pages are; None: nothing is written.
        days: how many are kept.
        today: the date at the beginning.
    """

    def __init__(self, folder: Path | None, days: int, today: date) -> None:
        self._folder, self._days = folder if days else None, days
        self._before = Vitals(state="starting")
        self._outage_s, self._unsaved_s = 0.0, 0.0
        self._told = False
        self.day = today
        self.sums = self._begun(today)
        self.sums.starts += 1

    def look(self, today: date, seconds: float, vitals: Vitals, sensed: Sensed) -> None:
        """Add the last `seconds`."""
        if today != self.day:
            self.save()
            self.day, self.sums = today, self._begun(today)
        self._add(seconds, vitals)
        self._add_sensed(seconds, sensed)
        self._before = vitals
        self._unsaved_s += seconds
        if self._unsaved_s >= _SAVE_S:
            self.save()

    def save(self) -> None:
        """Write the day as it is now, and let the oldest ones go. Where that fails, the log says so once."""
        self._unsaved_s = 0.0
        if self._folder is None:
            return
        try:
            self._folder.mkdir(exist_ok=True, mode=0o700)
            page = json.dumps(as_json(self.day, self.sums), indent=1) + "\n"
            write_durably(self._page(self.day), page.encode())
            for old in pages(self._folder)[: -self._days]:
                old.unlink(missing_ok=True)
        except OSError as error:
            if not self._told:
                log.warning("no report can be written to %s (%s)", self._folder, error.strerror)
            self._told = True

    def _add(self, seconds: float, vitals: Vitals) -> None:
        sums, before = self.sums, self._before
        shown = vitals.presented - before.presented
        sums.shown += shown
        sums.dropped += vitals.dropped - before.dropped
        sums.outages += vitals.outages - before.outages
        sums.seconds[vitals.state] = sums.seconds.get(vitals.state, 0.0) + seconds
        if vitals.state == "playing" and before.state == "playing" and seconds > 0:
            sums.fps_seconds[min(_MOST_FPS, round(shown / seconds))] += max(1, round(seconds))
        self._outage_s = self._outage_s + seconds if vitals.state == "waiting" else 0.0
        sums.longest_outage_s = max(sums.longest_outage_s, self._outage_s)

    def _add_sensed(self, seconds: float, sensed: Sensed) -> None:
        sums = self.sums
        if sensed.power_w is not None:
            sums.rail, sums.most_w = sensed.rail, max(sums.most_w, sensed.power_w)
        if sensed.spent_j is not None:
            sums.energy_j += sensed.spent_j
            sums.power_s += seconds
        if sensed.heat_c is not None:
            if sums.most_c is None or sensed.heat_c > sums.most_c:
                sums.most_c, sums.place = sensed.heat_c, sensed.place
            sums.heat_c_s += sensed.heat_c * seconds
            sums.heat_s += seconds

    def _page(self, day: date) -> Path:
        return (self._folder or Path()) / f"{day.isoformat()}.json"

    def _begun(self, day: date) -> Day:
        """What an earlier process of this day wrote; nothing where it left none, or a damaged one."""
        if self._folder is None:
            return Day()
        try:
            return from_json(json.loads(self._page(day).read_text("utf-8")))
        except FileNotFoundError:
            return Day()
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("the report of %s was damaged, and begins anew (%s)", day, type(error).__name__)
            return Day()


def pages(folder: Path) -> list[Path]:
    """The reports in `folder`, the oldest first."""
    return sorted(folder.glob("[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9].json"))
