"""What is shown, sent to real receivers in other processes, which are stopped, killed and brought back."""

import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtsr.config import View
from rtsr.errors import BackendError, RtsrError, UsageError
from rtsr.frame import Frame, PixelLayout, chroma_shape
from rtsr.sinks.hardware import refusal
from rtsr.sinks.live_encoder import live_encoder
from rtsr.sinks.reopening import ReopeningSink
from rtsr.sinks.stream_out import open_stream_out
from rtsr.sinks.transport import TRANSPORTS, Transport, open_container, told, transport_of
from tests.conftest import make_info
from tests.receivers import ROOT, Receiver, free_port
from tests.rtsp_server import RtspServer
from tests.system.test_viewer import display, window  # noqa: F401 - a fixture

FPS = 25


def place(scheme: str) -> str:
    kind = socket.SOCK_DGRAM if scheme in ("udp", "rtp") else socket.SOCK_STREAM
    return f"{scheme}://127.0.0.1:{free_port(kind)}" + ("/live/key" if scheme in ("rtmp", "rtsp") else "")


def picture(number: int, size: tuple[int, int] = (320, 180)) -> Frame:
    """A ramp across, brighter with each number."""
    y = np.tile(np.linspace(40, 120, size[0]).astype(np.uint8), (size[1], 1)) + np.uint8(number % 100)
    c = np.full(chroma_shape(*size), 128, np.uint8)
    info = make_info(*size)
    return Frame(y, c, c, number, Fraction(1, FPS), info.color, captured_s=time.monotonic())


def send(sink: ReopeningSink, seconds: float, begin: int = 0, size: tuple[int, int] = (320, 180)) -> dict[int, Frame]:
    """Frames at their pace, by number."""
    sent, began_s = {}, time.monotonic()
    for number in range(begin, begin + int(seconds * FPS)):
        time.sleep(max(0.0, began_s + (number - begin) / FPS - time.monotonic()))
        sent[number] = picture(number, size)
        sink.write(sent[number])
    return sent


def options(**named: object) -> View:
    return View(source="", **named)


def streaming(there: Receiver) -> ReopeningSink:
    return open_stream_out(there.url, make_info(320, 180, live=True), options())


