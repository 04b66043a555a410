"""What systemd hears, over a real socket."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from rtsr.jobs.vitals import State, Vitals
from rtsr.kiosk.notify import Notifier, Watchdog

START = Vitals(state="starting")


class Ear:
    """The socket of a service manager."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(0)

    def heard(self) -> list[str]:
        lines: list[str] = []
        while True:
            try:
                lines += self.socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return lines


@pytest.fixture(params=["file", "abstract"])
def ear(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Ear, dict[str, str]]]:
    name = str(tmp_path / "notify") if request.param == "file" else f"@rtsr-test-{os.getpid()}"
    ear = Ear("\0" + name[1:] if name.startswith("@") else name)
    with closing(ear.socket):
        yield ear, {"NOTIFY_SOCKET": name, "OTHER": "kept"}


def test_lines_arrive_and_the_variable_is_not_handed_on(ear: tuple[Ear, dict[str, str]]) -> None:
    listener, environment = ear
    with closing(Notifier(environment)) as notifier:
        notifier.say(READY="1", STATUS="playing")
    assert listener.heard() == ["READY=1", "STATUS=playing"]
    assert environment == {"OTHER": "kept"}


def test_without_systemd_and_with_one_that_has_gone_nothing_happens(tmp_path: Path) -> None:
    for environment in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}):
        notifier = Notifier(environment)
        notifier.say(READY="1")
        notifier.close()
        notifier.close()


def test_the_watchdog_is_fed_by_frames_and_by_tries_and_by_nothing_else(ear: tuple[Ear, dict[str, str]]) -> None:
    listener, environment = ear
    with closing(Notifier(environment)) as notifier:
        watchdog = Watchdog(notifier)

        def fed(vitals: Vitals) -> bool:
            watchdog.look(vitals)
            return "WATCHDOG=1" in listener.heard()

        assert not fed(START)
        playing = Vitals(state="playing", progress=((30, 0),))
        assert fed(playing)
        assert not fed(playing), "time went by and no frame came"
        assert not fed(replace(playing, trouble="STALE, 5 s old")), "words are no progress"
        assert fed(replace(playing, progress=((31, 0),)))
        away = Vitals(state="waiting", progress=((31, 1),))
        assert fed(away)
        assert not fed(away), "the wait before the next try"
        assert fed(replace(away, progress=((0, 2),)))
        dark = Vitals(state="dark", progress=((31, 2),))
        assert fed(dark)
        assert fed(dark), "a dark screen has nothing to paint"


@pytest.mark.parametrize(("state", "presented", "tries"), [("playing", 1, 0), ("waiting", 0, 1), ("dark", 0, 0)])
def test_ready_is_said_once_when_something_is_on_the_screen(
    ear: tuple[Ear, dict[str, str]], state: State, presented: int, tries: int
) -> None:
    listener, environment = ear
    with closing(Notifier(environment)) as notifier:
        watchdog = Watchdog(notifier)
        watchdog.look(START)
        assert not any(line.startswith("READY") for line in listener.heard())
        for step in range(3):
            watchdog.look(Vitals(state=state, progress=((presented + step, tries + step),)))
        assert listener.heard().count("READY=1") == 1
        watchdog.stop()
        assert listener.heard() == ["STOPPING=1"]


def test_the_status_tells_of_changes_and_not_of_every_second(ear: tuple[Ear, dict[str, str]]) -> None:
    listener, environment = ear
    with closing(Notifier(environment)) as notifier:
        watchdog = Watchdog(notifier)
        for second in range(5):
            watchdog.look(
                Vitals(state="waiting", progress=((0, 1),), trouble=f"STALE, {second} s old · camera was lost")
            )
        told = [line for line in listener.heard() if line.startswith("STATUS=")]
        assert told == ["STATUS=STALE, 0 s old · camera was lost"]
        watchdog.look(Vitals(state="playing", progress=((1, 0),), badge="SR esr-tr-k5c2 x2 · openvino\nx"))
        told = [line for line in listener.heard() if line.startswith("STATUS=")]
        assert told == ["STATUS=playing: SR esr-tr-k5c2 x2 · openvino x"], "one line, whatever a label holds"
