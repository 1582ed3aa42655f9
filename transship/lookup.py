"""What an image's tag means: the upstream says, and where it does not answer, the mirror.

HEAD at Docker Hub costs no quota. The mirror's tag may be an hour old, so it is only asked when the
upstream is down or has had enough of us; the outcome then says so (``resolved_by``).
"""

from dataclasses import dataclass

import structlog

from transship.deadline import Deadline
from transship.errors import RateLimited, RegistryUnavailable, TransshipError
from transship.model.digest import Digest
from transship.model.mirror import Mirror
from transship.model.record import MIRROR, UPSTREAM
from transship.model.reference import Reference
from transship.resolve import Registry, resolve

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """*digest* is an index's, or a single manifest's; *by* says whose word it is."""

    digest: Digest
    by: str = UPSTREAM


def look_up(
    registry: Registry, image: Reference, mirror: Mirror, *, deadline: Deadline
) -> Resolved:
    """Raises what the upstream said when the mirror does not know the tag either."""
    if image.digest is not None:
        # It cannot move. That it exists is proved by the pull.
        return Resolved(digest=image.digest)
    try:
        return Resolved(digest=resolve(registry, image, deadline=deadline).digest)
    except (RateLimited, RegistryUnavailable) as silent:
        log.warning("upstream is silent", image=str(image), error=str(silent))
        try:
            known = resolve(registry, mirror.serving(image), deadline=deadline)
        except TransshipError as unknown:
            raise silent from unknown
        return Resolved(digest=known.digest, by=MIRROR)