@pytest.mark.parametrize("scheme", ["rtsp", "rtmp", "udp", "rtp", "tcp"])
def test_what_arrives_is_what_was_sent_soon_after_and_with_its_times_and_colours(scheme: str) -> None:
    with Receiver(place(scheme)) as there, closing(streaming(there)) as sink:
        sent = send(sink, 4)  # no brightness comes twice
        there.wait_for(20)
        assert "streaming to" in sink.status
        assert sink.missed < 2 * FPS  # until the receiver listens
    at_zero = picture(0).y.mean()
    late_s, clock = [], []
    for came in there.pictures[5:]:
        number = round(came["luma"] - at_zero)
        assert came["size"] == [320, 180]
        assert came["tags"] == [1, 1]
        frame = sent[number]
        grid = frame.y.reshape(4, 45, 4, 80).mean((1, 3))
        assert np.abs(np.array(came["grid"]) - grid).max() < 2
        late_s.append(came["came_s"] - frame.captured_s)
        clock.append(came["time_s"] - frame.captured_s)
    times = [came["time_s"] for came in there.pictures]
    assert all(later >= earlier for earlier, later in pairwise(times))  # RTMP counts milliseconds
    assert max(clock) - min(clock) < 0.005, "times are those of capture"
    assert sorted(late_s)[len(late_s) // 2] < 0.5  # frames' times, not seconds


def test_a_receiver_that_dies_is_called_until_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with Receiver(place("rtmp")) as there, closing(streaming(there)) as sink:
        send(sink, 3)
        there.wait_for(10)
        there.kill()
        send(sink, 1, 75)
        assert "is away (" in sink.status
        missed = sink.missed
        assert missed > 0
        before = len(there.pictures)
        there.start()
        begin_s = time.monotonic()
        while len(there.pictures) < before + 10:
            assert time.monotonic() < begin_s + 30
            send(sink, 1, 100)
        assert sink.missed >= missed
        assert "streaming to" in sink.status
    assert caplog.text.count("it is called again until it is there") <= 3
    assert "key" not in caplog.text.replace("/live/...", "")


@pytest.mark.parametrize("scheme", ["rtsp", "rtmp", "tcp"])
def test_a_receiver_that_takes_nothing_any_more_is_given_up_in_seconds(scheme: str) -> None:
    with Receiver(place(scheme)) as there:
        info = make_info(320, 180, live=True)
        with closing(open_stream_out(there.url, info, options(stream_bitrate="30M"))) as sink:
            rng = np.random.default_rng(0)
            began_s = longest_s = 0.0
            for number in range(2000):
                frame = replace(picture(number), y=rng.integers(0, 255, (180, 320), dtype=np.uint8))
                call_s = time.monotonic()
                sink.write(frame)
                longest_s = max(longest_s, time.monotonic() - call_s)
                if number == 20:
                    there.freeze()
                    began_s = time.monotonic()
                if "is away" in sink.status:
                    break
            assert "is away" in sink.status
            assert longest_s < 8
            assert time.monotonic() - began_s < 20


def test_a_size_that_changes_is_sent_on() -> None:
    with Receiver(place("udp")) as there, closing(streaming(there)) as sink:
        send(sink, 3)
        there.wait_for(10)
        send(sink, 3, size=(480, 360))
        there.wait_for(60)
    assert [480, 360] in [came["size"] for came in there.pictures]


def test_ten_bits_are_sent_as_eight_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    info = replace(make_info(320, 180, live=True), layout=PixelLayout(bits=10))
    with Receiver(place("rtsp")) as there, closing(open_stream_out(there.url, info, options())) as sink:
        for number in range(20):
            flat = picture(number)
            planes = [plane.astype(np.uint16) << 2 for plane in (flat.y, flat.u, flat.v)]
            sink.write(Frame(*planes, number, Fraction(1, FPS), flat.color, captured_s=number / 25, layout=info.layout))
        came = there.wait_for(20)
    assert came[0]["format"] == "yuv420p"
    assert came[0]["luma"] == pytest.approx(picture(0).y.mean(), abs=1.5)
    assert "10-bit 4:2:0 becomes 8-bit 4:2:0" in caplog.text


def test_no_frame_is_held_back_and_headers_come_with_every_key_picture() -> None:
    info = make_info(320, 180, live=True)
    encoder, _ = live_encoder("libx264", "2M", info, "flv")
    told_to = encoder.options()
    assert (told_to["tune"], told_to["bf"], told_to["g"], told_to["b"]) == ("zerolatency", "0", "25", "2000000")
    with Receiver(place("rtsp")) as there, closing(open_stream_out(there.url, info, options())) as sink:
        for number in range(3):
            sink.write(picture(number))
            there.wait_for(number)  # the one before is out of the encoder when this one goes in


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("srt://host:1", "no SRT"), ("wall", "no place"), ("file:///tmp/x", "no place"), ("udp://host", "no port"),
        ("rtp://host:0", "no port"), ("tcp://h:70000", "no port"), ("rtsp://:554/x", "no host"),
        ("tcp://h:5?listen=1", "does not wait"), ("rtsp://[::1", "no place"), ("", "no place"),
    ],
)  # fmt: skip
def test_what_is_no_place_to_stream_to_is_refused(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as refused:
        transport_of(url)
    assert refused.value.mend


@given(st.text(max_size=40))
def test_nothing_that_is_typed_there_is_a_traceback(url: str) -> None:
    with suppress(RtsrError):
        transport_of(url)
    assert isinstance(told(url), str)


@pytest.mark.parametrize("scheme", TRANSPORTS)
def test_names_passwords_and_keys_are_never_told(scheme: str) -> None:
    shown = told(f"{scheme}://user:pass@host:5000/app/secret?token=query")
    assert not any(word in shown for word in ("user", "pass", "token", "query"))
    assert "host:5000" in shown
    assert ("secret" in shown) == (not scheme.startswith("rtmp"))


def test_odd_letters_of_a_url_reach_the_host_as_they_are(tmp_path: Path) -> None:
    odd = tmp_path / "a'b|c[d]\\e f.ts"
    container = open_container(str(odd), Transport("mpegts"))
    stream = container.add_stream("libx264", rate=25)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
    container.mux(stream.encode(None))
    container.close()
    assert odd.stat().st_size > 0


@pytest.mark.parametrize("bitrate", ["6MB", "fast", "-1", "0", "99999M", ""])
def test_a_bit_rate_that_is_none_is_refused(bitrate: str) -> None:
    with pytest.raises(UsageError, match="bits per second"):
        live_encoder("auto", bitrate, make_info(320, 180), "flv")


def test_a_hardware_encoder_that_is_named_runs_or_is_refused() -> None:
    if refusal("h264_nvenc", "yuv420p") is None:
        encoder, _ = live_encoder("h264_nvenc", None, make_info(320, 180), "flv")
        assert encoder.codec == "h264_nvenc"
        return
    with pytest.raises(BackendError) as refused:
        live_encoder("h264_nvenc", None, make_info(320, 180), "flv")
    assert "--stream-codec auto" in refused.value.mend


@contextmanager
def viewing(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "rtsr", "view", "--model", "bicubic", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        print(*process.communicate())


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


def test_a_machine_without_a_screen_streams_until_it_is_stopped() -> None:
    with (
        Receiver(place("rtsp")) as there,
        Receiver(place("udp")) as wall,
        viewing("pattern:160x90?live=yes", "--headless", "--stream", there.url, "--stream", wall.url) as view,
    ):
        there.wait_for(50)
        wall.wait_for(10)
        code, out, err = ended(view)
    assert code == 75, err
    assert there.pictures[0]["size"] == [320, 180]
    assert re.search(r"\d+ frames shown", out)
    assert re.search(rf"streaming to {re.escape(there.url)}, [\d.]+ fps, \d+ dropped", out), out
    assert f"streaming to {wall.url}" in out


def test_a_file_is_streamed_at_its_own_pace() -> None:
    with (
        Receiver(place("rtmp")) as there,
        viewing("pattern:160x90?fps=25&seconds=4", "--headless", "--stream", there.url) as view,
    ):
        began_s = time.monotonic()
        out, err = view.communicate(timeout=60)
        took_s = time.monotonic() - began_s
        assert view.returncode == 0, err
        assert took_s > 3
        pictures = there.wait_for(30)
    assert 2 < pictures[-1]["time_s"] < 5
    assert "frames shown" in out


def test_a_source_that_comes_back_larger_is_streamed_larger() -> None:
    with (
        RtspServer(size=(160, 90)) as camera,
        Receiver(place("udp")) as there,
        viewing(camera.url, "--headless", "--stream", there.url) as view,
    ):
        there.wait_for(25)
        camera.size = (240, 180)
        camera.cut()
        deadline_s = time.monotonic() + 40
        while there.pictures[-1]["size"] != [480, 360]:
            assert time.monotonic() < deadline_s
            time.sleep(0.1)
        code, _, err = ended(view)
    assert code == 75, err
    assert there.pictures[0]["size"] == [320, 180]
    assert "width 160 -> 240" in err


def test_nothing_is_left_behind_by_a_hundred_calls_in_vain() -> None:
    places = [
        f"rtmp://127.0.0.1:{free_port()}/a/b",
        f"rtsp://127.0.0.1:{free_port()}/a",
        f"tcp://127.0.0.1:{free_port()}",
    ]
    info = make_info(320, 180, live=True)

    def call(url: str) -> None:
        with closing(open_stream_out(url, info, options(reconnect=False))) as sink, pytest.raises(BackendError):
            sink.write(picture(0))

    for url in places:
        call(url)
    before = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(33):
        for url in places:
            call(url)
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == before


@pytest.mark.slow
def test_a_blocked_receiver_does_not_slow_what_is_shown() -> None:
    def shown(freeze: bool) -> float:
        with (
            Receiver(place("tcp")) as there,
            viewing(
                "pattern:320x180?live=yes&fps=30", "--headless", "--stream", there.url, "--stream-bitrate", "40M"
            ) as view,
        ):
            there.wait_for(10)
            if freeze:
                there.freeze()
            time.sleep(8)
            code, out, err = ended(view)
        assert code == 75, err
        told_fps = re.search(r"display ([\d.]+) fps", out)
        assert told_fps is not None
        return float(told_fps[1])

    assert shown(freeze=True) > 0.85 * shown(freeze=False)


def test_a_server_that_is_not_there_ends_it_only_without_reconnect() -> None:
    url = "rtmp://user:hidden@127.0.0.1:1/app/key"
    with viewing("pattern:160x90?live=yes", "--headless", "--no-reconnect", "--stream", url) as view:
        out, err = view.communicate(timeout=60)
    assert view.returncode == 5
    assert "rtmp://127.0.0.1:1/app/... is away" in err
    assert "hidden" not in out + err


def test_the_window_tells_what_it_streams(display: str, tmp_path: Path) -> None:  # noqa: F811
    with (
        Receiver(place("udp")) as there,
        window(display, tmp_path, "pattern:320x180?live=yes", "--stream", there.url) as shown,
    ):
        there.wait_for(30)
        with_numbers = shown.shot()
        shown.key("q")
        code, out, err = shown.wait()
    assert code == 0, err
    assert with_numbers.max() > 200
    assert f"streaming to {there.url}" in out
