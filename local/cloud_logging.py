"""Cloud Logging, as far as somebody reads what the functions wrote: `entries:list` over REST.

https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list. A line on a function's
stdout becomes an entry as on Cloud Run: JSON is the payload, and its special fields are lifted
(https://cloud.google.com/logging/docs/structured-logging). Filters: comparisons by `=`, `>=`
and `=~` that are joined by AND, and alternatives in parentheses; any other is refused.
"""

import json
import logging
import threading
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from local.log_filter import Unsupported, parse_filter
from local.logbook import Logbook, parsed
from local.parameters import unknown_parameter
from local.serving import end, serve

log = logging.getLogger(__name__)

HOST = "logging.googleapis.com"
_PATH = "/v2/entries:list"
_ASKED = frozenset({"filter", "orderBy", "pageSize", "pageToken", "resourceNames"})
_TOKEN = "Bearer ya29.local."
_BODY_LIMIT = 64 * 1024
_KEPT = 20_000
_PAGE = 50
# How often the files are looked at: entries appear a moment after they were written.
_PAUSE = 0.3
_LIFTED = "logging.googleapis.com/"
_REFUSED = {
    HTTPStatus.BAD_REQUEST: "INVALID_ARGUMENT",
    HTTPStatus.UNAUTHORIZED: "UNAUTHENTICATED",
    HTTPStatus.FORBIDDEN: "PERMISSION_DENIED",
    HTTPStatus.NOT_FOUND: "NOT_FOUND",
    HTTPStatus.NOT_IMPLEMENTED: "UNIMPLEMENTED",
}


class CloudLogging:
    """*denied* are accounts that may not read; *reads* counts the lists that were asked for."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._books: dict[str, Logbook] = {}
        self._entries: deque[dict[str, Any]] = deque(maxlen=_KEPT)
        self._count = 0
        self._ended = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._reader = threading.Thread(target=self._read_on, name="cloud-logging", daemon=True)
        self.denied: set[str] = set()
        self.reads = 0
        self.url = ""

    def watch(self, service: str, path: Path) -> None:
        """Take what *service*, a name on Cloud Run, writes to *path* from now on."""
        with self._lock:
            self._books[service] = Logbook(path)

    def payloads(self) -> list[dict[str, Any]]:
        """Of the structured entries so far, oldest first."""
        with self._lock:
            return [entry["jsonPayload"] for entry in self._entries if "jsonPayload" in entry]

    def start(self) -> None:
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one packet an answer
            timeout = 30

            def handle_any(self) -> None:
                length = self.headers.get("Content-Length") or "0"
                size = int(length) if length.isdecimal() else _BODY_LIMIT + 1
                body = self.rfile.read(size) if size <= _BODY_LIMIT else b""
                token = self.headers.get("Authorization", "")
                status, document = answer(self.command, self.path, token, body)
                content = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json; charset=UTF-8")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_DELETE = do_GET = do_PATCH = do_POST = do_PUT = handle_any  # noqa: N815 - http.server's

            def log_message(self, *args: Any) -> None:
                log.debug(*args)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        serve(self._server, "cloud-logging-api")
        self._reader.start()

    def stop(self) -> None:
        self._ended.set()
        if self._server is not None:
            end(self._server)
            self._reader.join()

    def _read_on(self) -> None:
        while not self._ended.wait(_PAUSE):
            with self._lock:
                for service, book in self._books.items():
                    for line in book.new_lines():
                        self._take(service, line)

    def _take(self, service: str, line: str) -> None:
        self._count += 1
        fields = {key: said for key, said in parsed(line).items() if not key.startswith(_LIFTED)}
        severity = fields.pop("severity", "DEFAULT")
        # Alone, the message is the text.
        alone = fields.get("message") if set(fields) == {"message"} else None
        payload = {"jsonPayload": fields} if fields else {"textPayload": line}
        self._entries.append(
            {
                "insertId": f"local-{self._count}",
                "logName": f"projects/{self._project}/logs/run.googleapis.com%2Fstdout",
                "resource": {
                    "type": "cloud_run_revision",
                    "labels": {"project_id": self._project, "service_name": service},
                },
                "severity": severity,
                "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
                **({"textPayload": alone} if alone is not None else payload),
            }
        )

    def _answer(
        self, verb: str, target: str, token: str, body: bytes
    ) -> tuple[HTTPStatus, dict[str, Any]]:
        path, _, query = target.partition("?")
        if (verb, path) != ("POST", _PATH) or unknown_parameter(query, ()):
            return _refused(HTTPStatus.NOT_IMPLEMENTED, f"{verb} {target} is not implemented")
        if not token.startswith(_TOKEN):
            return _refused(HTTPStatus.UNAUTHORIZED, "no access token of the local cloud")
        if token.removeprefix(_TOKEN) in self.denied:
            return _refused(HTTPStatus.FORBIDDEN, "Permission denied for all log views")
        try:
            asked = json.loads(body)
            return HTTPStatus.OK, self._page(asked)
        except Unsupported as error:
            return _refused(HTTPStatus.NOT_IMPLEMENTED, str(error))
        except (ValueError, TypeError, AttributeError) as error:
            return _refused(HTTPStatus.BAD_REQUEST, str(error))

    def _page(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        if unknown := sorted(asked.keys() - _ASKED):
            raise ValueError(f'Invalid JSON payload received. Unknown name "{unknown[0]}"')
        if asked.get("resourceNames") != [f"projects/{self._project}"]:
            raise ValueError(f"resourceNames: right is projects/{self._project}")
        matches = parse_filter(str(asked.get("filter", "")))
        with self._lock:
            self.reads += 1
            found = [entry for entry in self._entries if matches(entry)]
        order = asked.get("orderBy", "timestamp asc")
        if order not in {"timestamp asc", "timestamp desc"}:
            raise ValueError(f"orderBy: {order!r}")
        if order.endswith("desc"):
            found.reverse()
        size, start = int(asked.get("pageSize", _PAGE)), int(asked.get("pageToken") or 0)
        page = {"entries": found[start : start + size]}
        return page | ({"nextPageToken": str(start + size)} if len(found) > start + size else {})


def _refused(status: HTTPStatus, why: str) -> tuple[HTTPStatus, dict[str, Any]]:
    log.warning("refused: %s", why)
    error = {"code": int(status), "message": why, "status": _REFUSED[status]}
    return status, {"error": error}
