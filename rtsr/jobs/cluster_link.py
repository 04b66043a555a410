"""The connection to a dask scheduler: who is there, what each can do, and whether the work may be given to them."""

from __future__ import annotations

import asyncio
import logging
import time
import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rtsr.errors import BackendError, UsageError
from rtsr.jobs.cluster_address import Wanted, refuse_open

if TYPE_CHECKING:
    from distributed import Client

_ANSWER_S = 10.0
"""A scheduler that has not answered by then does not."""
_WORKERS_S = 15.0
"""Workers that start together with the scheduler are there by then."""
_CLOSE_S = 5.0
_TICK_S = 0.5
TIMEOUTS = (TimeoutError, asyncio.TimeoutError)
"""Two until Python 3.10."""


class Lost(Exception):  # noqa: N818 - it is waited for, nobody sees it
    """The scheduler has gone."""


def open_link(asked: Wanted) -> Link:
    """Connect to the cluster that was asked for.

    Raises:
        UsageError: it is open to the network.
        BackendError: dask.distributed is not installed, nobody answers, or no worker has what is asked.
    """
    try:
        import distributed
    except ImportError as error:
        raise BackendError(
            f"--cluster needs dask.distributed, which is not installed ({error})", mend='pip install "rtsr[cluster]"'
        ) from error
    if not logging.getLogger(__name__).isEnabledFor(logging.DEBUG):
        logging.getLogger(distributed.__name__).setLevel(logging.CRITICAL)  # what matters of it, we say
    link = Link(asked)
    try:
        link.connect(_ANSWER_S)
        link.refuse_empty()
    except Lost as error:
        link.close()
        raise BackendError(f"the scheduler at {asked.address} went away", mend="look into its log") from error
    except BaseException:
        link.close()
        raise
    return link


class Link:
    """See `open_link`."""

    def __init__(self, asked: Wanted) -> None:
        self.asked = asked
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        """Connected. Raises Lost where it is not any more."""
        if self._client is None or self._client.status != "running":
            raise Lost
        return self._client

    def connect(self, timeout_s: float) -> None:
        """Anew, if need be.

        Raises:
            BackendError: nobody answers.
            UsageError: who answers is open to the network, or wants certificates.
        """
        from distributed import Client, Security

        security = Security()  # by dask's own settings
        if self.asked.tls is not None:
            authority, certificate, key = self.asked.tls
            security = Security(
                tls_ca_file=authority, tls_client_cert=certificate, tls_client_key=key, require_encryption=True
            )
        if self.asked.address.startswith("tls://") and not security.get_connection_args("client").get("ssl_context"):
            raise UsageError(
                f"{self.asked.address} needs certificates, and neither the command nor dask's settings name any",
                mend="add --cluster-tls CA.pem,CERT.pem,KEY.pem",
            )
        self.close()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of other versions: ours are compared on each worker
                self._client = Client(self.asked.address, timeout=timeout_s, security=security, set_as_default=False)
        except (*TIMEOUTS, OSError, TypeError, ValueError, RuntimeError) as error:
            mend = "start it (dask scheduler), or check host and port"
            if self.asked.address.startswith("tls://"):
                mend += " and the certificates (--cluster-tls CA.pem,CERT.pem,KEY.pem)"
            raise BackendError(f"no scheduler answers at {self.asked.address} ({short(error)})", mend=mend) from error
        refuse_open(str(self.identity()["address"]), self.asked)

    def identity(self) -> dict[str, Any]:
        """What the scheduler says of itself and its workers. Raises Lost."""
        client = self.client
        try:
            told: dict[str, Any] = client.sync(client.scheduler.identity, n_workers=-1, callback_timeout=_ANSWER_S)
        except (*TIMEOUTS, OSError) as error:
            raise Lost from error
        return told

    def able(self) -> dict[str, int]:
        """Addresses of the workers that have what a task takes, and how many tasks each can do at once."""
        found = {}
        for address, told in self.identity()["workers"].items():
            has = told.get("resources") or {}
            shares = [has.get(name, 0) / amount for name, amount in self.asked.resources.items()]
            if all(share >= 1 for share in shares):
                found[address] = int(min([told["nthreads"], *shares]))
        return found

    def refuse_empty(self) -> None:
        """Raises BackendError where no worker can do a task, and none comes soon."""
        until_s = time.monotonic() + _WORKERS_S
        while not self.able():
            with suppress(*TIMEOUTS):
                self.client.wait_for_workers(len(self.identity()["workers"]) + 1, timeout=_TICK_S)
            if time.monotonic() > until_s:
                there = len(self.identity()["workers"])
                asked = " ".join(f"{name}={amount:g}" for name, amount in self.asked.resources.items())
                raise BackendError(
                    f"none of the {there} workers at {self.asked.address} has {asked}" if there else
                    f"no worker is connected to {self.asked.address}",
                    mend=f'start one: dask worker {self.asked.address} --nthreads 1'
                    + (f' --resources "{asked}"' if asked else ""),
                )  # fmt: skip

    def close(self) -> None:
        """Let go: what its workers are at is forgotten. Safe to call twice."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):  # it has gone, or will
                client.close(timeout=_CLOSE_S)


def short(error: BaseException) -> str:
    """Kind and first line of an error of another library."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
