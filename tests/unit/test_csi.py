"""CSI cameras: GStreamer as it is on every Linux, with its own test picture in the place of a Jetson's camera."""

import os
import shutil
import threading
import time
from contextlib import closing
from itertools import islice, pairwise

import pytest

from rtsr.errors import SourceError, UsageError
from rtsr.sources import open_source
from rtsr.sources.csi import open_csi, open_gstreamer
from rtsr.sources.live import AS_IT_COMES, Live

pytestmark = pytest.mark.skipif(shutil.which("gst-launch-1.0") is None, reason="needs gstreamer1.0-tools")


def red(*more: str) -> list[str]:
    size = "video/x-raw,width=320,height=180,framerate=30/1"
    return ["videotestsrc", "is-live=true", "pattern=red", *more, "!", size, "!", "identity"]


def children() -> set[str]:
    return {name for name in os.listdir("/proc") if name.isdecimal() and _parent(name) == os.getpid()}


def _parent(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat") as file:
            state, parent = file.read().rsplit(")", 1)[1].split()[:2]
    except OSError:
        return 0
    return int(parent) if state != "Z" else 0


def test_pictures_come_live_and_the_process_goes_with_them() -> None:
    before = children()
    with closing(open_gstreamer("csi://0", red(), AS_IT_COMES)) as source:
        assert (source.info.width, source.info.height, source.info.live) == (320, 180, True)
        frames = list(islice(source.frames(), 20))
        assert all(later.pts > earlier.pts for earlier, later in pairwise(frames))
        assert 0.3 < float(frames[-1].time_s) < 5
        assert abs(int(frames[-1].y[90, 160]) - 81) <= 2
    assert children() == before


def test_one_that_ends_is_said() -> None:
    with closing(open_gstreamer("csi://0", red("num-buffers=5"), AS_IT_COMES)) as source:
        assert len(list(source.frames())) >= 3
    assert source.losses == ("csi://0 ended",)


def test_one_that_falls_silent_is_said() -> None:
    with closing(open_gstreamer("csi://0", red(), Live(silent_s=1.0))) as source:
        frames = source.frames()
        next(frames)
        source._running._process.send_signal(19)  # SIGSTOP: as a camera stack that hangs
        began_s = time.monotonic()
        list(frames)
        assert time.monotonic() - began_s < 20
    assert source.losses == ("csi://0 gave nothing for 1 s",)


def test_closing_from_another_thread_ends_it() -> None:
    source = open_gstreamer("csi://0", red(), Live(silent_s=60.0))
    frames = source.frames()
    next(frames)
    threading.Timer(0.3, source.close).start()
    list(frames)
    assert source.losses == ()


def test_here_is_no_jetson() -> None:
    before = children()
    with pytest.raises(SourceError, match=r"csi://0 gives no picture \(.*nvarguscamerasrc"):
        open_csi("csi://0", AS_IT_COMES)
    assert children() == before


def test_without_gstreamer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SourceError, match=r"needs GStreamer"):
        open_source("csi://0")


@pytest.mark.parametrize(
    "uri", ["csi://", "csi://x", "csi://0?foo=1", "csi://0?size=big", "csi://0?flip=9", "csi://0?size=322x180"]
)
def test_nonsense_is_refused(uri: str) -> None:
    with pytest.raises(UsageError):
        open_source(uri)
