"""What a registry answered about a manifest."""

from dataclasses import dataclass
from datetime import datetime

from transship.model.digest import Digest
from transship.model.ratelimit import RateLimit


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A manifest as the registry describes it. The digest is the registry's word."""

    digest: Digest
    media_type: str
    rate_limit: RateLimit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A manifest's bytes. The digest is that of the bytes, and was compared with what was asked."""

    content: bytes
    media_type: str
    digest: Digest
    rate_limit: RateLimit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What a tag says in the mirror, and since when the mirror has that digest."""

    digest: Digest
    created: datetime
