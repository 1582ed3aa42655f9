"""Digests that turned out bad on a service: not tried again until cleared, or the tag moves on.

On the service, because a revision cannot be changed after it was made (google.cloud.run.v2 has no
UpdateRevision). By the child's digest, with the index beside it, since a tag means either.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec
from msgspec import Struct

from transship.model.marks import Marks
from transship.model.record import PREFIX, Record
from transship.model.service import Service

QUARANTINE_KEY = f"{PREFIX}quarantine"

# The oldest go first: a digest that a tag has left behind long ago does not come back.
_KEPT = 10
_EVIDENCE_LIMIT = 500


class Bad(Struct, frozen=True, kw_only=True, omit_defaults=True):
    child: str
    index: str = ""
    revision: str = ""
    reason: str
    at: datetime
    event_id: str = ""
    evidence: str = ""
    container: str = ""


def read_quarantine(annotations: Mapping[str, str]) -> tuple[Bad, ...]:
    """What another hand broke is no quarantine."""
    try:
        return msgspec.json.decode(annotations.get(QUARANTINE_KEY, "[]"), type=tuple[Bad, ...])
    except msgspec.DecodeError:
        return ()


def quarantined(annotations: Mapping[str, str]) -> frozenset[str]:
    return digests_of(read_quarantine(annotations))


def digests_of(bad: Iterable[Bad]) -> frozenset[str]:
    """Of children and of indexes."""
    return frozenset(digest for one in bad for digest in (one.child, one.index) if digest)


def bad_of(annotations: Mapping[str, str], event_id: str) -> Bad | None:
    """What the event came to, if the revision that it made turned out bad, or if it said so."""
    return next((bad for bad in read_quarantine(annotations) if bad.event_id == event_id), None)


def bad_revision(annotations: Mapping[str, str], revision: str) -> Bad | None:
    return next((bad for bad in read_quarantine(annotations) if bad.revision == revision), None)


def quarantine_marks(
    service: Service,
    record: Record | None,
    revision: str,
    *,
    reason: str,
    evidence: str,
    at: datetime,
    event_id: str = "",
) -> Marks:
    """*record* is of *revision*, which is bad; *event_id* where it is not the event that made it
    which found that out.
    """
    if record is None:
        return Marks()
    bad = Bad(
        event_id=event_id or record.cause,
        child=record.child.value,
        index=record.index.value if record.index else "",
        revision=revision,
        reason=reason,
        at=at,
        evidence=evidence[:_EVIDENCE_LIMIT],
        container=service.container,
    )
    before = [one for one in read_quarantine(service.annotations) if one.child != bad.child]
    kept = msgspec.json.encode([*before, bad][-_KEPT:]).decode()
    return Marks(annotations={QUARANTINE_KEY: kept})


def readmitted(annotations: Mapping[str, str], revision: str) -> dict[str, str]:
    """*annotations* without what is said against *revision*, to which somebody sends visitors."""
    before = read_quarantine(annotations)
    left = tuple(bad for bad in before if bad.revision != revision)
    if left == before:
        return dict(annotations)
    return {**annotations, QUARANTINE_KEY: msgspec.json.encode(left).decode()}


def clear_marks(
    annotations: Mapping[str, str], digest: str, *, until: datetime | None = None
) -> Marks:
    """Without *digest*, a child's or an index's; empty for all. What is bad since *until* stays."""
    before = read_quarantine(annotations)
    left = tuple(
        bad
        for bad in before
        if (digest and digest not in (bad.child, bad.index)) or (until and bad.at > until)
    )
    if left == before:
        return Marks()
    return Marks(annotations={QUARANTINE_KEY: msgspec.json.encode(left).decode() if left else None})
