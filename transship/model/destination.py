"""Where outcomes are told to people: Slack's incoming webhooks, and a signed webhook of one's own.

The configuration is a JSON document in a secret, since the addresses are secrets themselves.
"""

import base64
import binascii
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from transship.model.outcome import (
    Deployed,
    Failed,
    Outcome,
    Planned,
    Refreshed,
    Rejected,
    RolledBack,
    Steered,
    Swept,
    Unchanged,
    Warmed,
)
from transship.model.pattern import Pattern

# One message each for each outcome.
_LIMIT = 20
_SECRET_PREFIX = "whsec_"  # noqa: S105 - Standard Webhooks' own, in front of the secret
_LEAST_SECRET = 24

_KINDS: tuple[type[Outcome], ...] = (
    Deployed,
    Failed,
    Unchanged,
    RolledBack,
    Steered,
    Planned,
    Refreshed,
    Swept,
    Warmed,
    Rejected,
)
TYPES = frozenset(kind.type.split(".")[-2] for kind in _KINDS)


class Destination(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """*services* are patterns, *types* the outcomes' short names.

    *secret* signs a webhook's requests: ``whsec_`` and base64, as Standard Webhooks has it.
    """

    name: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,40}\Z")]
    kind: Literal["slack", "webhook"]
    url: Annotated[str, Meta(max_length=2000)]
    secret: str = ""
    services: Annotated[tuple[str, ...], Meta(max_length=100)] = ("*",)
    types: tuple[str, ...] = ("deployed", "failed", "rejected", "rolled_back")

    def wants(self, kind: str, service: str) -> bool:
        """Of an outcome of *kind*, a short name."""
        if kind not in self.types:
            return False
        return any(Pattern(text).matches(service or "-") for text in self.services)

    @property
    def key(self) -> bytes:
        return base64.b64decode(self.secret.removeprefix(_SECRET_PREFIX))


def parse_destinations(text: str) -> tuple[Destination, ...]:
    """Raises ValueError, which names the destination and the field but no secret."""
    try:
        found = msgspec.json.decode(text, type=list[Destination])
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
    except msgspec.DecodeError:
        # Not chained, and not said where: the text is a secret.
        right = '[{"name": "…", "kind": "slack", "url": "…"}]'
        raise ValueError(f"not JSON; right is {right}") from None
    names = [each.name for each in found]
    if len(set(names)) < len(names) or len(names) > _LIMIT:
        raise ValueError(f"right are at most {_LIMIT} destinations, each with a name of its own")
    for each in found:
        _check(each)
    return tuple(found)


def _check(destination: Destination) -> None:
    name = destination.name
    parts = urlsplit(destination.url)
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
        raise ValueError(f"{name}: url is wrong; right is https://HOST/…")
    if unknown := set(destination.types) - TYPES:
        right = ", ".join(sorted(TYPES))
        raise ValueError(f"{name}: types has {min(unknown)!r}; right are {right}")
    for text in destination.services:
        Pattern(text)
    if destination.kind == "webhook":
        _check_secret(destination)
    elif destination.secret:
        raise ValueError(f"{name}: Slack's requests are not signed; right is no secret")


def _check_secret(destination: Destination) -> None:
    try:
        is_right = destination.secret.startswith(_SECRET_PREFIX) and (
            len(destination.key) >= _LEAST_SECRET
        )
    except (ValueError, binascii.Error):
        is_right = False
    if not is_right:
        raise ValueError(
            f"{destination.name}: secret is wrong; right is whsec_ and the base64 of at least"
            f" {_LEAST_SECRET} random bytes"
        )
