"""What transship writes on a service and its revisions: the cloud's records are the state.

Template annotations become the revision's: immutable and listable. The newest also stands on the
service, written in the same update. The prefixes run.googleapis.com, cloud.googleapis.com,
serving.knative.dev and autoscaling.knative.dev are refused by the API
(google.cloud.run.v2 Service.annotations).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

import msgspec
from msgspec import Struct

from transship.errors import InvalidReference
from transship.model.digest import Digest
from transship.model.reference import Reference, parse_reference

PREFIX = "transship.dev/"
SCHEMA = "1"
SCHEMA_KEY = f"{PREFIX}schema"
TRACKS_KEY = f"{PREFIX}tracks"
CAUSE_KEY = f"{PREFIX}cause"
INDEX_KEY = f"{PREFIX}index"
PREVIOUS_KEY = f"{PREFIX}previous"

# The record, but for its schema: what is one container's and not the service's.
LINEAGE_KEYS = frozenset(
    f"{PREFIX}{name}"
    for name in (
        "image", "index", "child", "cause", "requested-at", "asked-for", "resolved-by", "reason",
        "pulled",
    )
)  # fmt: skip

# Whose word it is what a tag means: the upstream's, the mirror's while the upstream is silent, or,
# where that is older than what the service was told before, the service's own record.
UPSTREAM, MIRROR, RECORD = "upstream", "mirror", "record"


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What the pull of an image hashed, and whether the mirror's tag says the same digest.

    *mirror_since*: where the upstream was silent, since when who answered for it knew the digest.
    """

    blobs: int
    bytes: int
    seconds: float
    mirror_agrees: bool | None = None
    mirror_since: datetime | None = None


class Record(Struct, frozen=True, kw_only=True):
    """The lineage of one deploy: tag, index, child, cause and request time.

    ``image`` is what was asked for, at the upstream; ``asked_for`` the fingerprint of the settings
    that were named; ``index`` is None for an image that is a single manifest. ``previous`` is what
    the service was asked to run before, where anybody knows.
    """

    image: Reference
    index: Digest | None
    child: Digest
    cause: str
    requested_at: datetime
    asked_for: str
    resolved_by: str = UPSTREAM
    reason: str = ""
    pulled: Proof
    previous: Digest | None = None

    def annotations(self) -> dict[str, str]:
        return {
            SCHEMA_KEY: SCHEMA,
            f"{PREFIX}image": str(self.image),
            INDEX_KEY: str(self.index or ""),
            f"{PREFIX}child": str(self.child),
            CAUSE_KEY: self.cause,
            f"{PREFIX}requested-at": self.requested_at.isoformat(),
            f"{PREFIX}asked-for": self.asked_for,
            f"{PREFIX}resolved-by": self.resolved_by,
            f"{PREFIX}reason": self.reason,
            PREVIOUS_KEY: str(self.previous or ""),
            f"{PREFIX}pulled": msgspec.json.encode(self.pulled).decode(),
        }

    @classmethod
    def read(cls, annotations: Mapping[str, str]) -> Self | None:
        """The record in *annotations*; None where it is missing, or broken by another hand."""
        try:
            index = annotations[INDEX_KEY]
            # Not on what was deployed before it was recorded.
            previous = annotations.get(PREVIOUS_KEY)
            return cls(
                image=parse_reference(annotations[f"{PREFIX}image"]),
                index=Digest(index) if index else None,
                child=Digest(annotations[f"{PREFIX}child"]),
                cause=annotations[CAUSE_KEY],
                requested_at=_aware(annotations[f"{PREFIX}requested-at"]),
                asked_for=annotations[f"{PREFIX}asked-for"],
                resolved_by=annotations[f"{PREFIX}resolved-by"],
                reason=annotations[f"{PREFIX}reason"],
                previous=Digest(previous) if previous else None,
                pulled=msgspec.json.decode(annotations[f"{PREFIX}pulled"], type=Proof),
            )
        except (KeyError, ValueError, InvalidReference, msgspec.DecodeError):
            return None


def _aware(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"no time zone: {text!r}")
    return time
