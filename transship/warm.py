"""Stock the mirror with an image: pull it by digest, prove every byte, then read it once by tag.

By digest, because the mirror's tag may be an hour old; by tag afterwards, because Artifact
Registry's lists, and so the Cloud console, show only tags that have been asked for.
"""

from typing import Protocol

import structlog

from transship.deadline import Deadline
from transship.errors import TransshipError
from transship.model.fetched import Fetched
from transship.model.platform import Platform
from transship.model.record import Proof
from transship.model.reference import Reference
from transship.model.wanted import Found
from transship.pull import Limits, Pulled

log = structlog.get_logger()


class Pull(Protocol):
    """transship.pull.pull, its registry given."""

    def __call__(
        self, reference: Reference, platform: Platform, *, deadline: Deadline, limits: Limits
    ) -> Pulled: ...


class Tags(Protocol):
    def get_manifest(self, reference: Reference, *, deadline: Deadline) -> Fetched: ...


def warm(
    image: Reference,
    platform: Platform,
    *,
    pull: Pull,
    tags: Tags,
    resolved_by: str,
    limits: Limits,
    deadline: Deadline,
) -> Found:
    """*image* is in the mirror and has a digest; its tag, where it has one, is read at the end."""
    pulled = pull(image.untagged(), platform, deadline=deadline, limits=limits)
    agrees = _read_by_tag(image, tags, deadline) if image.tag else None
    log.info(
        "image pulled",
        image=str(image),
        child_digest=str(pulled.child),
        blobs=pulled.blobs,
        bytes=pulled.bytes,
        ranged_bytes=pulled.ranged,
        seconds=round(pulled.seconds, 3),
        mirror_agrees=agrees,
    )
    return Found(
        index=pulled.index,
        child=pulled.child,
        resolved_by=resolved_by,
        exposed_ports=pulled.config.exposed_ports,
        proof=Proof(
            blobs=pulled.blobs,
            bytes=pulled.bytes,
            seconds=round(pulled.seconds, 3),
            mirror_agrees=agrees,
        ),
    )


def _read_by_tag(image: Reference, tags: Tags, deadline: Deadline) -> bool | None:
    """Whether the mirror's tag says the same; None where it does not say. Nothing hangs on it."""
    try:
        return tags.get_manifest(image.unpinned(), deadline=deadline).digest == image.digest
    except TransshipError as error:
        log.info("mirror's tag not read", image=str(image), error=str(error))
        return None
