"""One request of the outside world: may it in, whose is it, and the bytes both ways.

A connection carries one request; the container is asked to close it, so that every request is
routed by itself. https://cloud.google.com/run/docs/known-issues for the reserved paths.
"""

import contextlib
import html
import logging
import selectors
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from google.cloud import run_v2

from local.run.behaviour import Behaviour
from local.run.errors import RevisionFailed
from local.run.fleet import Fleet
from local.run.iam import Policies, principal
from local.run.instances import Instances
from local.run.record import Record
from local.run.revision import Revision
from local.run.traffic import Share

log = logging.getLogger(__name__)

_HEAD_LIMIT = 64 * 2**10
_CHUNK = 64 * 2**10
_PATIENCE = 60.0
_INTERNAL = frozenset({
    int(run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_ONLY),
    int(run_v2.IngressTraffic.INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER),
    int(run_v2.IngressTraffic.INGRESS_TRAFFIC_NONE),
})  # fmt: skip
_RESERVED = ("/healthz", "/eventlog")
_HOP_BY_HOP = ("connection", "keep-alive", "proxy-connection")


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, kw_only=True, slots=True)
class _Request:
    line: str
    path: str
    headers: Mapping[str, str]
    raw_headers: tuple[str, ...]
    rest: bytes

    @property
    def upgrades(self) -> bool:
        return "upgrade" in self.headers


class Proxy:
    def __init__(
        self, *, fleet: Fleet, policies: Policies, instances: Instances, behaviour: Behaviour
    ) -> None:
        self._fleet = fleet
        self._policies = policies
        self._instances = instances
        self._behaviour = behaviour
        self._lock = threading.Lock()
        self._shares: dict[str, Share] = {}

    def serve(self, caller: socket.socket, record: Record, tag: str) -> None:
        caller.settimeout(_PATIENCE)
        try:
            request = _read(caller)
            if request is None:
                return
            self._admit(request, record)
            revision = self._choose(record, tag)
            timeout = revision.template.timeout.seconds
            with self._instances.connection(revision) as container:
                # A container that hangs up at once is noticed when its answer is read.
                with contextlib.suppress(ConnectionError):
                    container.sendall(_forwarded(request, caller) + request.rest)
                _pump(caller, container, timeout)
        except _Refused as refused:
            _answer(caller, refused.status, str(refused))
        except RevisionFailed as failure:
            log.warning("%s did not start: %s", record.service_id, failure.message)
            _answer(caller, HTTPStatus.SERVICE_UNAVAILABLE, "The service is unavailable.")
        except ConnectionRefusedError:
            _answer(caller, HTTPStatus.SERVICE_UNAVAILABLE, "The service is unavailable.")

    def _admit(self, request: _Request, record: Record) -> None:
        message = record.message
        hidden = message.ingress in _INTERNAL and self._behaviour.internal_hidden
        path = request.path
        if hidden or message.default_uri_disabled:
            raise _Refused(HTTPStatus.NOT_FOUND, "Page not found")
        if path in _RESERVED or path.startswith("/_ah/"):
            # Google's front end answers these itself.
            raise _Refused(HTTPStatus.NOT_FOUND, f"The requested URL {path} was not found.")
        if self._policies.may_invoke(message, request.headers):
            return
        authorization = request.headers.get("authorization", "")
        if authorization and principal(authorization) is None:
            raise _Refused(
                HTTPStatus.UNAUTHORIZED,
                f"The access token could not be verified: {path} wants a local token.",
            )
        raise _Refused(
            HTTPStatus.FORBIDDEN,
            f"Your client does not have permission to get URL {path} from this server.",
        )

    def _choose(self, record: Record, tag: str) -> Revision:
        routes = record.routes
        name: str | None
        if tag:
            name = next((route.revision for route in routes if route.tag == tag), None)
        else:
            with self._lock:
                name = self._shares.setdefault(record.message.uid, Share()).next(routes)
        with self._fleet.lock:
            revision = record.revisions.get(name or "")
        if revision is None:
            raise _Refused(HTTPStatus.NOT_FOUND, "No revision serves this address.")
        return revision


def _read(caller: socket.socket) -> _Request | None:
    head = b""
    while b"\r\n\r\n" not in head:
        if len(head) > _HEAD_LIMIT:
            raise _Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too large.")
        chunk = caller.recv(_CHUNK)
        if not chunk:
            return None
        head += chunk
    text, _, rest = head.partition(b"\r\n\r\n")
    line, *raw_headers = text.decode("latin-1").split("\r\n")
    method, _, rest_of_line = line.partition(" ")
    target, _, version = rest_of_line.partition(" ")
    if not method or not target or not version.startswith("HTTP/1."):
        raise _Refused(HTTPStatus.BAD_REQUEST, "Not an HTTP/1 request.")
    headers = {}
    for header in raw_headers:
        name, _, value = header.partition(":")
        headers[name.strip().lower()] = value.strip()
    path = target.partition("?")[0]
    return _Request(
        line=line, path=path, headers=headers, raw_headers=tuple(raw_headers), rest=rest
    )


def _forwarded(request: _Request, caller: socket.socket) -> bytes:
    """The head as the container gets it."""
    lines = [request.line]
    for header in request.raw_headers:
        name = header.partition(":")[0].strip().lower()
        if name not in _HOP_BY_HOP:
            lines.append(header)
    lines.append(f"Connection: {'Upgrade' if request.upgrades else 'close'}")
    lines.append(f"X-Forwarded-For: {caller.getpeername()[0]}")
    lines.append("X-Forwarded-Proto: https")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _pump(caller: socket.socket, container: socket.socket, timeout: float) -> None:
    """Bytes both ways until the container has finished; a silence as long as *timeout* ends it."""
    container.settimeout(timeout)
    answered = False
    with selectors.DefaultSelector() as selector:
        selector.register(caller, selectors.EVENT_READ)
        selector.register(container, selectors.EVENT_READ)
        while ready := selector.select(timeout):
            for key, _ in ready:
                if key.fileobj is caller:
                    if not _passed_on(caller, container):
                        selector.unregister(caller)
                elif chunk := _received(container):
                    caller.sendall(chunk)
                    answered = True
                elif answered:
                    return
                else:
                    raise _Refused(
                        HTTPStatus.SERVICE_UNAVAILABLE,
                        "The request failed because either the HTTP response was malformed or "
                        "connection to the instance had an error.",
                    )
    if not answered:
        raise _Refused(HTTPStatus.GATEWAY_TIMEOUT, "upstream request timeout")


def _passed_on(caller: socket.socket, container: socket.socket) -> bool:
    """Whether more may come; a container that hangs up may have answered already."""
    chunk = caller.recv(_CHUNK)
    try:
        if chunk:
            container.sendall(chunk)
        else:
            container.shutdown(socket.SHUT_WR)
    except ConnectionError:
        return False
    return bool(chunk)


def _received(container: socket.socket) -> bytes:
    try:
        return container.recv(_CHUNK)
    except ConnectionError:
        return b""


def _answer(caller: socket.socket, status: HTTPStatus, text: str) -> None:
    body = (
        f"<html><head><title>{status.value} {status.phrase}</title></head>"
        f"<body><h1>Error: {status.phrase}</h1><h2>{html.escape(text)}</h2></body></html>\n"
    ).encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/html; charset=UTF-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    ).encode()
    caller.sendall(head + body)
