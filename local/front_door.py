"""What stands before the page: Identity-Aware Proxy, or Cloud Run's own check of who invokes.

A door is an address on which one person is signed in. IAP adds an assertion that it signs, and
publishes its keys (https://cloud.google.com/iap/docs/signed-headers-howto); Cloud Run passes the
identity token on with its signature taken off
(https://cloud.google.com/run/docs/authenticating/service-to-service). Neither lets a visitor say by
a header who they are.
"""

import base64
import http.client
import json
import logging
import secrets
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from local.serving import end, serve

log = logging.getLogger(__name__)

KEYS_HOST = "www.gstatic.com"
_KEYS_PATH = "/iap/verify/public_key"
_ASSERTION = "X-Goog-IAP-JWT-Assertion"
_LIFE = 600
_TIMEOUT = 60.0
_BODY_LIMIT = 32 * 2**20
_COORDINATE = 32
_OWN = ("x-goog-", "x-serverless-authorization", "authorization")
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})

Auth = Literal["iap", "iam"]


class FrontDoor:
    """*page* is the base URL behind it; *audience* is what assertions are for."""

    def __init__(self, page: Callable[[], str], *, audience: str, auth: Auth = "iap") -> None:
        self._page = page
        self._audience = audience
        self.auth: Auth = auth
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._kid = secrets.token_hex(3)
        self._servers: list[ThreadingHTTPServer] = []
        self._doors: dict[str, str] = {}
        self._making = threading.Lock()
        self.keys_url = ""

    def start(self) -> None:
        self.keys_url = self._serve(self._answer_keys, "iap-keys")

    def stop(self) -> None:
        for server in self._servers:
            end(server)
        self._servers.clear()
        self._doors.clear()

    def door(self, email: str) -> str:
        """The page's address for *email*, who is signed in there."""
        with self._making:
            if email not in self._doors:
                self._doors[email] = self._serve(
                    lambda request: self._pass_on(request, email), f"door of {email}"
                )
            return self._doors[email]

    def assertion(self, email: str, /, **claims: Any) -> str:
        """As IAP signs it."""
        now = int(time.time())
        said = {
            "iss": "https://cloud.google.com/iap",
            "aud": self._audience,
            "sub": f"accounts.google.com:{email}",
            "email": email,
            "iat": now,
            "exp": now + _LIFE,
            **claims,
        }
        signed = f"{_encoded({'alg': 'ES256', 'typ': 'JWT', 'kid': self._kid})}.{_encoded(said)}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        # RFC 7518, section 3.4: both numbers at full length, not DER.
        raw = r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big")
        return f"{signed}.{_base64(raw)}"

    def identity_token(self, email: str, /, **claims: Any) -> str:
        """As a function behind Cloud Run's check gets it."""
        now = int(time.time())
        said = {
            "iss": "https://accounts.google.com",
            "aud": self._page(),
            "email": email,
            "email_verified": True,
            "iat": now,
            "exp": now + _LIFE,
            **claims,
        }
        head = _encoded({"alg": "RS256", "typ": "JWT", "kid": "google"})
        return f"{head}.{_encoded(said)}.SIGNATURE_REMOVED_BY_GOOGLE"

    def headers(self, email: str) -> dict[str, str]:
        """What a request of *email* has when it is let through."""
        if self.auth == "iap":
            return {_ASSERTION: self.assertion(email)}
        return {"Authorization": f"Bearer {self.identity_token(email)}"}

    def keys(self) -> dict[str, str]:
        public = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {self._kid: public.decode()}

    def _answer_keys(self, request: BaseHTTPRequestHandler) -> None:
        if request.path != _KEYS_PATH:
            log.warning("UNIMPLEMENTED %s", request.path)
            _send(request, HTTPStatus.NOT_IMPLEMENTED, [], b"UNIMPLEMENTED")
            return
        content = json.dumps(self.keys()).encode()
        _send(request, HTTPStatus.OK, [("Content-Type", "text/html")], content)

    def _pass_on(self, request: BaseHTTPRequestHandler, email: str) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        if length > _BODY_LIMIT:
            _send(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, [], b"")
            return
        headers = {
            name: text
            for name, text in request.headers.items()
            if not name.lower().startswith(_OWN) and name.lower() not in _HOP_BY_HOP
        }
        headers |= self.headers(email)
        behind = urlsplit(self._page())
        connection = http.client.HTTPConnection(behind.netloc, timeout=_TIMEOUT)
        try:
            connection.request(request.command, request.path, request.rfile.read(length), headers)
            answer = connection.getresponse()
            content = answer.read()
        except OSError:
            _send(request, HTTPStatus.BAD_GATEWAY, [], b"the page does not answer")
            return
        finally:
            connection.close()
        said = [(n, text) for n, text in answer.getheaders() if n.lower() not in _HOP_BY_HOP]
        _send(request, answer.status, said, content)

    def _serve(self, answer: Callable[[BaseHTTPRequestHandler], None], name: str) -> str:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one packet an answer
            timeout = 30

            def do_GET(self) -> None:
                answer(self)

            do_POST = do_HEAD = do_PUT = do_DELETE = do_OPTIONS = do_GET  # noqa: N815 - the library's names

            def log_message(self, *_: Any) -> None:
                """The page's own log tells."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        serve(server, name)
        self._servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"


def _send(
    request: BaseHTTPRequestHandler, status: int, headers: list[tuple[str, str]], content: bytes
) -> None:
    request.send_response_only(status)
    for name, text in headers:
        request.send_header(name, text)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(content)


def _encoded(document: dict[str, Any]) -> str:
    return _base64(json.dumps(document).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
