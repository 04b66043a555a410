"""/health and /metrics over HTTP: two pages, one thread, no client that can hold it up.

Why not http.server: it waits for each read, not for a request, so a client that sends a byte at a time holds a thread.
"""

import asyncio
import hmac
import json
import logging
import socket
from collections.abc import Callable, Iterable

from rtsr.background import Background, Report
from rtsr.errors import UsageError

log = logging.getLogger(__name__)
Page = tuple[int, str, bytes]
"""HTTP status, content type, body."""
_ANSWER_S = 2.0
"""A client that has not asked by then, or not taken the answer, is sent away."""
_LONGEST_REQUEST = 8192
_MOST_CLIENTS = 64
_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed"}


class Server:
    """Serves `pages` until it is closed.

    Args:
        address: host and port; port 0 takes any.
        token: what clients must bring; empty: nothing.
        pages: makers of the pages, by path. Called from the server's thread.

    Raises:
        UsageError: the address cannot be listened at.
    """

    def __init__(self, address: tuple[str, int], token: str, pages: dict[str, Callable[[], Page]]) -> None:
        self._token, self._pages = token, pages
        try:
            self._listener = socket.create_server(
                address, family=socket.AF_INET6 if ":" in address[0] else socket.AF_INET
            )
        except OSError as error:
            raise UsageError(
                f"{address[0]}:{address[1]} cannot be listened at ({(error.strerror or str(error)).lower()})",
                mend="name another port at [metrics] listen",
            ) from error
        self._listener.setblocking(False)  # noqa: FBT003 - the socket module's signature
        self.port: int = self._listener.getsockname()[1]
        self._clients: set[socket.socket] = set()
        self._serving_now: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._closed = False
        self._serving = Background(self._run, "rtsr-health")

    def close(self) -> None:
        """Safe to call twice."""
        if not self._closed:
            self._closed = True
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._serving.close()

    def _run(self, _report: Report) -> "_Over":
        self._loop.add_reader(self._listener, self._take)
        try:
            self._loop.run_forever()
            self._loop.remove_reader(self._listener)
            self._loop.run_until_complete(_end(self._serving_now))
        finally:
            self._loop.close()
            for one in (self._listener, *self._clients):
                one.close()
        return _Over()

    def _take(self) -> None:
        """A client knocks."""
        try:
            client, _ = self._listener.accept()
        except OSError:  # it has gone again
            return
        client.setblocking(False)  # noqa: FBT003 - the socket module's signature
        if len(self._clients) >= _MOST_CLIENTS:
            client.close()
            return
        self._clients.add(client)
        task = self._loop.create_task(self._serve(client))
        self._serving_now.add(task)
        task.add_done_callback(self._serving_now.discard)

    async def _serve(self, client: socket.socket) -> None:
        try:
            await asyncio.wait_for(self._answer(client), _ANSWER_S)
        except (OSError, asyncio.TimeoutError):
            pass  # it is gone, or too slow
        finally:
            self._clients.discard(client)
            client.close()

    async def _answer(self, client: socket.socket) -> None:
        request = b""
        while b"\r\n\r\n" not in request:
            more = await self._loop.sock_recv(client, _LONGEST_REQUEST)
            request += more
            if not more or len(request) > _LONGEST_REQUEST:
                return
        words = request.decode("latin-1")
        status, kind, body = self._page(words)
        extra = 'WWW-Authenticate: Bearer realm="rtsr"\r\n' if status == 401 else ""
        reason = _REASONS.get(status, "Service Unavailable")
        head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{extra}"
        head += "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
        await self._loop.sock_sendall(client, head.encode("latin-1") + (b"" if words.startswith("HEAD ") else body))

    def _page(self, request: str) -> Page:
        first, *headers = request.split("\r\n")
        words = first.split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _plain(400)
        if words[0] not in ("GET", "HEAD"):
            return _plain(405)
        if self._token and not hmac.compare_digest(_brought(headers).encode(), self._token.encode()):
            return _plain(401)
        maker = self._pages.get(words[1].split("?")[0])
        return maker() if maker else _plain(404)


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel them, and wait until they are over."""
    begun = list(tasks)
    for task in begun:
        task.cancel()
    await asyncio.gather(*begun, return_exceptions=True)


class _Over:
    def close(self) -> None:
        """Nothing is left."""


def json_page(status: int, content: object) -> Page:
    """`content` as JSON."""
    return status, "application/json", (json.dumps(content) + "\n").encode()


def _plain(status: int) -> Page:
    return status, "text/plain; charset=utf-8", f"{_REASONS[status]}\n".encode()


def _brought(headers: list[str]) -> str:
    """The bearer token among `headers`."""
    for header in headers:
        name, _, value = header.partition(":")
        if name.strip().lower() == "authorization":
            scheme, _, token = value.strip().partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
    return ""
