"""What was asked and what was answered, as a record keeps it: without anything secret.

A token never enters: headers are kept by name, answers of token services and the queries of signed
addresses are dropped.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

# What of one experiment is kept; a look every five minutes for a day makes 300 calls or so.
CALLS_KEPT = 2000
BODY_KEPT = 4000
_HEADERS = (
    "content-length",
    "content-type",
    "date",
    "docker-content-digest",
    "docker-ratelimit-source",
    "etag",
    "location",
    "ratelimit-limit",
    "ratelimit-remaining",
    "retry-after",
    "www-authenticate",
)
# Whose queries are parameters and not signatures.
_PLAIN_QUERIES = ("hub.docker.com", "-docker.pkg.dev", ".googleapis.com")
_SIGNED = ("storage.googleapis.com",)


@dataclass(slots=True, kw_only=True)
class Calls:
    """The calls of the step that runs, oldest first."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    kept: list[dict[str, Any]] = field(default_factory=list)

    def add(self, what: str, answer: Any, **more: Any) -> None:
        if len(self.kept) < CALLS_KEPT:
            self.kept.append({"time": self.now().isoformat(), "call": what, **more, "said": answer})

    def http(
        self, method: str, url: str, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        kept = {name.lower(): value for name, value in headers.items() if name.lower() in _HEADERS}
        if "location" in kept:
            kept["location"] = shown(kept["location"])
        self.add(f"{method} {shown(url)}", _text(url, body), status=status, headers=kept)

    def take(self) -> list[dict[str, Any]]:
        taken, self.kept = self.kept, []
        return taken


def shown(url: str) -> str:
    """
    >>> shown("https://storage.googleapis.com/upload/x?X-Goog-Signature=abc")
    'https://storage.googleapis.com/upload/x'
    >>> shown("https://run.googleapis.com/v2/projects/p?updateMask=traffic")
    'https://run.googleapis.com/v2/projects/p?updateMask=traffic'
    """
    parts = urlsplit(url)
    plain = parts.netloc.endswith(_PLAIN_QUERIES) and parts.netloc not in _SIGNED
    return url if plain else parts._replace(query="").geturl()


def _text(url: str, body: bytes) -> Any:
    path = urlsplit(url).path
    # Tokens are secret, and so is where a function's source may be put; layers are no answer.
    if path.endswith(("/token", ":generateAccessToken", ":generateUploadUrl", ":generateIdToken")):
        return "(kept secret)"
    if b"\0" in body[:BODY_KEPT] or "/blobs/" in path:
        return f"({len(body)} bytes)"
    text = body[:BODY_KEPT].decode(errors="replace")
    try:
        return json.loads(text)
    except ValueError:
        return text
