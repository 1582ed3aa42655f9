"""A registry of a few lines, for tests of the local Cloud Run: images on a shelf, and refusals."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from local.images import Image

MIRROR = "asia-northeast1-docker.pkg.dev"
REPOSITORY = f"{MIRROR}/sample-project/docker/dockersamples/static-site"

_PATH = re.compile(r"/v2/(?P<path>.+)/(?P<kind>manifests|blobs)/(?P<name>[^/]+)")


class Shelf:
    """Serves what was put on it under any repository; *refuse* is a status for the next *times*."""

    def __init__(self) -> None:
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.blobs: dict[str, bytes] = {}
        self.refuse = 0
        self.times = 1000
        self.requests: list[dict[str, str]] = []
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            wbufsize = -1

            def do_GET(self) -> None:
                shelf.requests.append({**dict(self.headers), "path": self.path})
                status, media_type, body = shelf.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.host_map = {MIRROR: self.url}

    def put(self, image: Image, tag: str = "latest") -> str:
        """The reference by digest of *image*, which is at *tag* as well."""
        for manifest in image.manifests():
            self.manifests[manifest.digest] = (manifest.media_type, manifest.content)
        for blob in image.blobs():
            self.blobs[blob.digest] = b"".join(blob.chunks())
        root = image.root
        self.manifests[tag] = (root.media_type, root.content)
        return f"{REPOSITORY}@{root.digest}"

    def answer(self, path: str) -> tuple[int, str, bytes]:
        if self.refuse and self.times:
            self.times -= 1
            return self.refuse, "application/json", b'{"errors":[{"code":"REFUSED"}]}'
        found = _PATH.fullmatch(path)
        if found is None:
            return 404, "application/json", b"{}"
        if found["kind"] == "manifests" and found["name"] in self.manifests:
            return 200, *self.manifests[found["name"]]
        if found["kind"] == "blobs" and found["name"] in self.blobs:
            return 200, "application/octet-stream", self.blobs[found["name"]]
        return 404, "application/json", b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}'

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
