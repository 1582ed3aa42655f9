"""What an image's tag means: the upstream says, and where it does not answer, the mirror.

HEAD at Docker Hub costs no quota. The mirror's tag may be an hour old, so it is only asked when the
upstream is down or has had enough of us; the outcome then says so (``resolved_by``) and how old
that may be (``mirror_since``).
"""

from datetime import datetime

import structlog
from msgspec import Struct

from transship.deadline import Deadline
from transship.errors import RateLimited, RegistryUnavailable, TransshipError
from transship.model.digest import Digest
from transship.model.fetched import Known
from transship.model.mirror import Mirror
from transship.model.reason import Reason
from transship.model.record import MIRROR, UPSTREAM
from transship.model.reference import Reference
from transship.resolve import Registry, resolve
from transship.stock import Stock

log = structlog.get_logger()


class Resolved(Struct, frozen=True, kw_only=True):
    """*digest* is an index's, or a single manifest's; *by* says whose word it is.

    *since*: where the mirror's word was taken, when the mirror got that digest. The tag may have
    moved since, by as much.
    """

    digest: Digest
    by: str = UPSTREAM
    since: datetime | None = None


def look_up(
    registry: Registry, image: Reference, mirror: Mirror, stock: Stock, *, deadline: Deadline
) -> Resolved:
    """Raises what the upstream said when the mirror does not know the tag either."""
    if image.digest is not None:
        # It cannot move. That it exists is proved by the pull.
        return Resolved(digest=image.digest)
    try:
        return Resolved(digest=resolve(registry, image, deadline=deadline).digest)
    except (RateLimited, RegistryUnavailable) as silent:
        reason = Reason.QUOTA if isinstance(silent, RateLimited) else Reason.UPSTREAM_UNAVAILABLE
        log.warning("upstream is silent", image=str(image), reason=reason.value, error=str(silent))
        known = _in_mirror(registry, stock, mirror.serving(image), deadline)
        if known is None:
            raise
        return known


def _in_mirror(
    registry: Registry, stock: Stock, image: Reference, deadline: Deadline
) -> Resolved | None:
    """What the mirror serves, or, where it takes its upstream's silence for its own, what it lists.

    Whether a tag that is over an hour old is served while the upstream fails is not documented.
    """
    listed: Known | None = None
    try:
        listed = stock.tag(image)
    except TransshipError as error:
        log.warning("mirror's list not read", image=str(image), error=str(error))
    try:
        served = resolve(registry, image, deadline=deadline).digest
    except TransshipError as error:
        log.warning("mirror's tag not served", image=str(image), error=str(error))
        if listed is None:
            return None
        served = listed.digest
    since = listed.created if listed and listed.digest == served else None
    return Resolved(digest=served, by=MIRROR, since=since)
