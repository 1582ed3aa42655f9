"""A tick looks at every tag that is due: moved ones become deploys, or warm pulls; nothing else.

The tick becomes shards, so that each is retried alone; a shard that is redelivered starts again,
which costs HEADs and changes nothing twice.
"""

import msgspec

from handlers.payloads import Delivery
from transship.config import Config
from transship.errors import InvalidEvent, InvalidReference, RateLimited
from transship.followers import Decision
from transship.model.marks import TRACKED_LABEL
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
from transship.resolve import resolve
from transship.shard import WarmParts, sweep_shard, told


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
    followers = parts.fleet.labelled(TRACKED_LABEL, deadline=parts.deadline)
    tags = {**dict.fromkeys(config.keep_warm), **moved_at(followers)}
    now = parts.now()
    timely = due(
        tags,
        tags_of(message.tags, config.mirrors),
        parts.heat.hot(now),
        now=now,
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
    if _is_stale(delivery, config, parts):
        return _superseded(delivery)
    return sweep_shard(
        tags_of(message.tags, config.mirrors), cause=delivery.event_id, config=config, parts=parts
    )


def _warm(message: WarmRequest, delivery: Delivery, config: Config, parts: WarmParts) -> Outcome:
    """By digest, proved, then read once by tag; but not with the pulls that deploys may need."""
    if message.automatic and _is_stale(delivery, config, parts):
        return _superseded(delivery)
    image = _image(message, config)
    admit_image(config.policy, image)
    mirror = config.mirrors.for_upstream(image)
    parts.pauses.check(image.registry, parts.now())
    head = resolve(parts.registry, image, deadline=parts.deadline)
    left = head.rate_limit.remaining if head.rate_limit else None
    if left is not None and left < config.quota_floor:
        raise RateLimited(
            f"{image.registry} has {left} pulls left, {config.quota_floor} are kept for deploys"
            f" ({Reason.QUOTA})",
            source=image.registry,
        )
    found = parts.prove(mirror.serving(image).pin(head.digest), UPSTREAM)
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
    )


def _image(message: WarmRequest, config: Config) -> Reference:
    try:
        return config.mirrors.upstream_of(parse_reference(message.image))
    except InvalidReference as error:
        raise InvalidEvent(f"{error} - at `$.image`") from error


def _is_stale(delivery: Delivery, config: Config, parts: WarmParts) -> bool:
    """A later tick has asked for the same by now: what a long outage held up is not piled up."""
    return parts.now() - delivery.published_at > config.tick


def _superseded(delivery: Delivery) -> Unchanged:
    return Unchanged(
        event_id=delivery.event_id,
        reason=Reason.SUPERSEDED.value,
        clear=Reason.SUPERSEDED.help,
        detail="a later tick asks for the same",
    )
