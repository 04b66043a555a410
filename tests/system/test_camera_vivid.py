"""A real V4L2 device: the kernel's own test camera, and v4l2-ctl.

`RTSR_TEST_VIVID=1 tests/system/vivid/boot python -m pytest tests/system/test_camera_vivid.py` brings it along; else
`sudo modprobe vivid n_devs=1 node_types=0x1`.
"""

import os
import re
import shutil
import subprocess
import threading
import time
from contextlib import closing
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import pytest

from rtsr.cli import main
from rtsr.color import Siting
from rtsr.errors import SourceError, UsageError
from rtsr.sources import open_source
from rtsr.sources.camera import list_cameras, open_camera
from rtsr.sources.live import Live
from rtsr.sources.modes import choose_mode
from rtsr.sources.reading import Reading
from rtsr.sources.v4l2 import camera_controls, camera_modes, control_value, find_again, identity_of, set_controls

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


def test_its_modes_are_what_v4l2_ctl_tells():
    told = subprocess.run(
        ["v4l2-ctl", "-d", device(), "--list-formats-ext"], check=True, capture_output=True, text=True
    )
    sizes = {tuple(map(int, found)) for found in re.findall(r"Size: Discrete (\d+)x(\d+)", told.stdout)}
    modes = camera_modes(device())
    assert {(mode.width, mode.height) for mode in modes} == sizes
    assert {mode.format for mode in modes} >= {"yuyv422", "nv12", "yuv420p"}
    assert Fraction(30) in modes[0].rates_fps


@pytest.mark.parametrize(
    ("live", "size", "siting"),
    [
        (Live(size_wh=(1280, 720), rate_fps=Fraction(10)), (1280, 720), None),
        (Live(size_wh=(320, 180), rate_fps=Fraction(60), format="yuyv422"), (320, 180), Siting.LEFT),
        (Live(size_wh=(600, 300)), (640, 360), None),
    ],
)
def test_it_is_set_as_asked(live, size, siting):
    choice = choose_mode(camera_modes(device()), live)
    with closing(open_camera(device(), live)) as source:
        assert ((source.info.width, source.info.height), source.info.rate_fps) == (size, choice.rate_fps)
        assert siting in (None, source.info.color.siting)
        frames = list(islice(source.frames(), 10))
    assert frames[-1].y.shape == size[::-1]


def test_frames_carry_the_time_of_the_kernel():
    with closing(open_camera(device())) as source:
        ages = [time.monotonic() - frame.captured_s for frame in islice(source.frames(), 30)]
        stamps = [frame.captured_s for frame in islice(source.frames(), 30)]
    assert all(0 <= age < 1 for age in ages)
    steps = [later - earlier for earlier, later in pairwise(stamps)]
    assert sorted(steps)[len(steps) // 2] == pytest.approx(1 / 30, abs=0.01)


def test_controls_are_set_and_nonsense_is_refused():
    names = {one.name: one for one in camera_controls(device())}
    assert (names["brightness"].least, names["brightness"].most) == (0, 255)
    set_controls(device(), [("brightness", "17"), ("horizontal_flip", "yes"), ("test_pattern", "75% Colorbar")])
    assert control_value(device(), "brightness") == 17
    assert control_value(device(), "horizontal_flip") == 1
    assert control_value(device(), "test_pattern") == 0
    set_controls(device(), [("brightness", "128"), ("horizontal_flip", "no")])
    for name, value, words in (
        ("brightnes", "3", "is not there"),
        ("brightness", "300", "is not possible"),
        ("test_pattern", "plaid", "makes no sense"),
    ):
        with pytest.raises(UsageError, match=words):
            set_controls(device(), [(name, value)])


def bind(do):
    Path("/sys/bus/platform/drivers/vivid", do).write_text("vivid.0")


def test_unplugged_and_plugged_in_again_it_goes_on():
    place = device()
    with closing(open_source(place, reading=Reading(live=Live(returns="yes")))) as source:
        frames = source.frames()
        pts = [next(frames).pts for _ in range(5)]
        bind("unbind")
        threading.Timer(1.5, bind, ["bind"]).start()
        while not source.returns:
            pts.append(next(frames).pts)
        pts += [next(frames).pts for _ in range(5)]
    assert all(later > earlier for earlier, later in pairwise(pts))
    assert "went away" in source.losses[0]
    assert place not in open_files()


def test_it_is_found_again_under_another_number():
    before = device()
    identity = identity_of(before)
    assert identity is not None
    held = os.open(before, os.O_RDWR | os.O_NONBLOCK)  # the kernel gives its number to no other as long as it is open
    try:
        bind("unbind")
        bind("bind")
        assert device() != before
        assert find_again(identity, before) == device()
    finally:
        os.close(held)
    bind("unbind")
    bind("bind")


def test_a_part_of_its_name_is_enough():
    with closing(open_source("viv")) as source:
        assert source.info.label == device()
