"""One HTTP exchange with a registry, along a way that the guard has checked.

Redirects are followed here and not by urllib3: each is checked anew, and a credential never goes to
another host (the distribution specification: clients MUST NOT forward it).
"""

import ssl
import threading
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

import urllib3
from msgspec import Struct
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
)

from transship.clients.answer import Answer, unavailable
from transship.clients.connection import pools
from transship.clients.egress import Guard, Route
from transship.deadline import Deadline
from transship.errors import Refused, RegistryUnavailable

REDIRECTS = frozenset({301, 302, 303, 307, 308})
REDIRECT_LIMIT = 5

# One pool for each address of each host; the least recently used is closed. As many connections
# in it as threads sweep over tags: idle ones cost little.
_SIZES = {"num_pools": 32, "maxsize": 32, "block": False}


class Timeouts(Struct, frozen=True, kw_only=True):
    """Seconds for a connection to be made, and for the next bytes to come."""

    connect: float = 5.0
    # A mirror that does not have a blob yet may fetch much of it before it sends the first byte.
    read: float = 60.0


class Transport:
    """Safe for use by several threads. *ca_file* adds to the system's certificate authorities."""

    def __init__(
        self, guard: Guard, *, timeouts: Timeouts | None = None, ca_file: str | None = None
    ) -> None:
        self._guard = guard
        self._timeouts = timeouts or Timeouts()
        self._ca_file = ca_file
        self._lock = threading.Lock()
        self._pools: dict[str, urllib3.PoolManager] = {}

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        *,
        deadline: Deadline,
        body: bytes | None = None,
        redirects: int = REDIRECT_LIMIT,
    ) -> Answer:
        """The answer to a request, after at most so many *redirects*, which get no body.

        With none allowed a redirect is itself the answer. The caller closes what it does not read.
        """
        # A digest covers the bytes as stored, so nothing may recompress them.
        headers = {"Accept-Encoding": "identity", **headers}
        home = _origin(url)
        routes = self._guard.to_known_host(url)
        for left in range(redirects, -1, -1):
            answer = self._try_each(routes, method, url, headers, body, deadline=deadline)
            body = None
            answer.is_redirected = left < redirects
            location = answer.headers.get("location")
            if answer.status not in REDIRECTS or location is None or redirects == 0:
                return answer
            answer.discard()
            if left == 0:
                break
            url = _joined(url, location)
            if _origin(url) != home:
                # Dropped for good: a later redirect home does not bring it back.
                headers.pop("Authorization", None)
            routes = self._guard.to_any_host(url)
        raise Refused("egress", f"{home} redirects more than {redirects} times")

    def _try_each(
        self,
        routes: tuple[Route, ...],
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        deadline: Deadline,
    ) -> Answer:
        failure = RegistryUnavailable(f"there is no way to {_origin(url)}")
        for route in routes:
            try:
                return self._send_along(route, method, url, headers, body, deadline=deadline)
            except (NewConnectionError, ConnectTimeoutError) as error:
                failure = unavailable(route.server_name, error)
            except HTTPError as error:
                raise unavailable(route.server_name, error) from error
        self._guard.forget(routes[0])
        raise failure

    def _send_along(
        self,
        route: Route,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        deadline: Deadline,
    ) -> Answer:
        left = deadline.remaining()
        if left <= 0:
            raise RegistryUnavailable(f"no time is left to ask {route.server_name}")
        pool = self._pools_of(route.scheme).connection_from_host(
            route.address, route.port, route.scheme, {"server_hostname": route.server_name}
        )
        response = pool.urlopen(
            method,
            _target(url),
            body=body,
            headers={**headers, "Host": route.authority},
            timeout=urllib3.Timeout(
                total=left, connect=self._timeouts.connect, read=self._timeouts.read
            ),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        return Answer(response, host=route.server_name, deadline=deadline)

    def _pools_of(self, scheme: str) -> urllib3.PoolManager:
        """Made when they are needed: the system's certificate authorities take 40 ms to load."""
        with self._lock:
            if scheme not in self._pools:
                tls = {"ssl_context": self._context()} if scheme == "https" else {}
                self._pools[scheme] = pools(**_SIZES, **tls)
            return self._pools[scheme]

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._ca_file is not None:
            context.load_verify_locations(cafile=self._ca_file)
        return context

    def close(self) -> None:
        with self._lock:
            for manager in self._pools.values():
                manager.clear()


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise Refused("egress", f"{_origin(url)} redirects to no address: {error}") from error


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
