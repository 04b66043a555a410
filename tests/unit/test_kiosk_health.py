"""/health and /metrics: what they say, over real connections."""

import http.client
import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from rtsr.errors import UsageError
from rtsr.jobs.vitals import Vitals
from rtsr.kiosk.health import CONTENT_TYPE, Look, as_metrics, as_page, verdict
from rtsr.kiosk.sensing import Sensed
from rtsr.kiosk.server import Server, json_page

BEGAN = datetime(2026, 11, 20, 8, tzinfo=timezone.utc)
PLAYING = Vitals(
    state="playing", progress=((900, 0),), dropped=3, outages=1, source_fps=30.0, display_fps=29.9, latency_ms=41.5,
    badge='SR "x" x2',
)  # fmt: skip
GOOD = Look(began=BEGAN, looked_s=100.0, vitals=PLAYING, sensed=Sensed(power_w=12.5, rail="VDD_IN"), energy_j=375.0)
TOKEN = "a token of some length"


def test_a_picture_that_moves_is_well() -> None:
    assert verdict(GOOD, 101.0) == (True, "")
    status, page = as_page(GOOD, 101.0)
    assert status == 200
    assert page["frames"] == {"shown": 900, "dropped": 3, "age_s": 0.0}
    assert page["power"] == {"rail": "VDD_IN", "watts": 12.5}
    assert page["temperature"] is None, "not measured is not 0"
    dark = replace(GOOD, vitals=Vitals(state="dark"))
    assert verdict(dark, 101.0)[0], "the screen is off because it should be"


@pytest.mark.parametrize(
    ("look", "now_s", "words"),
    [
        (GOOD, 120.0, "has not answered for 20 s"),
        (replace(GOOD, notice="kiosk.toml has the unknown key"), 101.0, "unknown key"),
        (replace(GOOD, vitals=Vitals(state="starting")), 101.0, "no picture yet"),
        (replace(GOOD, vitals=Vitals(state="waiting", trouble="no camera")), 101.0, "no camera"),
        (replace(GOOD, vitals=replace(PLAYING, trouble="STALE, 9 s old")), 101.0, "STALE"),
    ],
)
def test_whatever_is_wrong_is_503_and_why(look: Look, now_s: float, words: str) -> None:
    status, page = as_page(look, now_s)
    assert status == 503
    assert words in str(page["why"])


LINE = re.compile(r'[a-z_]+(\{[a-z_]+="(?:[^"\\]|\\.)*"(,[a-z_]+="(?:[^"\\]|\\.)*")*\})? -?[0-9.e+-]+')


def test_metrics_are_the_exposition_format_and_leave_out_what_is_not_measured() -> None:
    text = as_metrics(GOOD, 101.0)
    assert text.endswith("\n")
    seen: set[str] = set()
    described: set[str] = set()
    for line in text.splitlines():
        if line.startswith("#"):
            _, what, name, _words = line.split(" ", 3)
            assert what in ("HELP", "TYPE")
            assert name not in seen, "described before its samples"
            described.add(name)
        else:
            assert LINE.fullmatch(line), line
            seen.add(re.split(r"[{ ]", line)[0])
    assert seen == described
    assert "rtsr_info{version=" in text
    assert r'picture="SR \"x\" x2"' in text
    assert "rtsr_latency_seconds 0.0415" in text
    assert 'rtsr_power_watts{rail="VDD_IN"} 12.5' in text
    assert "celsius" not in text
    assert "rtsr_model_fps" not in text


def served(token: str = "") -> Server:
    pages = {
        "/health": lambda: json_page(503, {"status": "failing"}),
        "/metrics": lambda: (200, CONTENT_TYPE, b"rtsr_healthy 0\n"),
    }
    return Server(("127.0.0.1", 0), token, pages)


@pytest.fixture
def server() -> Iterator[Server]:
    with closing(served()) as server:
        yield server


def ask(server: Server, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    with closing(connection):
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_pages_are_served_with_their_status(server: Server) -> None:
    status, body = ask(server, "/health")
    assert (status, json.loads(body)) == (503, {"status": "failing"})
    assert ask(server, "/metrics?x=1") == (200, b"rtsr_healthy 0\n")
    assert ask(server, "/metrics", "HEAD") == (200, b"")
    assert ask(server, "/etc/passwd")[0] == 404
    assert ask(server, "/health", "POST")[0] == 405


def test_a_token_is_asked_of_everybody() -> None:
    with closing(served(TOKEN)) as server:
        assert ask(server, "/health")[0] == 401
        assert ask(server, "/nothing")[0] == 401, "what is there is not told either"
        assert ask(server, "/health", Authorization="Bearer wrong")[0] == 401
        assert ask(server, "/health", Authorization=f"Basic {TOKEN}")[0] == 401
        assert ask(server, "/health", Authorization=f"Bearer {TOKEN}")[0] == 503


def test_clients_that_hang_hold_nobody_up(server: Server) -> None:
    hanging = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(50)]
    for number, one in enumerate(hanging):
        one.sendall(b"GET /health HTTP/1.1\r\n"[: number % 23])
    assert ask(server, "/metrics")[0] == 200
    hanging[0].settimeout(20)
    assert hanging[0].recv(1) == b"", "sent away"
    for one in hanging:
        one.close()


@pytest.mark.parametrize(
    "request_", [b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/2.0 x\r\n\r\n", b"\x00\xff\r\n\r\n", b"A" * 9000]
)
def test_what_is_no_http_is_refused_or_cut_off(server: Server, request_: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(request_)
        said = client.recv(64)
        assert said == b"" or said.startswith(b"HTTP/1.1 400 ")
    assert ask(server, "/metrics")[0] == 200


def test_a_port_that_is_taken_is_said(server: Server) -> None:
    with pytest.raises(UsageError, match="in use"):
        Server(("127.0.0.1", server.port), "", {})


def test_closing_frees_the_port_and_ends_the_thread_twice() -> None:
    server = served()
    with socket.create_connection(("127.0.0.1", server.port)):
        began_s = time.monotonic()
        server.close()
        server.close()
        assert time.monotonic() - began_s < 2
    Server(("127.0.0.1", server.port), "", {}).close()
