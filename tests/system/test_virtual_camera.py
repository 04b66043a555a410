"""What is shown, as a camera of other programs: the kernel's v4l2loopback, read by v4l2-ctl and by FFmpeg.

It wants a kernel with the module. Where this one has none, build it (`v4l2loopback-dkms`, the headers of the kernel of
`tests/system/vivid/boot`) and let the emulated machine load it: `tests/system/vivid/boot env
RTSR_TEST_LOOPBACK=FILE.ko python -m pytest tests/system/test_virtual_camera.py`.
"""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest

from rtsr.config import View
from rtsr.errors import BackendError
from rtsr.frame import Frame, PixelLayout
from rtsr.sinks.beside import beside_of
from rtsr.sinks.reopening import ReopeningSink
from rtsr.sinks.virtual_camera import camera_again, open_virtual_camera
from tests.conftest import make_frame, make_info

pytest.importorskip("pyvirtualcam", reason='needs pyvirtualcam: pip install "rtsr[vcam]"')
DEVICE = "/dev/video9"
MODULE = os.environ.get("RTSR_TEST_LOOPBACK", "")
needs_module = pytest.mark.skipif(not MODULE, reason="needs v4l2loopback, and RTSR_TEST_LOOPBACK=FILE.ko")


@pytest.mark.skipif(bool(MODULE), reason="the module is there")
@pytest.mark.parametrize("device", ["auto", "/dev/video99"])
def test_without_the_module_one_sentence_says_how_to_load_it(device: str) -> None:
    with pytest.raises(BackendError, match=r"virtual camera.* cannot be opened") as told:
        open_virtual_camera(device, make_info(64, 48), "yes")
    assert "modprobe v4l2loopback" in told.value.mend


@pytest.fixture
def loopback() -> str:
    """The device, once the module has made it."""
    if not os.path.exists("/sys/module/v4l2loopback"):
        numbers = ["video_nr=9", "exclusive_caps=0", "max_buffers=4"]
        subprocess.run([shutil.which("insmod") or "/sbin/insmod", MODULE, *numbers], check=True)
    deadline_s = time.monotonic() + 10
    while not os.path.exists(DEVICE):
        assert time.monotonic() < deadline_s
        time.sleep(0.1)
    return DEVICE


@contextmanager
def fed(sink: ReopeningSink, frames: list[Frame]) -> Iterator[None]:
    """While inside, `frames` go round and round."""
    over = threading.Event()

    def feed() -> None:
        number = 0
        while not over.wait(0.05):
            sink.write(frames[number % len(frames)])
            number += 1

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def opened() -> av.container.InputContainer:
    """It is a camera as soon as the first picture is there."""
    deadline_s = time.monotonic() + 30
    while True:
        try:
            return av.open(DEVICE, format="v4l2", timeout=30)
        except av.error.ArgumentError:
            assert time.monotonic() < deadline_s
            time.sleep(0.1)


def read(count: int) -> tuple[str, list[np.ndarray]]:
    """Pixel format and pictures, as FFmpeg reads the camera."""
    with opened() as camera:
        pictures: list[np.ndarray] = []
        for picture in camera.decode(video=0):
            pictures.append(picture.to_ndarray())
            if len(pictures) == count:
                return picture.format.name, pictures
    raise AssertionError("it ended")


