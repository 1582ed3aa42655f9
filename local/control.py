"""The control server of a running stack: JSON over HTTP on the loopback, for `python -m local`.

Requests of web pages are kept out: a page cannot send this content type without asking first, and
a name that resolves here is not the host that is expected.
"""

import json
import logging
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from local.outcomes import Outcomes
from local.switches import Absent, Switches, Wrong

log = logging.getLogger(__name__)

# Pub/Sub pushes messages of up to 10 MB as base64; outcomes are far below.
_BODY_LIMIT = 1024 * 1024
_DRAINED = 4 * _BODY_LIMIT
_TIMEOUT = 30.0
_LONGEST_WAIT = 20.0
_TYPE = "application/json"

Answer = Callable[["Control", dict[str, Any]], Any]


class Control:
    """Answers from its start on; :attr:`url` is known before."""

    def __init__(self, switches: Switches, outcomes: Outcomes) -> None:
        self.switches = switches
        self.outcomes = outcomes
        control = self

        class Handler(_Handler):
            answers = control

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="control", daemon=True
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, sent: dict[str, Any]) -> tuple[int, Any]:
        found = _ROUTES.get((method, path))
        if found is None:
            return 404, {"error": f"{method} {path} is nothing here"}
        try:
            return 200, found(self, sent)
        except Absent as absent:
            return 404, {"error": str(absent)}
        except KeyError as missing:
            return 400, {"error": f"{missing.args[0]}: is missing"}
        except (TypeError, ValueError) as wrong:
            return 400, {"error": str(wrong)}


def _outcomes(control: Control, sent: dict[str, Any]) -> Any:
    wait = min(float(sent.get("wait", 0)), _LONGEST_WAIT)
    return [
        {"number": heard.number, "outcome": heard.outcome}
        for heard in control.outcomes.after(int(sent.get("after", 0)), wait)
    ]


def _flag(sent: dict[str, Any], name: str) -> bool:
    if not isinstance(sent[name], bool):
        raise Wrong(f"{name}: right is true or false")
    return bool(sent[name])


_ROUTES: dict[tuple[str, str], Answer] = {
    ("GET", "/state"): lambda control, _: control.switches.state(),
    ("GET", "/outcomes"): _outcomes,
    ("POST", "/outcomes"): lambda control, sent: control.outcomes.hear(sent),
    ("POST", "/images"): lambda control, sent: control.switches.push(
        str(sent["image"]), str(sent["text"])
    ),
    ("GET", "/tags"): lambda control, sent: control.switches.tags(str(sent["image"])),
    ("POST", "/tags/delete"): lambda control, sent: control.switches.delete_tag(str(sent["image"])),
    ("POST", "/limit"): lambda control, sent: control.switches.limit(on=_flag(sent, "on")),
    ("POST", "/pause"): lambda control, sent: control.switches.pause(on=_flag(sent, "on")),
    ("POST", "/part"): lambda control, sent: control.switches.set_part(
        str(sent["name"]), up=_flag(sent, "up")
    ),
    ("POST", "/page"): lambda control, sent: control.switches.page(str(sent["email"])),
    ("POST", "/clock"): lambda control, sent: control.switches.advance(float(sent["seconds"])),
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # unbuffered writes meet the peer's delayed acknowledgement
    timeout = _TIMEOUT
    answers: ClassVar[Control]

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self._settle(parts.path, dict(parse_qsl(parts.query)))

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != _TYPE or not length.isdigit():
            self._refuse(415, f"a POST has a Content-Length and is {_TYPE}")
        elif int(length) > _BODY_LIMIT:
            # Read, within reason: who is still sending does not see an answer.
            self.rfile.read(min(int(length), _DRAINED))
            self._refuse(413, f"at most {_BODY_LIMIT} bytes")
        else:
            try:
                sent = json.loads(self.rfile.read(int(length)))
            except ValueError as error:
                self._refuse(400, f"not JSON: {error}")
                return
            self._settle(self.path, sent)

    def _settle(self, path: str, sent: Any) -> None:
        if self.headers.get("Host") != urlsplit(self.answers.url).netloc:
            self._refuse(421, f"this is {self.answers.url}")
        elif not isinstance(sent, dict):
            self._refuse(400, "expected an object")
        else:
            self._send(*self.answers.answer(self.command, path, sent))

    def _refuse(self, status: int, reason: str) -> None:
        self.close_connection = True  # what was not read is not the next request
        self._send(status, {"error": reason})

    def _send(self, status: int, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", _TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        log.debug(format, *args)
