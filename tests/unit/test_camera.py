"""Cameras: the door's errors, and the live path on capture devices that every machine has."""

import shutil
import subprocess
import time
from contextlib import closing
from fractions import Fraction
from itertools import islice, pairwise

import pytest

from rtsr.color import BT709, Range, Siting
from rtsr.errors import SourceError
from rtsr.sources.camera import list_cameras, open_camera, open_device

RED = {
    "yuv420p": (81, 90, 240, Range.UNSPECIFIED),
    "yuyv422": (81, 90, 240, Range.UNSPECIFIED),
    "nv12": (81, 90, 240, Range.UNSPECIFIED),
    "yuvj420p": (76, 84, 255, Range.FULL),
    "yuvj422p": (76, 84, 255, Range.FULL),
    "bgr0": (63, 102, 240, Range.LIMITED),
}
"""Y, U, V and range of red (255, 0, 0): BT.601, but BT.709 where the camera gives RGB."""


def test_listing_never_raises():
    for device, name in list_cameras():
        assert device.startswith("/dev/")
        assert isinstance(name, str)


@pytest.mark.parametrize("uri", ["/dev/video250", "v4l2:///dev/video250", "250"])
def test_missing_camera(uri):
    with pytest.raises(SourceError, match=r"/dev/video250 does not exist") as caught:
        open_camera(uri)
    assert "camera" in caught.value.mend


@pytest.mark.parametrize("place", ["/dev/null", "/etc/passwd"])
def test_not_a_camera(place):
    with pytest.raises(SourceError, match="is not a camera"):
        open_camera(f"v4l2://{place}")


@pytest.mark.parametrize("form", RED)
def test_every_camera_format_becomes_420(form):
    y, u, v, levels = RED[form]
    with closing(open_device(f"color=red:size=66x50:rate=30,format={form}", "lavfi")) as source:
        assert source.info.live
        assert (source.info.width, source.info.height, source.info.rate_fps) == (66, 50, 30)
        assert source.info.color.range is levels
        if form == "bgr0":
            assert source.info.color.matrix == BT709
            assert source.info.color.siting is Siting.CENTER
        if form == "yuyv422":
            assert source.info.color.siting is Siting.LEFT
        frames = list(islice(source.frames(), 3))
    for number, frame in enumerate(frames):  # after close: they are ours, not the driver's
        assert frame.pts == number
        assert frame.u.shape == (25, 33)
        assert abs(int(frame.y[9, 9]) - y) <= 1
        assert abs(int(frame.u[9, 9]) - u) <= 1
        assert abs(int(frame.v[9, 9]) - v) <= 1


def test_seek_is_ignored_and_close_is_safe_twice():
    source = open_device("testsrc2=size=64x48:rate=30", "lavfi")
    source.seek(Fraction(3))
    frames = source.frames()
    assert next(frames).epoch == 0
    source.close()
    source.close()
    assert list(frames) == []


@pytest.fixture
def display():
    """An X server of our own."""
    if shutil.which("Xvfb") is None:
        pytest.skip("needs Xvfb: apt-get install xvfb")
    command = ["Xvfb", "-displayfd", "1", "-screen", "0", "322x202x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:
        try:
            yield f":{server.stdout.readline().decode().strip()}"
        finally:
            server.terminate()


def test_a_real_capture_device_is_live(display):
    with closing(open_device(display, "x11grab")) as source:
        frames = list(islice(source.frames(), 12))
    assert (source.info.width, source.info.height) == (322, 202)
    assert frames[0].pts == 0
    assert all(later.pts > earlier.pts for earlier, later in pairwise(frames))
    assert frames[-1].captured_s - frames[0].captured_s > 0.2
    assert frames[-1].captured_s <= time.monotonic()
    assert source.losses == ()
