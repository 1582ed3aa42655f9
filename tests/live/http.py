"""HTTP for the experiments: one request, one answer, and a note of both.

Nothing is followed, repeated or translated: the status is what an experiment asks for.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import urllib3

from tests.live.calls import Calls

SECONDS = 60.0
# Larger than any manifest, page of an API or layer that the experiments make.
BODY_LIMIT = 64 * 1024 * 1024


class TooLong(Exception):
    """An answer is larger than anything that is asked for here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_good(self) -> bool:
        return self.status in range(200, 300)

    def json(self) -> Any:
        return json.loads(self.body or b"{}")

    def text(self) -> str:
        return self.body[:2000].decode(errors="replace")


class NotHere(Exception):
    """Stand-ins are spoken to, and there is none of this host: it must not be asked itself."""


class Http:
    """*hosts* maps production names to local addresses: where the stand-ins are.

    With any, no other host is asked.
    """

    def __init__(self, calls: Calls, *, hosts: Mapping[str, str] | None = None) -> None:
        self.calls = calls
        self._hosts = dict(hosts or {})
        self._pool = urllib3.PoolManager(retries=False, timeout=SECONDS)

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        wanted = urlsplit(url)
        here = self._hosts.get(wanted.netloc)
        if self._hosts and here is None:
            raise NotHere(wanted.netloc)
        at = (
            url if here is None else here.rstrip("/") + url.removeprefix(f"https://{wanted.netloc}")
        )
        # As on the wire: a digest is of the bytes that were stored.
        sent = {"Host": wanted.netloc, "Accept-Encoding": "identity", **(headers or {})}
        response = self._pool.request(
            method, at, headers=sent, body=body, preload_content=False, redirect=False
        )
        try:
            content = response.read(BODY_LIMIT + 1, decode_content=False)
        finally:
            response.release_conn()
        if len(content) > BODY_LIMIT:
            raise TooLong(url)
        answer = Answer(
            status=response.status,
            headers=urllib3.HTTPHeaderDict(response.headers),
            body=content,
        )
        self.calls.http(method, url, answer.status, answer.headers, content)
        return answer
