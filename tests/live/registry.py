"""A client of the distribution API that says what the registry said, status and all.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md and
https://distribution.github.io/distribution/spec/auth/token/
"""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from local.manifests import DOCKER, OCI, Image
from tests.live.http import Answer, Http

ACCEPT = f"{OCI.index}, {DOCKER.index}, {OCI.manifest}, {DOCKER.manifest}"
HOPS = 5
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class PushRefused(Exception):
    """The registry does not take what an experiment needs to be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """*prefix* stands before every name, as in a mirror; *login* is for the token service.

    *bearer* goes straight to the registry: an access token of Google's.
    """

    http: Http
    host: str
    prefix: str = ""
    login: tuple[str, str] | None = None
    bearer: Callable[[], str] | None = None

    def manifest(
        self, name: str, reference: str, *, method: str = "GET", accept: str = ACCEPT
    ) -> Answer:
        url = f"https://{self.host}/v2/{self.prefix}{name}/manifests/{reference}"
        return self._ask(method, url, {"Accept": accept})

    def blob(self, name: str, digest: str, *, span: str = "") -> Answer:
        """All of it, or the *span* of bytes that a range asks for: ``0-9``."""
        headers = {"Range": f"bytes={span}"} if span else {}
        url = f"https://{self.host}/v2/{self.prefix}{name}/blobs/{digest}"
        return self._ask("GET", url, headers)

    def tags(self, name: str) -> Answer:
        return self._ask("GET", f"https://{self.host}/v2/{self.prefix}{name}/tags/list", {})

    def pull(self, name: str, reference: str) -> Answer:
        """The manifest of *reference*, after the first child of an index and all of its blobs."""
        answer = self.manifest(name, reference)
        document: Any = answer.json() if answer.is_good else {}
        if "manifests" in document:
            child = self.manifest(name, document["manifests"][0]["digest"])
            document = child.json() if child.is_good else {}
        for descriptor in filter(None, (document.get("config"), *document.get("layers", ()))):
            self.blob(name, descriptor["digest"])
        return answer

    def push(self, name: str, tag: str, image: Image) -> str:
        """Let *tag* be *image*, which is stored first; its digest."""
        token = self._write_token(name)
        for blob in image.blobs():
            self._store_blob(name, blob.digest, b"".join(blob.chunks()), token)
        for manifest in image.manifests():
            named = tag if manifest.digest == image.digest else manifest.digest
            answer = self.http.send(
                "PUT",
                f"https://{self.host}/v2/{self.prefix}{name}/manifests/{named}",
                {**token, "Content-Type": manifest.media_type},
                manifest.content,
            )
            _taken(answer, f"{name}:{named}")
        return image.digest

    def _store_blob(self, name: str, digest: str, content: bytes, token: dict[str, str]) -> None:
        start = f"https://{self.host}/v2/{self.prefix}{name}/blobs/uploads/"
        begun = _taken(self.http.send("POST", start, token, b""), f"{name} upload")
        place = urljoin(start, begun.headers["Location"])
        place += ("&" if urlsplit(place).query else "?") + urlencode({"digest": digest})
        kind = {"Content-Type": "application/octet-stream"}
        _taken(self.http.send("PUT", place, {**token, **kind}, content), f"{name}@{digest}")

    def _write_token(self, name: str) -> dict[str, str]:
        if self.bearer is not None:
            return {"Authorization": f"Bearer {self.bearer()}"}
        start = f"https://{self.host}/v2/{self.prefix}{name}/blobs/uploads/"
        challenge = self.http.send("POST", start, {}, b"").headers.get("WWW-Authenticate", "")
        return {"Authorization": f"Bearer {self._token(challenge)}"}

    def _ask(self, method: str, url: str, headers: dict[str, str]) -> Answer:
        """The final answer: with a token where one is asked for, after redirects without it."""
        plain = headers
        if self.bearer is not None:
            headers = {**headers, "Authorization": f"Bearer {self.bearer()}"}
        answer = self.http.send(method, url, headers)
        challenge = answer.headers.get("WWW-Authenticate", "")
        if answer.status == 401 and challenge.startswith("Bearer") and self.bearer is None:
            headers = {**headers, "Authorization": f"Bearer {self._token(challenge)}"}
            answer = self.http.send(method, url, headers)
        for _ in range(HOPS):
            if answer.status not in _REDIRECTS:
                break
            url = urljoin(url, answer.headers["Location"])
            answer = self.http.send(method, url, plain)
        return answer

    def _token(self, challenge: str) -> str:
        """Asked anew each time, so that no answer depends on an older one."""
        said = dict(_PARAMETER.findall(challenge))
        query = {key: said[key] for key in ("service", "scope") if key in said}
        headers = {}
        if self.login is not None:
            pair = base64.b64encode(":".join(self.login).encode()).decode()
            headers["Authorization"] = f"Basic {pair}"
        answer = self.http.send("GET", f"{said['realm']}?{urlencode(query)}", headers)
        return str(answer.json().get("token", ""))


def digest_of(answer: Answer) -> str:
    """Empty where the registry gave none."""
    return answer.headers.get("Docker-Content-Digest", "") if answer.is_good else ""


def _taken(answer: Answer, what: str) -> Answer:
    if not answer.is_good:
        raise PushRefused(f"{what}: {answer.status} {answer.text()}")
    return answer
