"""What `--cluster` and its companions name: an address that may be used, certificates, and what a task takes."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rtsr.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rtsr.config import Encode

_FORM = "write tls://HOST:PORT, or tcp://127.0.0.1:PORT for a scheduler on this machine"
_PORT = 8786
"""Where a dask scheduler listens if it is not told."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A cluster and how to use it."""

    address: str
    resources: Mapping[str, float]
    """What a task takes of a worker; empty: one of its threads."""
    tls: tuple[str, str, str] | None
    """Paths of CA, certificate and key; None: dask's own settings."""
    storage: str | None
    """Folder by path or URL, where workers leave segments."""
    insecure: bool


def wanted(options: Encode) -> Wanted:
    """What `options` name.

    Raises:
        UsageError: it makes no sense, a file is missing, or the address is of the network and not encrypted.
    """
    tls = _certificates(options.cluster_tls)
    address = _complete(options.cluster or "", encrypted=tls is not None)
    refuse_open(address, options)
    return Wanted(address, _resources(options.cluster_resources), tls, options.cluster_storage, options.insecure)


def refuse_open(address: str, options: Encode | Wanted) -> None:
    """Raises UsageError where whoever is in the network could give work to `address`, and `--insecure` is not there."""
    if not options.insecure and not address.startswith("tls://") and not _is_loopback(_host_port(address)[0]):
        raise UsageError(
            f"{address} is open to the network and not encrypted: whoever reaches it runs what they like on its "
            "workers, as you",
            mend="give it certificates (tls://, --cluster-tls), or add --insecure where the network is yours alone",
        )


def _complete(words: str, *, encrypted: bool) -> str:
    scheme, found, place = words.partition("://")
    if not found:
        scheme, place = "tls" if encrypted else "tcp", words
    if scheme not in ("tcp", "tls"):
        raise UsageError(f"--cluster {words}: {scheme}:// is not supported", mend=_FORM)
    if encrypted and scheme == "tcp":
        raise UsageError(f"--cluster {words} is not encrypted, and --cluster-tls is there", mend=_FORM)
    host, port = _host_port(f"{scheme}://{place}")
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _host_port(address: str) -> tuple[str, int]:
    place = address.partition("://")[2]
    if place.startswith("["):
        host, _, rest = place[1:].partition("]")
        port = rest.removeprefix(":")
    else:
        host, _, port = place.partition(":")
    if not host or not (port or str(_PORT)).isdigit() or not 0 < int(port or _PORT) < 65536:
        raise UsageError(f"--cluster {address} is no address", mend=_FORM)
    return host, int(port or _PORT)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return False
    return all(ipaddress.ip_address(one[4][0]).is_loopback for one in found)


def _certificates(words: str | None) -> tuple[str, str, str] | None:
    if words is None:
        return None
    paths = [str(Path(path).absolute()) for path in words.split(",")]
    if len(paths) != 3:
        raise UsageError(f"--cluster-tls {words} is not three files", mend="write CA.pem,CERT.pem,KEY.pem")
    for path in paths:
        if not Path(path).is_file():
            raise UsageError(f"--cluster-tls: {path} does not exist", mend="write CA.pem,CERT.pem,KEY.pem")
    return paths[0], paths[1], paths[2]


def _resources(words: str | None) -> dict[str, float]:
    taken: dict[str, float] = {}
    for one in (words or "").split(",") if words is not None else ():
        name, _, amount = (part.strip() for part in one.partition("="))
        try:
            taken[name] = float(amount)
        except ValueError:
            taken[name] = 0.0
        if not name or not 0 < taken[name] < float("inf"):
            raise UsageError(f"--cluster-resources {words} is no NAME=N", mend="write for example gpu=1")
    return taken
