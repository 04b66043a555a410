"""Cameras: the door's errors, and the live path on capture devices that every machine has."""

import shutil
import subprocess
import threading
import time
from contextlib import closing
from fractions import Fraction
from itertools import islice, pairwise

import av
import numpy as np
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


def test_damaged_pictures_are_left_out_and_counted(tmp_path):
    place = str(tmp_path / "camera.avi")
    with av.open(place, "w") as container:
        stream = container.add_stream("mjpeg", rate=30, width=64, height=48, pix_fmt="yuvj420p")
        for number in range(6):
            picture = av.VideoFrame.from_ndarray(np.full((72, 64), 40 * number, np.uint8), format="yuvj420p")
            for packet in stream.encode(picture):
                if number == 3:
                    broken = av.Packet(bytes(200))
                    broken.pts, broken.dts, broken.time_base = packet.pts, packet.dts, packet.time_base
                    broken.stream = stream
                    packet = broken
                container.mux(packet)
    with closing(open_device(place, "avi")) as source:
        assert source.info.color.siting is Siting.CENTER
        frames = list(source.frames())
    assert [round(int(frame.y[0, 0]) / 40) for frame in frames] == [2, 4, 5]  # opening looked at 0 and 1
    assert source.losses == (f"1 damaged frames of {place} were left out",)


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


def test_close_from_another_thread_ends_the_reader(display):
    source = open_device(display, "x11grab")
    came = []
    some = threading.Event()

    def read():
        for frame in source.frames():
            came.append(frame)
            some.set()

    reader = threading.Thread(target=read)
    reader.start()
    assert some.wait(5)
    source.close()
    reader.join(5)
    assert not reader.is_alive()
    assert came[0].y.shape == (202, 322)
    assert source.losses == ()
