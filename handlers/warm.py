"""A tick looks at every tag that is due: moved ones become deploys, or warm pulls; nothing else.

The tick becomes shards, so that each is retried alone; a shard that is redelivered starts again,
which costs HEADs and changes nothing twice.
"""

from datetime import datetime

import msgspec

from handlers.payloads import Delivery
from transship.config import Config
from transship.errors import InvalidEvent, InvalidReference, RateLimited, Refused
from transship.followers import Decision, told
from transship.model.fetched import Head
from transship.model.marks import TRACKED_LABEL
from transship.model.mirror import Mirror
from transship.model.outcome import Outcome, Swept, Unchanged, Warmed
from transship.model.policy import admit_image
from transship.model.reason import Reason
from transship.model.record import UPSTREAM
from transship.model.reference import Reference, parse_reference
from transship.model.sweeping import (
    HeatRequest,
    ShardRequest,
    SweepRequest,
    WarmRequest,
    decode_warm_message,
    due,
    moved_at,
    shards,
    tags_of,
)
from transship.model.wanted import Found
from transship.resolve import resolve
from transship.shard import WarmParts, sweep_shard

_NO_FLOOR = "nothing is kept for deploys: the functions do not know the mirror's account upstream"


def handle(delivery: Delivery, *, config: Config, parts: WarmParts) -> Outcome | None:
    """Raises InvalidEvent by field, and RateLimited while a registry has had enough of us."""
    message = decode_warm_message(delivery.data)
    match message:
        case SweepRequest():
            return _tick(message, delivery, config, parts)
        case ShardRequest():
            return _shard(message, delivery, config, parts)
        case WarmRequest():
            return _warm(message, delivery, config, parts)
        case HeatRequest():
            parts.heat.note(tags_of(message.tags, config.mirrors), parts.now())
            return None


def _tick(message: SweepRequest, delivery: Delivery, config: Config, parts: WarmParts) -> Outcome:
    """The tags that services track, that are kept warm, and that the message names."""
    named = tags_of(message.tags, config.mirrors)
    if not named and parts.now() > _next_tick(delivery, config):
        return _superseded(delivery)
    followers = parts.fleet.labelled(TRACKED_LABEL, deadline=parts.deadline)
    tags = {**dict.fromkeys(config.keep_warm), **moved_at(followers)}
    timely = due(
        tags,
        named,
        parts.heat.hot(parts.now()),
        published_at=delivery.published_at,
        tick=config.tick,
    )
    made = shards(timely)
    for shard in made:
        parts.warm(msgspec.json.encode(shard), {"kind": "shard", "cause": delivery.event_id})
    # Said, and not written on the service: whoever dropped its annotations would drop this one.
    lost = [
        Decision(follower=follower, reason=Reason.TRACKING_LOST)
        for follower in followers
        if follower.tracks is None
    ]
    return Swept(
        event_id=delivery.event_id,
        tags=len({*tags, *timely}),
        due=len(timely),
        shards=len(made),
        decisions=told(lost),
    )


def _shard(message: ShardRequest, delivery: Delivery, config: Config, parts: WarmParts) -> Outcome:
    next_tick = _next_tick(delivery, config)
    tags = tags_of(message.tags, config.mirrors)
    if parts.now() > next_tick:
        # Of those that rest, not every tick has the turn.
        parts.heat.note(tags, parts.now())
        return _superseded(delivery)
    return sweep_shard(
        tags,
        cause=delivery.event_id,
        next_tick=next_tick,
        config=config,
        parts=parts,
    )


def _warm(message: WarmRequest, delivery: Delivery, config: Config, parts: WarmParts) -> Outcome:
    """By digest, proved, then read once by tag; but not with the pulls that deploys may need."""
    image = _image(message, config)
    admit_image(config.policy, image)
    mirror = config.mirrors.for_upstream(image)
    if not parts.stock.keeps(mirror):
        raise Refused("mirror.no_cache", f"{mirror} stores nothing; right is a mirror with a cache")
    # A sweep asks again for as long as the mirror does not hold the image: nothing is piled up. One
    # that is held in part is nobody else's to complete.
    is_asked_again = (
        message.automatic
        and image.digest is not None
        and parts.stock.held_since(mirror.serving(image)) is None
    )
    if is_asked_again and parts.now() > _next_tick(delivery, config):
        return _superseded(delivery)
    head = resolve(parts.registry, image, deadline=parts.deadline)
    left = _left(head, image, config)
    if left is not None and left < config.quota_floor:
        said = f"{image.registry} has {left} pulls left, {config.quota_floor} are kept for deploys"
        if is_asked_again:
            return _unchanged(delivery, Reason.QUOTA, said, image=str(image))
        raise RateLimited(f"{said} ({Reason.QUOTA})", source=image.registry)
    found = _pull(image.pin(head.digest), mirror, parts)
    return Warmed(
        event_id=delivery.event_id,
        image=str(image),
        index_digest=str(found.index or ""),
        child_digest=str(found.child),
        mirror_agrees=found.proof.mirror_agrees,
        blobs=found.proof.blobs,
        bytes=found.proof.bytes,
        seconds=found.proof.seconds,
        pulls_left=left,
        detail="" if image.registry in config.upstream_credentials else _NO_FLOOR,
    )


def _left(head: Head, image: Reference, config: Config) -> int | None:
    """The pulls that the mirror's account has left; another account's count says nothing."""
    if head.rate_limit is None or image.registry not in config.upstream_credentials:
        return None
    return head.rate_limit.remaining


def _pull(image: Reference, mirror: Mirror, parts: WarmParts) -> Found:
    """Raises RateLimited at once where the mirror has said so to a pull before this one."""
    parts.pauses.check(mirror.host, parts.now())
    try:
        return parts.prove(mirror.serving(image), UPSTREAM)
    except RateLimited as limited:
        parts.pauses.note(limited, parts.now())
        raise


def _image(message: WarmRequest, config: Config) -> Reference:
    try:
        return config.mirrors.upstream_of(parse_reference(message.image))
    except InvalidReference as error:
        raise InvalidEvent(f"{error} - at `$.image`") from error


def _next_tick(delivery: Delivery, config: Config) -> datetime:
    """From then on a later message asks for the same: what an outage held up is not piled up."""
    return delivery.published_at + config.tick


def _superseded(delivery: Delivery) -> Unchanged:
    return _unchanged(delivery, Reason.SUPERSEDED, "a later tick asks for the same")


def _unchanged(delivery: Delivery, reason: Reason, detail: str, *, image: str = "") -> Unchanged:
    return Unchanged(
        event_id=delivery.event_id,
        image=image,
        reason=reason.value,
        clear=reason.help,
        detail=detail,
    )
