"""urllib3's connections, with an end to a header that never ends.

A socket's time-out starts anew with each byte, and http.client reads up to a hundred header lines
of 64 KiB: a server that sends a byte now and then could hold a thread for as long as it likes.
"""

import contextlib
import logging
import socket
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from transship.clients.watch import Watch


class _Connection(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override] # as urllib3 itself
        with _header_within(self.timeout, self.sock):
            return super().getresponse()


class _SecureConnection(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override] # as urllib3 itself
        with _header_within(self.timeout, self.sock):
            return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def pools(**settings: Any) -> PoolManager:
    # Its debug log has whole addresses, and those of blobs are signed.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.INFO)
    manager = PoolManager(**settings)
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return manager


# One for the process: its thread serves the connections of every pool.
_watch = Watch()


@contextlib.contextmanager
def _header_within(seconds: Any, sock: socket.socket) -> Iterator[None]:
    """urllib3 has put the rest of the request's time into the connection's *seconds*."""

    def expire() -> None:
        with contextlib.suppress(OSError):  # already closed by the other side
            sock.shutdown(socket.SHUT_RDWR)

    with _watch.within(float(seconds), expire) as wait:
        try:
            yield
        except (OSError, HTTPException):
            if not wait.has_expired:
                raise
    # http.client takes the end of the stream for the end of the header, and would return it.
    if wait.has_expired:
        raise TimeoutError("the response's header did not end in time")
