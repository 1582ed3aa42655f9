"""A push endpoint: a real HTTP server that records what it gets and answers what it is told."""

import base64
import http.server
import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    at: float
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> Any:
        return self.document["message"]

    @property
    def data(self) -> bytes:
        return base64.b64decode(self.message["data"])


class _Server(http.server.ThreadingHTTPServer):
    # With the default of 5, a burst of connections waits a second for the next SYN.
    request_queue_size = 128


class Receiver:
    """Answers 204 unless `answers[path]` holds something else to answer first."""

    def __init__(self) -> None:
        self.answers: defaultdict[str, deque[int]] = defaultdict(deque)
        self._hits: defaultdict[str, list[Hit]] = defaultdict(list)
        self._changed = threading.Condition()
        self._silent: set[str] = set()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}
        )

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def keep_silent(self, path: str) -> None:
        """Answer nothing at *path* until `speak`."""
        with self._changed:
            self._silent.add(path)

    def speak(self, path: str) -> None:
        with self._changed:
            self._silent.discard(path)
            self._changed.notify_all()

    def hits(self, path: str) -> list[Hit]:
        with self._changed:
            return list(self._hits[path])

    def wait(self, path: str, count: int = 1, timeout: float = 20.0) -> list[Hit]:
        with self._changed:
            arrived = self._changed.wait_for(lambda: len(self._hits[path]) >= count, timeout)
            assert arrived, f"{len(self._hits[path])} of {count} push requests at {path}"
            return list(self._hits[path])

    def _receive(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        with self._changed:
            hit = Hit(at=time.monotonic(), headers=headers, body=body)
            self._hits[path].append(hit)
            self._changed.notify_all()
            self._changed.wait_for(lambda: path not in self._silent, 60)
            return self.answers[path].popleft() if self.answers[path] else 204

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        receive = self._receive

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # a head and a body in two segments cost 40 ms
            timeout = 30

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {key.lower(): value for key, value in self.headers.items()}
                self.send_response(receive(self.path, headers, body))
                self.send_header("Content-Length", "0")
                self.send_header("Connection", "close")
                self.end_headers()
                self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
                pass

        return Handler

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for path in list(self._silent):
            self.speak(path)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
