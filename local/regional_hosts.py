"""The proxy by which gcloud reaches a region of the local Cloud Run, and nothing outside.

For a region gcloud puts its name before the host of the endpoint, also of one that was overridden
(googlecloudsdk/command_lib/run/connection_context.py, DeriveRegionalEndpoint), and a host such as
``asia-northeast1-127.0.0.1`` resolves nowhere. A proxy is told the host instead of resolving it.
What gcloud asks beyond this machine is refused: the token that it has here is good for nothing.
"""

import http.client
import json
import logging
import re
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

log = logging.getLogger(__name__)

_TIMEOUT = 60.0
_BODY_LIMIT = 32 * 2**20
# What is not implemented is not in a minute either, and gcloud asks again for half a minute where
# the status is above 499 (googlecloudsdk's apitools/base/py/http_wrapper.py, CheckResponse).
_FOR_GOOD = HTTPStatus.BAD_REQUEST
_REGIONAL = re.compile(r"(?:(?P<region>[a-z]+(?:-[a-z]+)+[0-9]+)-)?127\.0\.0\.1(?::[0-9]+)?")
# https://www.rfc-editor.org/rfc/rfc9110.html#section-7.6.1; the length is said anew.
_OF_THIS_HOP = frozenset({
    "connection", "content-length", "keep-alive", "proxy-authorization", "proxy-connection",
    "te", "trailer", "transfer-encoding", "upgrade",
})  # fmt: skip


def region_of(host: str) -> str:
    """
    >>> region_of("asia-northeast1-127.0.0.1:8080"), region_of("127.0.0.1:8080")
    ('asia-northeast1', '')
    """
    found = _REGIONAL.fullmatch(host)
    return (found["region"] or "") if found else ""


class RegionalHosts:
    """Passes on to this machine's loopback, the host as it was asked for."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="regional-hosts", daemon=True
        ).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # unbuffered writes meet the peer's delayed acknowledgement
    timeout = _TIMEOUT

    def do_CONNECT(self) -> None:
        self._refuse(self.path)

    def _pass_on(self) -> None:
        length = self.headers.get("Content-Length", "0")
        asked = urlsplit(self.path)
        if asked.scheme != "http" or not _REGIONAL.fullmatch(asked.netloc):
            self._refuse(asked.netloc or self.path)
        elif not length.isdigit() or int(length) > _BODY_LIMIT:
            self._send(HTTPStatus.LENGTH_REQUIRED, {}, f"at most {_BODY_LIMIT} bytes\n".encode())
        else:
            self._relay(asked.netloc, asked.port or 80, self.rfile.read(int(length)))

    do_DELETE = do_GET = do_HEAD = do_PATCH = do_POST = do_PUT = _pass_on  # noqa: N815 - http.server's

    def _relay(self, host: str, port: int, body: bytes) -> None:
        target = self.path.removeprefix(f"http://{host}") or "/"
        there = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
        try:
            there.request(self.command, target, body, {**_passed(self.headers), "Host": host})
            answer = there.getresponse()
            status = _FOR_GOOD if answer.status == HTTPStatus.NOT_IMPLEMENTED else answer.status
            self._send(status, _passed(answer.headers), answer.read())
        except (OSError, http.client.HTTPException) as error:
            self._send(HTTPStatus.BAD_GATEWAY, {}, f"{host} does not answer: {error}\n".encode())
        finally:
            there.close()

    def _refuse(self, host: str) -> None:
        log.warning("%s is not implemented here: gcloud asks for it", host)
        self.close_connection = True  # what was not read is not the next request
        # Of the answer to a CONNECT gcloud shows the reason phrase alone.
        reason = f"{host.rpartition(':')[0] or host} is no part of the local cloud"
        error = {"code": _FOR_GOOD, "message": reason, "status": "UNIMPLEMENTED"}
        body = json.dumps({"error": error}).encode()
        self._send(_FOR_GOOD, {"Content-Type": "application/json"}, body, reason)

    def _send(
        self, status: int, headers: dict[str, str], body: bytes, reason: str | None = None
    ) -> None:
        self.send_response_only(status, reason)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        log.debug(format, *args)


def _passed(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _OF_THIS_HOP}
