"""The window on a live source that dies, returns, and returns as another."""

import re
import time
from pathlib import Path

import numpy as np

from tests.rtsp_server import RtspServer
from tests.system.test_viewer import display, window  # noqa: F401 - a fixture

MIDDLE = slice(100, 260)
"""Rows without words."""


def test_a_stream_that_dies_stands_marked_and_goes_on_when_it_returns(display: str, tmp_path: Path) -> None:  # noqa: F811
    with RtspServer(size=(320, 180)) as server, window(display, tmp_path, server.url) as shown:
        shown.key("i")
        time.sleep(1)
        lively = shown.shot()
        server.close()
        time.sleep(3)
        stale = shown.shot()
        time.sleep(1.2)
        older = shown.shot()
        server.start()
        deadline_s = time.monotonic() + 30
        again = older
        while np.array_equal(again[MIDDLE], older[MIDDLE]) and time.monotonic() < deadline_s:
            again = shown.shot()
        time.sleep(0.2)
        later = shown.shot()
        shown.key("q")
        code, out, err = shown.wait()
    assert code == 0, err
    assert np.array_equal(stale[MIDDLE], older[MIDDLE]), "the last picture stays"
    assert not np.array_equal(stale, older), "its age is counted"
    assert not np.array_equal(lively[MIDDLE], again[MIDDLE])
    assert not np.array_equal(again[MIDDLE], later[MIDDLE]), "it moves again"
    assert "was lost" in err
    assert re.search(r"is back after \d+\.\d s", err)
    assert "frames shown" in out


def test_a_stream_that_comes_back_larger_is_shown_larger(display: str, tmp_path: Path) -> None:  # noqa: F811
    with RtspServer(size=(320, 180)) as server, window(display, tmp_path, server.url) as shown:
        time.sleep(0.5)
        server.size = (480, 360)
        server.cut()
        deadline_s = time.monotonic() + 30
        while server.clients < 3 and time.monotonic() < deadline_s:  # once to see what it is, once to show it
            time.sleep(0.1)
        time.sleep(2)
        tall = shown.shot()
        shown.key("q")
        code, _, err = shown.wait()
    assert code == 0, err
    assert "width 320 -> 480" in err
    middle = tall[MIDDLE]
    assert middle[:, :60].max() == 0, "4:3 in a window of 16:9 leaves room at its sides"
    assert middle[:, 200:440].max() > 10
