"""A small HTTP/1.1 server: one thread per connection, faults, a bounded log of requests.

Not ``http.server.HTTPServer``: it cannot be made to refuse connections and to accept them again on
the same port, nor does it close the connections that are kept alive.
"""

import logging
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from typing import Any, BinaryIO, cast

from local.clock import Clock
from local.registry.bodies import request_body, spoiled
from local.registry.faults import Fault, Faults
from local.registry.wire import Application, Content, Refused, Request, Response

log = logging.getLogger(__name__)

REQUESTS_KEPT = 100_000
IDLE_SECONDS = 60
HEADER_LIMIT = 64 * 1024
CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request that was answered."""

    method: str
    path: str
    host: str
    status: int
    identity: str
    time: datetime


class Server:
    """Serves one application on a port of 127.0.0.1 that the kernel chooses."""

    def __init__(
        self, application: Application, clock: Clock, *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.application = application
        self.faults = Faults()
        self._seen: deque[Seen] = deque(maxlen=REQUESTS_KEPT)
        self.closing = threading.Event()
        self.is_down = False
        self._clock = clock
        self._tls = tls
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]

    @property
    def origin(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[Seen]:
        """Those answered so far, oldest first."""
        with self._lock:
            return list(self._seen)

    def refuse_connections(self) -> None:
        """Down: connections are refused, and those that are open are reset."""
        self.is_down = True
        self._stop_listening()
        self._reset_open()

    def accept_connections(self) -> None:
        self.is_down = False
        self._listener = self._listen(self.port)

    def close(self) -> None:
        self.closing.set()
        self.is_down = True
        self._stop_listening()
        self._reset_open()

    def record(self, request: Request, response: Response) -> None:
        seen = Seen(
            method=request.method,
            path=request.path,
            host=request.host,
            status=response.status,
            identity=response.identity,
            time=self._clock.now(),
        )
        with self._lock:
            self._seen.append(seen)

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port), backlog=128)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _stop_listening(self) -> None:
        # Closing alone would leave the accepting thread asleep.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _reset_open(self) -> None:
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            reset(connection)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, address = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection, address), daemon=True).start()

    def _serve(self, connection: socket.socket, address: tuple[str, int]) -> None:
        with self._lock:
            self._open.add(connection)
        try:
            connection.settimeout(IDLE_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is None:
                _Connection(connection, address, cast("Any", self))
            else:
                with self._tls.wrap_socket(connection, server_side=True) as secured:
                    _Connection(secured, address, cast("Any", self))
        except OSError as problem:
            log.debug("connection ended", extra={"error": str(problem)})
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()


def reset(connection: socket.socket) -> None:
    """End the connection without a farewell, as a crashed peer does.

    The thread that serves it wakes up and closes it; a lingering of zero makes that a reset.
    """
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Else a TLS handshake is answered without a status line, and docker does not go on to HTTP.
    default_request_version = "HTTP/1.0"
    # Unbuffered writes meet the peer's delayed acknowledgement: 40 ms for each response.
    wbufsize = 64 * 1024
    server_version = "nginx"
    sys_version = ""
    server: Server  # type: ignore[assignment]  # only what this class uses of it

    def handle_any(self) -> None:
        body = request_body(cast("BinaryIO", self.rfile), self.headers)
        request = Request(
            method=self.command,
            target=self.path,
            headers=self.headers,
            body=cast("BinaryIO", body),
            address=self.client_address[0],
            local_origin=self.server.origin,
        )
        # What comes before the thread of an open connection has noticed is not answered either.
        fault = None if self.server.is_down else self.server.faults.instead(request)
        if self.server.is_down or (fault is not None and fault.reset):
            self._reset()
            return
        response = (fault and fault.response) or self._answer(request)
        # What the application did not read would be taken for the next request.
        if not body.discard():
            self.close_connection = True
        spoilt = self.server.faults.spoiling(request, response)
        self.server.record(request, response)
        self._send(response, spoilt)

    do_DELETE = do_GET = do_HEAD = handle_any  # noqa: N815 — the base class's names
    do_PATCH = do_POST = do_PUT = handle_any  # noqa: N815 — the base class's names

    def _answer(self, request: Request) -> Response:
        try:
            return self.server.application(request)
        except Refused as refused:
            return refused.response
        except (ConnectionError, TimeoutError):
            raise  # the client's doing
        except Exception:  # a bug of the stand-in: shown, and answered as a server would
            log.exception("stand-in failed", extra={"path": request.path})
            return Response(status=500, body=b"the stand-in failed; see its log\n")

    def _send(self, response: Response, spoilt: list[Fault]) -> None:
        self.send_response(response.status)
        headers = dict(response.headers)
        for fault in spoilt:
            headers.update(fault.headers)
        headers.setdefault("Content-Length", str(response.length))
        for name, value in headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "HEAD":
            return
        for chunk in spoiled(_chunks(response.body), response.length, spoilt, self.server.closing):
            if chunk is None:
                # Ended, not reset: what was sent so far arrives to the last byte.
                self.close_connection = True
                return
            self.wfile.write(chunk)
            if spoilt:
                self.wfile.flush()  # what is slow is not held back to be sent at once

    def _reset(self) -> None:
        self.close_connection = True
        reset(self.connection)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — the base class's name
        log.debug(format, *args)


def _chunks(body: bytes | Content) -> Iterator[bytes]:
    if isinstance(body, bytes):
        yield body
        return
    with body.path.open("rb") as file:
        file.seek(body.start)
        left = body.length
        while left and (chunk := file.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk
