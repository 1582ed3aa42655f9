"""What a registry answered about a manifest."""

from datetime import datetime

from msgspec import Struct

from transship.model.digest import Digest
from transship.model.ratelimit import RateLimit


class Head(Struct, frozen=True, kw_only=True):
    """A manifest as the registry describes it. The digest is the registry's word."""

    digest: Digest
    media_type: str
    rate_limit: RateLimit | None = None


class Fetched(Struct, frozen=True, kw_only=True):
    """A manifest's bytes. The digest is that of the bytes, and was compared with what was asked."""

    content: bytes
    media_type: str
    digest: Digest
    rate_limit: RateLimit | None = None


class Known(Struct, frozen=True, kw_only=True):
    """What a tag says in the mirror, and since when the mirror has that digest."""

    digest: Digest
    created: datetime
