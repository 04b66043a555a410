"""Live streams, from servers of our own that die, fall silent, change and lie."""

import gc
import itertools
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from rtsr.cli import main
from rtsr.demux import permit
from rtsr.errors import SourceError
from rtsr.sources import open_source
from rtsr.sources.live import Live
from rtsr.sources.reading import Reading
from rtsr.sources.returning import ChangedSource
from rtsr.sources.stream import open_stream
from tests.rtsp_server import RtspServer

IMPATIENT = Live(silent_s=1.0)
RETURNING = Reading(live=Live(returns="yes", silent_s=1.0))


def test_pictures_come_as_they_are_sent() -> None:
    with RtspServer(size=(162, 90)) as server, closing(open_stream(server.url, IMPATIENT)) as source:
        assert (source.info.width, source.info.height, source.info.live) == (162, 90, True)
        frames = list(islice(source.frames(), 20))
    assert all(later.pts > earlier.pts for earlier, later in pairwise(frames))
    assert float(frames[-1].time_s - frames[0].time_s) == pytest.approx(19 / 25, abs=0.05)
    assert frames[-1].y[45, 80] > frames[0].y[45, 80]


def test_a_server_that_lies_about_its_rate_is_believed_by_its_time_stamps() -> None:
    with RtspServer(fps=25, told_fps=50) as server, closing(open_stream(server.url, IMPATIENT)) as source:
        frames = list(islice(source.frames(), 20))
    assert float(frames[-1].time_s - frames[0].time_s) == pytest.approx(19 / 25, abs=0.05)


def test_a_server_that_falls_silent_is_left() -> None:
    with RtspServer() as server, closing(open_stream(server.url, IMPATIENT)) as source:
        frames = source.frames()
        next(frames)
        server.stalled.set()
        list(frames)
    assert source.losses == (f"{server.url} was lost: nothing came for 1 s",)


def test_closing_ends_a_read_at_once() -> None:
    with RtspServer() as server, closing(open_stream(server.url, Live(silent_s=60.0))) as source:
        frames = source.frames()
        next(frames)
        server.stalled.set()
        ended = threading.Event()

        def read() -> None:
            list(frames)
            ended.set()

        threading.Thread(target=read, daemon=True).start()
        time.sleep(0.3)
        source.close()
        assert ended.wait(10)
    assert source.losses == ()


def test_one_that_dies_comes_back_and_leaves_nothing_behind() -> None:
    with RtspServer() as server, closing(open_source(server.url, reading=RETURNING)) as source:
        frames = source.frames()
        pts = [next(frames).pts for _ in range(5)]
        gc.collect()
        held = len(os.listdir("/proc/self/fd"))
        for times in range(1, 4):
            server.cut()
            while source.returns < times:  # what was on its way still comes
                pts.append(next(frames).pts)
        server.close()
        threading.Timer(0.5, server.start).start()
        while source.returns < 4:
            pts.append(next(frames).pts)
        gc.collect()
        assert abs(len(os.listdir("/proc/self/fd")) - held) <= 1  # the server's own, between two clients
    assert all(later > earlier for earlier, later in pairwise(pts))


def test_one_that_comes_back_larger_is_told_apart() -> None:
    with RtspServer() as server, closing(open_source(server.url, reading=RETURNING)) as source:
        frames = source.frames()
        next(frames)
        server.size = (320, 180)
        server.cut()
        with pytest.raises(ChangedSource, match="width 160 -> 320"):
            list(frames)


def test_a_server_that_answers_nothing_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtsr.sources.stream._OPENING_S", 1.0)
    with RtspServer() as server:
        server.mute.set()
        with pytest.raises(SourceError, match="does not answer within 1 s"):
            open_stream(server.url, IMPATIENT)


def test_nobody_there_and_no_password_in_the_words() -> None:
    with pytest.raises(SourceError, match=r"rtsp://127.0.0.1:9/x cannot be opened") as caught:
        open_stream("rtsp://me:secret@127.0.0.1:9/x", IMPATIENT)
    assert "secret" not in str(caught.value)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server of files, and of MJPEG without an end at /live."""
    jpegs = []
    for luma in range(20, 220, 4):
        file = BytesIO()
        Image.new("YCbCr", (160, 96), (luma, 128, 128)).save(file, "JPEG")
        jpegs.append(file.getvalue())

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/live":
                return super().do_GET()
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with suppress(OSError):
                for jpeg in itertools.cycle(jpegs):
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
                    time.sleep(0.04)
            return None

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", tmp_path
        server.shutdown()


def test_mjpeg_of_a_web_camera_is_live(web: tuple[str, Path]) -> None:
    with closing(open_source(f"{web[0]}/live", reading=Reading(live=IMPATIENT))) as source:
        assert (source.info.width, source.info.height, source.info.live) == (160, 96, True)
        frames = list(islice(source.frames(), 10))
    assert frames[-1].y[48, 80] > frames[0].y[48, 80]


def test_a_file_on_a_web_server_is_a_file(web: tuple[str, Path]) -> None:
    assert main(["encode", "pattern:64x48?seconds=1", str(web[1] / "clip.mp4"), "--model", "bicubic"]) == 0
    with pytest.raises(SourceError, match="is reached by http") as caught:
        open_source(f"{web[0]}/clip.mp4")
    assert "--protocols" in caught.value.mend
    permit("http")
    try:
        with closing(open_source(f"{web[0]}/clip.mp4")) as source:
            assert (source.info.live, len(list(source.frames()))) == (False, 30)
    finally:
        permit(None)


def test_udp(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        url = f"udp://127.0.0.1:{free.getsockname()[1]}"
    over = threading.Event()

    def send() -> None:
        options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "repeat-headers=1:keyint=5"}
        with av.open(f"{url}?pkt_size=1316", "w", format="mpegts") as container:
            stream = container.add_stream("libx264", rate=25, options=options)
            stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
            number = 0
            while not over.wait(0.04):
                picture = av.VideoFrame.from_ndarray(np.full((144, 160), 20 + number % 200, np.uint8), format="yuv420p")
                picture.pts = number
                container.mux(stream.encode(picture))
                number += 1

    sender = threading.Thread(target=send)
    sender.start()
    try:
        with closing(open_source(url, reading=Reading(live=IMPATIENT))) as source:
            coming = source.frames()
            frames = list(islice(coming, 15))
            assert float(frames[-1].time_s - frames[0].time_s) == pytest.approx(14 / 25, abs=0.1)
            over.set()
            assert len(list(coming)) < 60
        assert "nothing came for 1 s" in source.losses[0]
    finally:
        over.set()
        sender.join()
