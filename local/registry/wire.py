"""Requests and responses as the stand-ins' applications see them.

Errors have the body of the distribution specification:
https://github.com/opencontainers/distribution-spec/blob/main/spec.md#error-codes
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.message import Message
from pathlib import Path
from typing import BinaryIO
from urllib.parse import parse_qs, urlsplit

# Registries are asked to accept manifests of up to 4 MiB; few accept more.
# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests
MANIFEST_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    target: str  # path and query as sent
    headers: Message
    body: BinaryIO
    address: str  # of the peer
    local_origin: str  # what this server calls itself when no production name was used

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def host(self) -> str:
        return str(self.headers.get("Host", ""))

    @property
    def is_local(self) -> bool:
        """Whether the client speaks to an address of this machine, and not to a production name."""
        return self.host.rsplit(":", 1)[0] in {"127.0.0.1", "localhost"}

    @property
    def other_local_origin(self) -> str:
        """The same port under another name, which a client must take for another host."""
        return self.local_origin.replace("127.0.0.1", "localhost")

    def parameter(self, name: str) -> str:
        return self.query.get(name, [""])[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A body on disk, or a part of one."""

    path: Path
    start: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Content = b""
    identity: str = ""  # who was answered, for the log of requests

    @property
    def length(self) -> int:
        return self.body.length if isinstance(self.body, Content) else len(self.body)

    def seen_as(self, identity: str) -> "Response":
        return replace(self, identity=identity)

    def with_headers(self, headers: Mapping[str, str]) -> "Response":
        return replace(self, headers={**self.headers, **headers})


Application = Callable[[Request], Response]


class Refused(Exception):
    """Ends a request with the response that it carries."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def json_response(
    status: int, document: object, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(
        status=status,
        headers={"Content-Type": "application/json", **(headers or {})},
        body=json.dumps(document).encode(),
    )


def error(
    status: int,
    code: str,
    message: str,
    *,
    detail: object = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    described: dict[str, object] = {"code": code, "message": message}
    if detail is not None:
        described["detail"] = detail
    return json_response(
        status,
        {"errors": [described]},
        {"Docker-Distribution-Api-Version": "registry/2.0", **(headers or {})},
    )
