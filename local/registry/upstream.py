"""How a remote repository asks its upstream, and what it says when that fails.

Only the status and the text of a failure are documented; the codes in the bodies are ours.
https://docs.cloud.google.com/artifact-registry/docs/troubleshoot-remote
"""

import base64
import http.client
import json
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import urlencode, urljoin, urlsplit

from local.registry.wire import MANIFEST_LIMIT, Refused, Response, error

CHUNK = 1024 * 1024
SECONDS = 20.0
HOPS = 6  # the challenge's and the redirects'
# The service asks from addresses of its own, not from its caller's: another ledger of pulls.
# https://docs.cloud.google.com/artifact-registry/docs/repositories/remote-overview
EGRESS_ADDRESS = "127.0.0.2"
ACCEPT = (
    "application/vnd.oci.image.index.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v2+json"
)
REDIRECTIONS = range(300, 400)
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class UpstreamError(Refused):
    """The upstream did not give what was asked for; carries the answer for our own client."""

    @property
    def is_missing(self) -> bool:
        return self.response.status == HTTPStatus.NOT_FOUND


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a HEAD tells about a manifest."""

    digest: str
    media_type: str
    size: int


class Upstream:
    """A client of the registry whose production name is *registry*.

    *leaves_machine*: what *hosts* does not map is asked where it really is, by https; whoever sets
    it has said that the real registry is meant.
    """

    def __init__(
        self,
        registry: str,
        hosts: Mapping[str, str],
        *,
        credentials: tuple[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        leaves_machine: bool = False,
    ) -> None:
        self.registry = registry
        self.credentials = credentials  # a change applies from the next request on
        self._hosts = hosts
        self._tls = tls
        self._leaves_machine = leaves_machine

    def head(self, name: str, reference: str) -> Found:
        with self._get(f"/v2/{name}/manifests/{reference}", name, method="HEAD") as answer:
            return Found(
                digest=answer.headers["Docker-Content-Digest"],
                media_type=answer.headers["Content-Type"],
                size=int(answer.headers["Content-Length"]),
            )

    def manifest(self, name: str, digest: str) -> tuple[str, bytes]:
        """Media type and content, whose digest the caller has to check."""
        with self._get(f"/v2/{name}/manifests/{digest}", name) as answer:
            content = answer.read(MANIFEST_LIMIT)
            expected = answer.headers["Content-Length"]
            if expected is not None and len(content) < int(expected):
                raise _cut(self._url(f"/v2/{name}/manifests/{digest}"))
            return answer.headers["Content-Type"], content

    def blob(self, name: str, digest: str) -> Iterator[bytes]:
        """Nothing is asked for before the first chunk is taken."""
        path = f"/v2/{name}/blobs/{digest}"
        with self._get(path, name) as answer:
            left = int(answer.headers["Content-Length"])
            while left:
                chunk = answer.read(min(CHUNK, left))
                if not chunk:
                    raise _cut(self._url(path))
                left -= len(chunk)
                yield chunk

    @contextmanager
    def _get(
        self, path: str, name: str, *, method: str = "GET"
    ) -> Iterator[http.client.HTTPResponse]:
        """The final answer: after the challenge, and after redirects without credentials."""
        url = at = self._url(path)
        headers = {"Accept": ACCEPT}
        try:
            for _ in range(HOPS):
                with self._send(method, at, headers) as answer:
                    if answer.status == HTTPStatus.OK:
                        yield answer
                        return
                    challenge = answer.headers.get("WWW-Authenticate")
                    if answer.status in REDIRECTIONS:
                        at = urljoin(at, answer.headers["Location"])
                        headers = {}
                    elif challenge and "Authorization" not in headers:
                        headers["Authorization"] = f"Bearer {self._token(challenge, name)}"
                    else:
                        raise _failed(answer.status, url)
            raise _invalid_redirect(at)
        except (OSError, http.client.HTTPException) as problem:
            # That a refused connection is told in the same words as a cut one is a guess.
            raise _cut(url) from problem

    def _token(self, challenge: str, name: str) -> str:
        parameters = dict(_PARAMETER.findall(challenge))
        query = urlencode(
            {"service": parameters.get("service", ""), "scope": f"repository:{name}:pull"}
        )
        headers = {}
        if self.credentials:
            pair = ":".join(self.credentials).encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        realm = parameters.get("realm", "")
        with self._send("GET", f"{realm}?{query}", headers) as answer:
            if answer.status != HTTPStatus.OK:
                # Credentials that are refused are the upstream's failure, not our client's.
                raise UpstreamError(_invalid_status(answer.status, realm))
            return str(json.loads(answer.read(CHUNK))["token"])

    @contextmanager
    def _send(
        self, method: str, url: str, headers: Mapping[str, str]
    ) -> Iterator[http.client.HTTPResponse]:
        wanted = urlsplit(url)
        address = urlsplit(self._hosts.get(wanted.netloc, url))
        is_here = address.hostname in {"127.0.0.1", "localhost"}
        if not is_here and not (self._leaves_machine and address.scheme == "https"):
            # A stand-in does not leave the machine by itself, wherever it is sent.
            raise _invalid_redirect(url)
        place = (address.hostname or "", address.port)
        source = (EGRESS_ADDRESS, 0) if is_here else None
        connection = (
            http.client.HTTPSConnection(
                *place, timeout=SECONDS, source_address=source, context=self._tls
            )
            if address.scheme == "https"
            else http.client.HTTPConnection(*place, timeout=SECONDS, source_address=source)
        )
        try:
            target = wanted.path + (f"?{wanted.query}" if wanted.query else "")
            connection.request(method, target, headers={"Host": wanted.netloc, **headers})
            yield connection.getresponse()
        finally:
            connection.close()

    def _url(self, path: str) -> str:
        return f"https://{self.registry}{path}"


def _failed(status: int, url: str) -> UpstreamError:
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
        # Docker Hub says 401 for a repository that does not exist.
        message = f"Received invalid response from external repository; url={url}."
        return UpstreamError(error(404, "MANIFEST_UNKNOWN", message))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        message = "Resource has been exhausted (e.g. check quota)."
        return UpstreamError(error(429, "TOOMANYREQUESTS", message))
    return UpstreamError(_invalid_status(status, url))


def _invalid_status(status: int, url: str) -> Response:
    message = f"Received invalid http status code {status} from external repository; url={url}."
    return error(502, "UNAVAILABLE", message)


def _invalid_redirect(url: str) -> UpstreamError:
    return UpstreamError(error(502, "UNAVAILABLE", f"Received invalid redirect URL {url}"))


def _cut(url: str) -> UpstreamError:
    message = f"External repository returned unexpected EOF for url={url}."
    return UpstreamError(error(502, "UNAVAILABLE", message))
