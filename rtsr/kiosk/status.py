"""How the kiosk of this machine is, as systemd, /health and the newest report tell."""

import json
import shutil
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtsr.errors import UsageError
from rtsr.kiosk.config import read_kiosk
from rtsr.kiosk.install import UNIT_FILE, running_systemd
from rtsr.kiosk.report import from_json, pages
from rtsr.kiosk.unit import SETTINGS, STATE, UNIT

_SHOWN = ("ActiveState", "SubState", "Result", "NRestarts", "ActiveEnterTimestamp", "StatusText")
_ANSWER_S = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """What is known."""

    installed: bool
    unit: dict[str, str]
    """Properties of systemd; empty where it is not there."""
    health: dict[str, Any] | None
    """The page of /health; None where that is off, or does not answer."""
    health_words: str
    report: dict[str, Any] | None
    """The newest day."""

    @property
    def well(self) -> bool:
        """Whether it runs, and nothing that is known is wrong."""
        return self.unit.get("ActiveState") == "active" and (self.health is None or self.health.get("status") == "ok")

    def as_json(self) -> str:
        """For machines."""
        return json.dumps(
            {"installed": self.installed, "unit": self.unit, "health": self.health, "report": self.report}, indent=1
        )

    def as_page(self) -> str:
        """For people."""
        unit = self.unit
        lines = [f"installed   {'yes' if self.installed else 'no: sudo rtsr kiosk install --config kiosk.toml'}"]
        if unit:
            lines.append(f"unit        {unit.get('ActiveState')} ({unit.get('SubState')}, {unit.get('Result')})")
            lines.append(f"since       {unit.get('ActiveEnterTimestamp') or '-'}, {unit.get('NRestarts')} restarts")
            lines.append(f"says        {unit.get('StatusText') or '-'}")
        else:
            lines.append("unit        systemd does not run here")
        lines.append(f"health      {self.health_words}")
        if self.report is not None:
            day = self.report
            shown, fps, outages = day["frames"]["shown"], day["fps"], day["outages"]["count"]
            rate = f"fps p50 {fps['p50']}, p5 {fps['p5']}"
            lines.append(f"{day['date']}  {shown} frames, {rate}, {outages} outages, {day['starts']} starts")
        return "\n".join(lines)


def read_status(settings: Path = Path(SETTINGS), state: Path = Path(STATE)) -> Status:
    """All of it. Never raises on what is not there."""
    health, words = _health(settings)
    return Status(
        installed=Path(UNIT_FILE).exists(), unit=_unit(), health=health, health_words=words, report=_newest(state)
    )


def _unit() -> dict[str, str]:
    if not running_systemd() or shutil.which("systemctl") is None:
        return {}
    command = ["systemctl", "show", UNIT, f"--property={','.join(_SHOWN)}"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False).stdout
    return dict(line.split("=", 1) for line in told.splitlines() if "=" in line)


def _health(settings: Path) -> tuple[dict[str, Any] | None, str]:
    try:
        metrics = read_kiosk(settings).metrics
    except UsageError as error:
        return None, error.problem
    if metrics.address is None:
        return None, "off ([metrics] listen)"
    host, port = metrics.address
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    place = f"http://{f'[{host}]' if ':' in host else host}:{port}/health"
    headers = {"Authorization": f"Bearer {metrics.token}"} if metrics.token else {}
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(urllib.request.Request(place, headers=headers), timeout=_ANSWER_S) as answer:
            page = json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code != 503:
            return None, f"{place} answers {error.code}"
        with error:
            page = json.load(error)
    except (OSError, ValueError) as error:
        return {"status": "failing", "why": str(error)}, f"{place} does not answer"
    return page, f"{page.get('status')}: {page.get('why') or page.get('state')}"


def _newest(state: Path) -> dict[str, Any] | None:
    try:
        page = json.loads(pages(state / "reports")[-1].read_text("utf-8"))
        from_json(page)
    except (OSError, IndexError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return dict(page)
