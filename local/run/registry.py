"""A registry as Cloud Run reads it: by GET, as one account, through a map to local addresses."""

import json
import logging
import random
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import quote, urljoin, urlsplit

log = logging.getLogger(__name__)

_ATTEMPTS = 3
_PAUSE = 0.5
_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 5
_UNAUTHORIZED = 401
_OK = 200
_TEMPORARY = (429, 500, 502, 503, 504)
_TIMEOUT = 30.0
_TOKEN_LIMIT = 2**20
_EXPLANATION_LIMIT = 2**12
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_LOCAL = re.compile(r"(?:127\.0\.0\.1|localhost)(?::\d+)?")


class Refused(Exception):
    """Status 0: no answer at all."""

    def __init__(self, status: int, explanation: str) -> None:
        super().__init__(f"{status or 'no answer'}: {explanation}")
        self.status = status


class Source:
    """One repository of one registry."""

    def __init__(self, host: str, path: str, *, agent: str, host_map: Mapping[str, str]) -> None:
        self._host = host
        self._path = path
        self._host_map = host_map
        # Google's registries take the account's access token; others are asked anonymously.
        ours = host.endswith((".pkg.dev", "gcr.io"))
        self._authorization = f"Bearer ya29.local.{agent}" if ours else None

    def read(self, kind: str, name: str, *, limit: int, accept: str = "*/*") -> bytes:
        with self.open(kind, name, accept=accept) as response:
            content = response.read(limit + 1)
        if len(content) > limit:
            raise ValueError(f"{kind}/{name} is larger than {limit} bytes")
        return content

    @contextmanager
    def open(self, kind: str, name: str, *, accept: str = "*/*") -> Iterator[HTTPResponse]:
        scheme = "http" if _LOCAL.fullmatch(self._host) else "https"
        url = f"{scheme}://{self._host}/v2/{quote(self._path)}/{kind}/{quote(name, safe=':')}"
        response = self._answer(url, accept)
        with response:
            yield response

    def _answer(self, url: str, accept: str) -> HTTPResponse:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._authorized(url, accept)
            except Refused as refused:
                if attempt == _ATTEMPTS or refused.status not in (0, *_TEMPORARY):
                    raise
                log.info("%s answered %s, attempt %s", url, refused, attempt)
            time.sleep(_PAUSE * random.random())  # noqa: S311 - jitter
        raise AssertionError("unreachable")

    def _authorized(self, url: str, accept: str) -> HTTPResponse:
        response = self._get(url, accept, self._authorization)
        challenge = response.headers.get("WWW-Authenticate", "")
        if response.status == _UNAUTHORIZED and challenge.startswith("Bearer "):
            response.close()
            self._authorization = f"Bearer {self._token(challenge)}"
            response = self._get(url, accept, self._authorization)
        if response.status != _OK:
            with response:
                explanation = response.read(_EXPLANATION_LIMIT).decode(errors="replace")
            raise Refused(response.status, explanation)
        return response

    def _token(self, challenge: str) -> str:
        asked = dict(_CHALLENGE.findall(challenge))
        realm = asked.pop("realm", "")
        query = "&".join(f"{key}={quote(value)}" for key, value in asked.items() if key != "error")
        with self._get(f"{realm}?{query}", "application/json", self._authorization) as response:
            if response.status != _OK:
                raise Refused(response.status, f"no token from {realm}")
            document = json.loads(response.read(_TOKEN_LIMIT))
        return str(document.get("token") or document["access_token"])

    def _get(self, url: str, accept: str, authorization: str | None) -> HTTPResponse:
        first = urlsplit(url).netloc
        for _ in range(_MAX_REDIRECTS):
            host = urlsplit(url).netloc
            headers = {"Host": host, "Accept": accept, "Connection": "close"}
            # Authorization never crosses hosts.
            if authorization and host == first:
                headers["Authorization"] = authorization
            response = self._request(url, headers)
            if response.status not in _REDIRECTS:
                return response
            response.close()
            url = urljoin(url, response.headers["Location"])
        raise Refused(0, f"more than {_MAX_REDIRECTS} redirects from {first}")

    def _request(self, url: str, headers: Mapping[str, str]) -> HTTPResponse:
        parts = urlsplit(url)
        address = self._host_map.get(parts.netloc)
        if address is None and not _LOCAL.fullmatch(parts.netloc):
            raise ValueError(f"the host map has no local address for {parts.netloc}")
        netloc = urlsplit(address).netloc if address else parts.netloc
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection = HTTPConnection(netloc, timeout=_TIMEOUT)
        try:
            connection.request("GET", target, headers=dict(headers))
            return connection.getresponse()
        except (OSError, HTTPException) as error:
            connection.close()
            raise Refused(0, f"{parts.netloc}: {error}") from error
