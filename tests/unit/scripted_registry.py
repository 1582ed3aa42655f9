"""A registry that answers what a test tells it to, right or wrong, and remembers what it was asked.

Plain sockets under http.server: whole families of wrong answers have to be possible.
"""

import contextlib
import gzip
import hashlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from urllib.parse import parse_qs, urlsplit

from transship.clients.egress import Guard
from transship.clients.registry import RegistryClient
from transship.clients.retries import Retries
from transship.deadline import Deadline
from transship.model.digest import Digest
from transship.model.manifest import OCI_INDEX, OCI_MANIFEST
from transship.model.reference import Reference, parse_reference

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
HUB = "registry-1.docker.io"
AUTH = "auth.docker.io"
CDN = "production.cloudflare.docker.com"
MIRROR = "asia-northeast1-docker.pkg.dev"

# No test waits between attempts.
AT_ONCE = Retries(first_wait=0.0, longest_wait=0.0, jitter=0.0)


@dataclass(frozen=True, kw_only=True)
class Asked:
    method: str
    host: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]  # names in lower case
    port: int  # the client's, which tells its connections apart


@dataclass(frozen=True, kw_only=True)
class Reply:
    """*length* is what Content-Length says, and None says nothing and closes the connection."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    length: int | None = -1
    cut_after: int | None = None  # bytes of the body; then the connection ends
    hold: threading.Event | None = None  # waited for before the last byte
    drip: threading.Event | None = None  # a byte now and then, until it is set


Respond = Callable[[Asked], Reply]


def _write(stream: BufferedIOBase, reply: Reply) -> None:
    if reply.hold is not None:
        stream.write(reply.body[:-1])
        stream.flush()
        reply.hold.wait(30)
        stream.write(reply.body[-1:])
    elif reply.drip is not None:
        while not reply.drip.wait(0.02):
            stream.write(b"x")
            stream.flush()
    else:
        stream.write(reply.body[: reply.cut_after])
    stream.flush()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64  # with the usual five, the sixth connection waits for a second


class ScriptedRegistry:
    def __init__(self, respond: Respond, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.respond = respond
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16  # else each answer waits for a delayed acknowledgement

            def _handle(self) -> None:
                parts = urlsplit(self.path)
                asked = Asked(
                    method=self.command,
                    host=self.headers.get("Host", ""),
                    path=parts.path,
                    query=parse_qs(parts.query),
                    headers={name.lower(): value for name, value in self.headers.items()},
                    port=self.client_address[1],
                )
                registry.asked.append(asked)
                self._send(registry.respond(asked))

            do_GET = do_HEAD = _handle  # noqa: N815 - the names that http.server looks for

            def _send(self, reply: Reply) -> None:
                self.send_response(reply.status)
                for name, value in reply.headers:
                    self.send_header(name, value)
                length = len(reply.body) if reply.length == -1 else reply.length
                if length is None:
                    self.send_header("Connection", "close")
                else:
                    self.send_header("Content-Length", str(length))
                self.end_headers()
                if self.command == "HEAD":
                    return
                with contextlib.suppress(OSError):  # the client may have had enough
                    _write(self.wfile, reply)
                if reply.cut_after is not None or reply.drip is not None or length is None:
                    self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

        self._server = _Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def paths(self, method: str = "GET") -> list[str]:
        return [asked.path for asked in self.asked if asked.method == method]


@contextlib.contextmanager
def scripted(respond: Respond, tls: ssl.SSLContext | None = None) -> Iterator[ScriptedRegistry]:
    registry = ScriptedRegistry(respond, tls)
    try:
        yield registry
    finally:
        registry.stop()


def client_of(registry: ScriptedRegistry, **settings: object) -> RegistryClient:
    """A client for which the hub, its token service, its CDN and the mirror are all *registry*."""
    guard = Guard(host_map=dict.fromkeys((HUB, AUTH, CDN, MIRROR), registry.url))
    return RegistryClient(guard, **{"retries": AT_ONCE, **settings})  # type: ignore[arg-type] # passed through


def soon() -> Deadline:
    return Deadline.after(20)


def digest_of(content: bytes) -> Digest:
    return Digest(f"sha256:{hashlib.sha256(content).hexdigest()}")


def descriptor(content: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(digest_of(content)), "size": len(content)}


@dataclass
class Contents:
    """What a well-behaved registry has; a test replaces its answers one by one."""

    manifests: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)

    def add_manifest(self, document: object, media_type: str, *tags: str) -> Digest:
        content = json.dumps(document).encode()
        digest = digest_of(content)
        for key in (str(digest), *tags):
            self.manifests[key] = (content, media_type)
        return digest

    def add_blob(self, content: bytes) -> bytes:
        self.blobs[str(digest_of(content))] = content
        return content

    def add_image(
        self,
        layers: list[bytes],
        *tags: str,
        architecture: str = "amd64",
        media_type: str = OCI_MANIFEST,
    ) -> Digest:
        config = self.add_blob(
            json.dumps(
                {
                    "os": "linux",
                    "architecture": architecture,
                    "config": {"ExposedPorts": {"80/tcp": {}}, "Cmd": ["serve"]},
                }
            ).encode()
        )
        for layer in layers:
            self.add_blob(layer)
        document = {
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": descriptor(config, CONFIG),
            "layers": [descriptor(layer, LAYER) for layer in layers],
        }
        return self.add_manifest(document, media_type, *tags)

    def add_index(self, children: dict[str, Digest], *tags: str) -> Digest:
        """*children* by platform, such as ``linux/amd64``; an empty one is left out."""
        entries = []
        for platform, digest in children.items():
            content, media_type = self.manifests[str(digest)]
            entry = descriptor(content, media_type)
            if platform:
                os, architecture = platform.split("/")
                entry["platform"] = {"os": os, "architecture": architecture}
            entries.append(entry)
        document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
        return self.add_manifest(document, OCI_INDEX, *tags)

    def __call__(self, asked: Asked) -> Reply:
        kind, key = asked.path.rsplit("/", 2)[1:]
        if kind == "manifests" and key in self.manifests:
            content, media_type = self.manifests[key]
            return Reply(
                headers=[
                    ("Content-Type", media_type),
                    ("Docker-Content-Digest", str(digest_of(content))),
                ],
                body=content,
            )
        if kind == "blobs" and key in self.blobs:
            return part_of(self.blobs[key], asked)
        return error(404, "MANIFEST_UNKNOWN", "manifest unknown")


def part_of(content: bytes, asked: Asked) -> Reply:
    wanted = asked.headers.get("range")
    if wanted is None:
        return Reply(body=content)
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    part = content[int(first) : int(last) + 1 if last else None]
    content_range = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
    return Reply(status=206, headers=[("Content-Range", content_range)], body=part)


def error(status: int, code: str, message: str, **headers: str) -> Reply:
    body = json.dumps({"errors": [{"code": code, "message": message, "detail": None}]}).encode()
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Reply(status=status, headers=[("Content-Type", "application/json"), *named], body=body)


def random_bytes(size: int, seed: int = 0) -> bytes:
    """Bytes that do not repeat themselves, the same in every run."""
    block = hashlib.shake_256(str(seed).encode())
    return block.digest(size)


STATIC_SITE: Reference = parse_reference("dockersamples/static-site:latest")
GZIPPED = gzip.compress(b"a document", mtime=0)
