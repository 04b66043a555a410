"""How far building engines is: a bar on a terminal, a line for each elsewhere, JSON lines for machines."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Protocol

from tqdm import tqdm

if TYPE_CHECKING:
    from rtsr.config import Progress as Kind
    from rtsr.jobs.engines import Built, Wanted

_LINE_EVERY_S, _JSON_EVERY_S = 2.0, 0.5
_FORM = "{desc} {percentage:3.0f}% |{bar}| {elapsed} elapsed, {remaining} left{postfix}"


class Progress(Protocol):
    """Shown while engines are built."""

    def begin(self, number: int, wanted: Wanted) -> None:
        """Work on engine `number`, from 0, begins."""

    def share(self, share: float, doing: str) -> None:
        """So much of it is done, 0..1."""

    def end(self, wanted: Wanted, built: Built) -> None:
        """It is there."""

    def close(self) -> None:
        """No more will come."""


def open_progress(kind: Kind, total: int) -> Progress:
    """What `kind` asks for, of `total` engines; "auto" is a bar on a terminal and plain lines elsewhere."""
    if kind == "bar" or (kind == "auto" and sys.stderr.isatty()):
        return _Bar(total)
    return {"json": _Json, "none": _Silence}.get(kind, _Lines)(total)


class _Bar:
    def __init__(self, total: int) -> None:
        self._total, self._number = total, 0
        sized = os.get_terminal_size(sys.stderr.fileno()).columns > 0 if sys.stderr.isatty() else False
        width: dict[str, Any] = {"dynamic_ncols": True} if sized else {"ncols": 80, "nrows": 24}
        self._bar = tqdm(total=total, bar_format=_FORM, file=sys.stderr, **width)

    def begin(self, number: int, wanted: Wanted) -> None:
        self._number = number
        self._bar.set_description_str(f"[{number + 1}/{self._total}] {wanted}")

    def share(self, share: float, doing: str) -> None:
        self._bar.set_postfix_str(doing, refresh=False)
        self._bar.update(self._number + share - self._bar.n)

    def end(self, wanted: Wanted, built: Built) -> None:
        del wanted, built
        self._bar.set_postfix_str("", refresh=False)
        self._bar.update(self._number + 1 - self._bar.n)

    def close(self) -> None:
        self._bar.close()


class _Silence:
    def __init__(self, total: int) -> None:
        self._total, self._number, self._began_s = total, 0, time.monotonic()

    def begin(self, number: int, wanted: Wanted) -> None:
        self._number, self._wanted = number, wanted

    def share(self, share: float, doing: str) -> None:
        pass

    def end(self, wanted: Wanted, built: Built) -> None:
        pass

    def close(self) -> None:
        pass


class _Lines(_Silence):
    every_s = _LINE_EVERY_S

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self._due_s = self._began_s + self.every_s

    def share(self, share: float, doing: str) -> None:
        if time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + self.every_s
            self._say(share, doing)

    def end(self, wanted: Wanted, built: Built) -> None:
        words = f"built in {built.seconds:.2f} s" if built.seconds else "is there already"
        size = f"{built.plan.size_bytes / 1e6:.2f} MB"
        print(f"[{self._number + 1}/{self._total}] {wanted} {words}, {size}", file=sys.stderr, flush=True)

    def _say(self, share: float, doing: str) -> None:
        left = self._remaining_s(share)
        words = f"{100 * share:.0f}%, {doing}" + ("" if left is None else f", {left:.0f} s left")
        print(f"[{self._number + 1}/{self._total}] {self._wanted} {words}", file=sys.stderr, flush=True)

    def _remaining_s(self, share: float) -> float | None:
        """Of all engines, as if the others took as long as those that are done."""
        done = self._number + share
        return (self._total - done) / done * (time.monotonic() - self._began_s) if done else None


class _Json(_Lines):
    every_s = _JSON_EVERY_S

    def end(self, wanted: Wanted, built: Built) -> None:
        plan = built.plan
        row = {"event": "built" if built.seconds else "there already", "engine": str(wanted), "file": str(plan.path)}
        print(json.dumps(row | {"bytes": plan.size_bytes, "build_s": round(built.seconds, 3)}), flush=True)

    def _say(self, share: float, doing: str) -> None:
        done, left = self._number + share, self._remaining_s(share)
        row = {
            "event": "progress",
            "engine": str(self._wanted),
            "doing": doing,
            "done": round(done, 3),
            "total": self._total,
            "percent": round(100 * done / self._total, 1),
            "elapsed_s": round(time.monotonic() - self._began_s, 2),
            "remaining_s": None if left is None else round(left, 2),
        }
        print(json.dumps(row), flush=True)
