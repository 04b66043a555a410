"""An RTSP server (RFC 2326) of one H.264 stream over TCP, which can be told to misbehave as real cameras do."""

import select
import socket
import threading
import time
from contextlib import suppress
from fractions import Fraction

import av
import numpy as np

_SDP = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=test
t=0 0
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1
a=framerate:{told_fps}
a=control:video
""".replace("\n", "\r\n")


class RtspServer:
    """Serves one client after the other until it is closed.

    Args:
        size: of the pictures, (width, height).
        fps: that are sent in a second.
        told_fps: that the description promises.
    """

    def __init__(self, size: tuple[int, int] = (160, 90), fps: int = 25, told_fps: int | None = None) -> None:
        self.size, self.fps, self.told_fps = size, fps, told_fps or fps
        self.stalled = threading.Event()
        """While it is set nothing is sent, and the connection stays."""
        self.mute = threading.Event()
        """While it is set no request is answered."""
        self.clients = 0
        self._over = threading.Event()
        self._cut = threading.Event()
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/camera"

    def start(self) -> None:
        """Listen, at the port of before."""
        self._over.clear()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="rtsp-server", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """End the connection that there is."""
        self._cut.set()

    def close(self) -> None:
        """Be gone, as a camera without power."""
        self._over.set()
        self._thread.join(30)
        self._listener.close()

    def __enter__(self) -> "RtspServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            if not select.select([self._listener], [], [], 0.05)[0]:
                continue
            client, _ = self._listener.accept()
            self._cut.clear()
            with client, suppress(OSError):
                self._talk(client)

    def _talk(self, client: socket.socket) -> None:
        asked = b""
        media: _Media | None = None
        try:
            while not (self._over.is_set() or self._cut.is_set()):
                if select.select([client], [], [], 0 if media else 0.05)[0]:
                    received = client.recv(4096)
                    if not received:
                        return
                    asked += received
                    while b"\r\n\r\n" in asked and not self.mute.is_set():
                        request, asked = asked.split(b"\r\n\r\n", 1)
                        if self._answer(client, request.decode(errors="replace")):
                            media = _Media(self.size, self.fps)
                            self.clients += 1
                if media is not None:
                    packets = media.due()
                    for packet in () if self.stalled.is_set() else packets:
                        client.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)
        finally:
            if media is not None:
                media.close()

    def _answer(self, client: socket.socket, request: str) -> bool:
        """Whether the pictures are to begin."""
        method = request.split(" ", 1)[0].lstrip("\r\n")
        number = next(
            (line.split(":")[1].strip() for line in request.splitlines() if line.lower().startswith("cseq")), 0
        )
        lines, body = [f"RTSP/1.0 200 OK\r\nCSeq: {number}"], ""
        if method == "OPTIONS":
            lines.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER")
        elif method == "DESCRIBE":
            body = _SDP.format(told_fps=self.told_fps)
            lines += ["Content-Type: application/sdp", f"Content-Base: {self.url}/", f"Content-Length: {len(body)}"]
        elif method == "SETUP":
            lines += ["Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1;timeout=60"]
        else:
            lines.append("Session: 1")
        client.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
        return method == "PLAY"


class _Media:
    """RTP packets of an encoder, caught on their way through a socket of our own."""

    def __init__(self, size: tuple[int, int], fps: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        port = self._socket.getsockname()[1]
        self._container = av.open(f"rtp://127.0.0.1:{port}", "w", format="rtp")
        options = {"preset": "ultrafast", "tune": "zerolatency", "x264-params": "repeat-headers=1:keyint=10"}
        self._stream = self._container.add_stream("libx264", rate=fps, options=options)
        self._stream.width, self._stream.height, self._stream.pix_fmt = *size, "yuv420p"
        self._stream.time_base = self._stream.codec_context.time_base = Fraction(1, fps)
        self._size, self._fps = size, fps
        self._began_s, self._sent = time.monotonic(), 0

    def due(self) -> list[bytes]:
        """Packets of the pictures whose time has come; waits for the next picture."""
        time.sleep(max(0.0, self._began_s + self._sent / self._fps - time.monotonic()))
        width, height = self._size
        planes = np.full((height * 3 // 2, width), 128, np.uint8)
        planes[:height] = 16 + 2 * self._sent % 200
        picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        picture.pts, picture.time_base = self._sent, Fraction(1, self._fps)
        self._container.mux(self._stream.encode(picture))
        self._sent += 1
        packets = []
        while True:
            try:
                packets.append(self._socket.recv(65536))
            except BlockingIOError:
                return packets

    def close(self) -> None:
        try:
            self._container.close()
        finally:
            self._socket.close()