@needs_module
@pytest.mark.parametrize("size", [(64, 48), (33, 17)])
def test_another_program_sees_the_pictures_to_the_last_bit(loopback: str, size: tuple[int, int]) -> None:
    told = replace(make_info(*size, live=True), color=replace(make_info(*size).color, matrix=6))
    frames = [replace(make_frame(*size, seed=seed), color=told.color) for seed in range(3)]
    _, sink = open_virtual_camera(loopback, told, "yes")
    with closing(sink), fed(sink, frames):
        form, pictures = read(6)
    assert form == "yuv420p"
    width, height = (side + side % 2 for side in size)
    whole = [np.pad(frame.y, ((0, height - size[1]), (0, width - size[0])), "edge") for frame in frames]
    for picture in pictures:
        assert picture.shape == (height * 3 // 2, width)
        assert any(np.array_equal(picture[:height], y) for y in whole)
    assert "feeding virtual camera /dev/video9" in sink.status


@needs_module
def test_ten_bits_become_eight(loopback: str) -> None:
    deep = PixelLayout(bits=10)
    y, c = np.full((48, 64), 400, np.uint16), np.full((24, 32), 512, np.uint16)
    frame = Frame(y, c, c, 0, Fraction(1, 25), make_info(64, 48).color, layout=deep)
    _, sink = open_virtual_camera(loopback, replace(make_info(64, 48, live=True), layout=deep), "yes")
    with closing(sink), fed(sink, [frame]):
        _, pictures = read(2)
    assert abs(int(pictures[1][:48].mean()) - 100) <= 1
    assert pictures[1][48:].mean() == pytest.approx(128, abs=1)


@needs_module
def test_colours_become_those_that_a_camera_is_taken_to_have(loopback: str) -> None:
    red = [np.full(shape, value, np.uint8) for shape, value in (((48, 64), 63), ((24, 32), 102), ((24, 32), 240))]
    frame = Frame(*red, 0, Fraction(1, 25), make_info(64, 48).color)  # BT.709
    _, sink = open_virtual_camera(loopback, make_info(64, 48, live=True), "yes")
    with closing(sink), fed(sink, [frame]):
        _, pictures = read(2)
    planes = pictures[1][:48], pictures[1][48:60], pictures[1][60:]
    assert [plane.mean() for plane in planes] == pytest.approx([81, 90, 240], abs=1.5)


@needs_module
def test_a_camera_is_fed_by_one(loopback: str) -> None:
    _, sink = open_virtual_camera(loopback, make_info(64, 48), "yes")
    with closing(sink), pytest.raises(BackendError):
        open_virtual_camera(loopback, make_info(64, 48), "yes")


@needs_module
def test_a_reader_goes_on_in_one_size_when_the_pictures_change_theirs(loopback: str) -> None:
    bright = [np.full(shape, value, np.uint8) for shape, value in (((80, 96), 200), ((40, 48), 128), ((40, 48), 128))]
    told = replace(make_info(96, 48, live=True), color=replace(make_info(2, 2).color, matrix=6))
    other = replace(told, width=96, height=80)
    device, sink = open_virtual_camera(loopback, told, "yes")
    with closing(sink), fed(sink, [replace(make_frame(96, 48), color=told.color)]):
        reader = opened()
        pictures = reader.decode(video=0)
        next(pictures)
    later = camera_again(device, other, "yes")
    with reader, closing(later), fed(later, [Frame(*bright, 0, Fraction(1, 25), told.color)]):
        deadline_s = time.monotonic() + 30
        while (picture := next(pictures).to_ndarray())[24, 48] != 200:
            assert time.monotonic() < deadline_s
    assert picture.shape == (72, 96)
    assert (picture[:48, :18] == 16).all()
    assert (picture[4:44, 24:72] == 200).all()


@needs_module
def test_the_command_feeds_it_while_it_runs(loopback: str) -> None:
    command = [sys.executable, "-m", "rtsr", "view", "pattern:64x36?live=yes&fps=5", "--model", "bicubic", "--headless"]
    kept = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    view = subprocess.Popen([*command, "--virtual-camera", loopback], **kept)
    try:
        _, pictures = read(10)
    finally:
        view.send_signal(2)
        out, err = view.communicate(timeout=60)
    assert pictures[-1].shape == (108, 128)
    assert "feeding virtual camera /dev/video9" in out, err


def test_a_source_is_not_taken_for_a_device() -> None:
    with pytest.raises(Exception, match="is no device"):
        beside_of(View(source="", virtual_camera="pattern:"))
