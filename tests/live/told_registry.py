"""A registry that does as its environment says: one file, nothing but the standard library.

Its source is what a Cloud Run container is started with, ``python -c``. TOLD is JSON, deflated and
in base64 since a variable holds 32 KiB: ``status`` answers everything under /v2/ unless it is 200,
``delay`` comes before any answer, ``tags`` name digests, ``content`` has type and base64 of each.
Each request is one line of JSON on stdout; credentials are left out.
"""

import base64
import http.server
import json
import os
import sys
import time
import zlib
from datetime import UTC, datetime

TOLD = json.loads(zlib.decompress(base64.b64decode(os.environ["TOLD"])))
BODY_LIMIT = 1 << 20


def say(entry: dict[str, object]) -> None:
    """A line on stdout is an entry of Cloud Logging, at its ``time``."""
    now = datetime.now(UTC).isoformat()
    sys.stdout.write(json.dumps({"time": now, **entry}) + "\n")
    sys.stdout.flush()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def answer(self) -> None:
        length = min(int(self.headers.get("Content-Length") or 0), BODY_LIMIT)
        body = self.rfile.read(length)
        headers = {k.lower(): v for k, v in self.headers.items() if k.lower() != "authorization"}
        text = body[:2000].decode(errors="replace")
        said = {"message": "asked", "method": self.command, "path": self.path}
        say({**said, "headers": headers, "body": text})
        time.sleep(TOLD["delay"])
        status, kind, content = self.found()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        name = self.path.rpartition("/")[2]
        digest = TOLD["tags"].get(name, name)
        if status == 200 and digest in TOLD["content"]:
            self.send_header("Docker-Content-Digest", digest)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def found(self) -> tuple[int, str, bytes]:
        empty = "application/json", b"{}"
        if not self.path.startswith("/v2/"):
            return 200, *empty
        if TOLD["status"] != 200:
            return TOLD["status"], *empty
        if self.path == "/v2/":
            return 200, *empty
        name = self.path.rpartition("/")[2]
        kind, content = TOLD["content"].get(TOLD["tags"].get(name, name), (None, ""))
        return (200, kind, base64.b64decode(content)) if kind else (404, *empty)

    do_GET = do_HEAD = do_POST = answer  # noqa: N815 — the base class's names

    def log_message(self, *args: object) -> None:
        pass


if __name__ == "__main__":
    server = http.server.ThreadingHTTPServer((sys.argv[1], int(os.environ["PORT"])), Handler)
    say({"message": "listening", "port": server.server_port})
    server.serve_forever()
