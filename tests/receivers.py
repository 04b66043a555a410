"""Receivers of streams in processes of their own, which can be stopped, killed and started again.

`python -m tests.receivers URL` prints a line of JSON for each picture: when it came (monotonic seconds), its pts in
seconds, its size, matrix and range, and the mean of its luma, in all and of each of 4x4 parts.
"""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import Flags
from av.error import FFmpegError

ROOT = Path(__file__).parents[1]


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Receiver:
    """One such process, and what it has received."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pictures: list[dict] = []
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.receivers", self.url], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self.pictures.append(json.loads(line))

    def wait_for(self, count: int, timeout_s: float = 30) -> list[dict]:
        """The pictures, once there are so many."""
        deadline_s = time.monotonic() + timeout_s
        while len(self.pictures) < count:
            assert time.monotonic() < deadline_s, f"{len(self.pictures)} of {count} pictures came"
            time.sleep(0.02)
        return self.pictures

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join(5)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def __enter__(self) -> "Receiver":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def _told(picture: av.VideoFrame) -> str:
    luma = picture.to_ndarray()[: picture.height, : picture.width]
    rows, columns = picture.height // 4, picture.width // 4
    grid = luma[: 4 * rows, : 4 * columns].reshape(4, rows, 4, columns).mean((1, 3))
    return json.dumps({
        "came_s": time.monotonic(),
        "time_s": picture.time,
        "size": [picture.width, picture.height],
        "format": picture.format.name,
        "tags": [int(picture.colorspace), int(picture.color_range)],
        "luma": float(luma.mean()),
        "grid": grid.round(1).tolist(),
    })  # fmt: skip


def _from_ffmpeg(url: str) -> Iterator[av.VideoFrame]:
    """UDP, RTP, and RTMP and TCP called by who sends."""
    options = {"fflags": "nobuffer", "probesize": "65536", "analyzeduration": "100000"}
    if url.startswith(("rtmp", "tcp")):
        options["listen"] = "1"
    with av.open(url, options=options) as container:
        stream = container.streams.video[0]
        stream.thread_type = "SLICE"
        stream.codec_context.flags |= Flags.low_delay
        yield from container.decode(stream)


def _from_rtsp(url: str) -> Iterator[av.VideoFrame]:
    """An RTSP server (RFC 2326) that is announced to, and given H.264 (RFC 6184) over its own connection."""
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_type = "SLICE"
    decoder.flags |= Flags.low_delay
    with socket.create_server(("127.0.0.1", int(url.split(":")[2].split("/")[0])), reuse_port=True) as listener:
        print("ready", flush=True)
        client, _ = listener.accept()
        with client, client.makefile("rwb") as talk:
            unit, stamp, first = b"", 0, None
            while head := talk.read(1):
                if head != b"$":
                    _answer(talk, head)
                    continue
                channel, size = talk.read(1)[0], int.from_bytes(talk.read(2), "big")
                packet = talk.read(size)
                if channel % 2:  # RTCP
                    continue
                now = int.from_bytes(packet[4:8], "big")
                if unit and now != stamp:
                    yield from _decoded(decoder, unit, stamp - first)
                    unit = b""
                stamp, first = now, now if first is None else first
                unit += _annex_b(packet[12:])
                if packet[1] & 0x80:  # the last of its picture
                    yield from _decoded(decoder, unit, stamp - first)
                    unit = b""


def _decoded(decoder: av.CodecContext, unit: bytes, ticks: int) -> Iterator[av.VideoFrame]:
    packet = av.Packet(unit)
    packet.pts, packet.time_base = ticks, Fraction(1, 90_000)
    for picture in decoder.decode(packet):
        picture.time_base = packet.time_base
        yield picture


def _annex_b(payload: bytes) -> bytes:
    kind = payload[0] & 31
    if kind == 28:  # FU-A: a part of a unit
        begins = payload[1] & 0x80
        return (b"\0\0\0\1" + bytes([payload[0] & 0xE0 | payload[1] & 31]) if begins else b"") + payload[2:]
    if kind == 24:  # STAP-A: several units
        units, at = b"", 1
        while at < len(payload):
            size = int.from_bytes(payload[at : at + 2], "big")
            units += b"\0\0\0\1" + payload[at + 2 : at + 2 + size]
            at += 2 + size
        return units
    return b"\0\0\0\1" + payload


def _answer(talk, head: bytes) -> None:
    lines = [(head + talk.readline()).decode()]
    while (line := talk.readline().decode().strip()) != "":
        lines.append(line)
    told = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines[1:])}
    talk.read(int(told.get("content-length", 0)))
    reply = [f"RTSP/1.0 200 OK\r\nCSeq: {told['cseq']}\r\nSession: 1"]
    if lines[0].startswith("SETUP"):
        reply.append(f"Transport: {told['transport']}")
    talk.write(("\r\n".join(reply) + "\r\n\r\n").encode())
    talk.flush()


def main(url: str) -> None:
    rtsp = url.startswith("rtsp")
    if not rtsp:
        print("ready", flush=True)
    with suppress(FFmpegError, OSError):  # who sends has gone
        for picture in (_from_rtsp if rtsp else _from_ffmpeg)(url):
            print(_told(picture), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
