"""A real V4L2 device: the kernel's own test camera, `sudo modprobe vivid n_devs=1 node_types=0x1`, and v4l2-ctl."""

import os
import shutil
import subprocess
import time
from contextlib import closing
from itertools import islice, pairwise

import pytest

from rtsr.cli import main
from rtsr.errors import SourceError
from rtsr.sources.camera import list_cameras, open_camera

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.environ.get("RTSR_TEST_VIVID") != "1" or shutil.which("v4l2-ctl") is None,
        reason="needs the kernel module vivid, v4l2-ctl, and RTSR_TEST_VIVID=1",
    ),
]


def control(name: str, value: int = 1) -> None:
    subprocess.run(["v4l2-ctl", "-d", device(), "-c", f"{name}={value}"], check=True, capture_output=True)


def device() -> str:
    return next(place for place, name in list_cameras() if name == "vivid")


@pytest.fixture(autouse=True)
def calm():
    """Small, fast, red, without text, and giving every frame."""
    form = "--set-fmt-video=width=640,height=360,pixelformat=YUYV"
    subprocess.run(["v4l2-ctl", "-d", device(), form, "--set-parm=30"], check=True, capture_output=True)
    control("osd_text_mode", 2)
    control("test_pattern", 7)
    yield
    control("percentage_of_dropped_buffers", 0)


def open_files() -> list[str]:
    places = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    return [os.readlink(place) for place in places if os.path.lexists(place)]


def test_frames_keep_time_and_colour_and_outlive_the_device():
    with closing(open_camera(device())) as source:
        assert (source.info.width, source.info.height, source.info.rate_fps) == (640, 360, 30)
        frames = list(islice(source.frames(), 30))
    assert all(later.pts > earlier.pts for earlier, later in pairwise(frames))
    for frame in frames:
        assert [int(plane[90, 90]) for plane in (frame.y, frame.u, frame.v)] == pytest.approx([81, 90, 240], abs=2)


def test_closing_lets_go_while_the_frames_are_still_held():
    for _ in range(20):
        source = open_camera(device())
        frames = source.frames()
        held = next(frames), next(frames)
        source.close()
        assert device() not in open_files()
        assert list(frames) == []
        del held


def test_a_camera_is_for_one():
    with closing(open_camera(device())), pytest.raises(SourceError, match="in use by another program"):
        open_camera(device())


def test_a_damaged_frame_is_left_out():
    with closing(open_camera(device())) as source:
        frames = source.frames()
        next(frames)
        control("inject_v4l2_buf_flag_error")
        assert len(list(islice(frames, 60))) == 60
    assert "damaged" in source.losses[0]


@pytest.mark.parametrize(
    ("harm", "words"), [("disconnect", "no such device"), ("inject_fatal_streaming_error", "input/output error")]
)
def test_a_camera_that_goes_away_ends_the_stream(harm, words):
    with closing(open_camera(device())) as source:
        frames = source.frames()
        next(frames)
        control(harm)
        list(islice(frames, 60))
    assert source.losses == (f"{source.info.label} went away: {words}",)


def test_silence_has_an_end():
    place = device()
    with closing(open_camera(place)) as source:
        control("percentage_of_dropped_buffers", 100)
        list(islice(source.frames(), 60))
    assert source.losses == (f"{place} gave no frame for 5 s",)
    began_s = time.monotonic()
    with pytest.raises(SourceError, match="gives no picture"):
        open_camera(place)
    assert time.monotonic() - began_s < 15


def test_the_viewer_shows_it(tmp_path):
    shot = tmp_path / "view.png"
    assert main(["view", device(), "--headless-frames", "5", "--screenshot", str(shot), "--backend", "bicubic"]) == 0
    assert shot.stat().st_size > 1000
