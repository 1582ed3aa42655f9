"""Somebody says that a tag may have moved: look, and ask for a deploy of each service that follows.

What the event says about digests is not believed. It is only worth a look where a service follows
the tag, so whatever is pulled through the mirror and followed by nobody costs the upstream nothing.
"""

import zlib
from datetime import datetime
from functools import partial

import msgspec
import structlog

from handlers.payloads import Delivery
from transship.checks import Checks
from transship.config import Config
from transship.deadline import Deadline
from transship.errors import ImageNotFound, RateLimited, RegistryUnavailable
from transship.followers import Fleet, Send, announce, decide, told
from transship.model.hints import Hint, Ignored, hint_of
from transship.model.naming import tracking_label
from transship.model.outcome import Refreshed
from transship.model.reason import Reason
from transship.model.reference import Reference
from transship.model.sweeping import HeatRequest
from transship.resolve import Registry, resolve

log = structlog.get_logger()

# A list of services and one request to the upstream, each with its retries.
SECONDS = 60.0

# Of the hints that are ignored, every so manieth is logged: there may be hundreds a minute.
_SAMPLE = 100


def handle(
    delivery: Delivery,
    *,
    config: Config,
    fleet: Fleet,
    registry: Registry,
    checks: Checks,
    send: Send,
    heat: Send,
    now: datetime,
    deadline: Deadline,
) -> Refreshed | None:
    """None where nobody follows the tag, or somebody else looks at it.

    *send* publishes to the topic of automatic deploys, *heat* to the one of the sweep.
    """
    hint = hint_of(delivery.data, config.mirrors, config.ignored_principals)
    if isinstance(hint, Ignored):
        _ignored(delivery.event_id, hint)
        return None
    label = tracking_label(hint.image.name)
    found = fleet.labelled(label, deadline=deadline)
    followers = [follower for follower in found if follower.tracks == hint.image]
    if not followers:
        _settled(delivery, hint, "nobody follows the tag")
        return None
    image = checks.meaning(
        hint.image,
        partial(_look, registry, hint.image, deadline),
        event_id=delivery.event_id,
        at=_noticed(hint, delivery),
        now=now,
        deadline=deadline,
    )
    if image is None:
        _settled(delivery, hint, "another hint waits to look at the tag")
        return None

    decisions = decide(followers, image, policy=config.policy, rules=config.rules, now=now)
    announce(decisions, image, cause=delivery.event_id, send=send)
    # A publisher that has pushed once may push again, and a hint may come before its push is seen.
    hot = HeatRequest(tags=[str(hint.image)])
    heat(msgspec.json.encode(hot), {"kind": "heat", "cause": delivery.event_id})
    return Refreshed(
        event_id=delivery.event_id,
        image=str(hint.image),
        digest=str(image.digest or ""),
        origin=hint.origin,
        decisions=told(decisions),
    )


def _look(registry: Registry, image: Reference, deadline: Deadline) -> Reference:
    """*image* with the digest that it means now, and without one where the tag is gone."""
    try:
        return image.pin(resolve(registry, image, deadline=deadline).digest)
    except ImageNotFound:
        return image
    except (RateLimited, RegistryUnavailable) as silent:
        is_limit = isinstance(silent, RateLimited)
        reason = Reason.QUOTA if is_limit else Reason.UPSTREAM_UNAVAILABLE
        log.warning("upstream is silent", image=str(image), reason=reason.value, error=str(silent))
        raise


def _noticed(hint: Hint, delivery: Delivery) -> datetime:
    """Never after it was published, whatever the clock of whoever noticed says."""
    return min(hint.at, delivery.published_at) if hint.at else delivery.published_at


def _settled(delivery: Delivery, hint: Hint, why: str) -> None:
    log.info(
        "hint settled",
        event_id=delivery.event_id,
        image=str(hint.image),
        origin=hint.origin,
        reason=why,
    )


def _ignored(event_id: str, why: Ignored) -> None:
    # The same hint is logged every time or never.
    if zlib.crc32(event_id.encode()) % _SAMPLE == 0:
        log.info("hint ignored", event_id=event_id, reason=why.value, sampled=_SAMPLE)
