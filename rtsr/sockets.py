"""The sockets that a library has opened in this process: it does not hand them out, and waits on them for ever."""

import os
import socket
import stat
from collections.abc import Collection
from contextlib import suppress


def open_sockets() -> frozenset[int]:
    """Descriptors of this process that are sockets; empty where the system does not tell."""
    found: set[int] = set()
    with suppress(OSError):
        for name in os.listdir("/proc/self/fd"):
            with suppress(OSError):
                if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                    found.add(int(name))
    return frozenset(found)


def limit_silence(descriptors: Collection[int], limit_s: float) -> None:
    """End those that are TCP connections when the other side takes nothing for `limit_s` (RFC 5482; Linux only)."""
    if not hasattr(socket, "TCP_USER_TIMEOUT"):
        return
    for descriptor in descriptors:
        with suppress(OSError), _borrowed(descriptor) as one:  # a Unix socket has no such option
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(limit_s * 1000))


def shut_down(descriptors: Collection[int]) -> None:
    """End whatever waits on them; those that were closed meanwhile are left alone."""
    for descriptor in descriptors:
        with suppress(OSError), _borrowed(descriptor) as one:
            one.shutdown(socket.SHUT_RDWR)


def _borrowed(descriptor: int) -> socket.socket:
    return socket.socket(fileno=os.dup(descriptor))
