"""The messages of the warm topic: ticks of Cloud Scheduler, their shards, and warm pulls."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from transship.errors import InvalidEvent, InvalidReference
from transship.model.follow import Follower
from transship.model.mirror import Mirrors
from transship.model.reference import Reference, parse_reference
from transship.model.schedule import is_due
from transship.model.wire import decode

# As many as are looked at in 40 s with five requests a second, and so in one delivery.
SHARD = 200

Tag = Annotated[str, Meta(min_length=1, max_length=1024)]


class _WarmMessage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    pass


class SweepRequest(_WarmMessage, frozen=True, kw_only=True, tag="sweep"):
    """Look at every tag that is due; at *tags* whether they are or not."""

    tags: Annotated[list[Tag], Meta(max_length=10_000)] = []


class ShardRequest(_WarmMessage, frozen=True, kw_only=True, tag="shard"):
    """Ours: look at these tags now."""

    tags: Annotated[list[Tag], Meta(min_length=1, max_length=SHARD)]


class WarmRequest(_WarmMessage, frozen=True, kw_only=True, tag="warm"):
    """Stock the mirror with *image*. *automatic*: a sweep asked, and will again if need be."""

    image: Tag
    automatic: bool = False


class HeatRequest(_WarmMessage, frozen=True, kw_only=True, tag="heat"):
    """Ours: a hint named these tags; look at them on every tick for an hour."""

    tags: Annotated[list[Tag], Meta(min_length=1, max_length=SHARD)]


WarmMessage = SweepRequest | ShardRequest | WarmRequest | HeatRequest

KINDS: dict[str, type[_WarmMessage]] = {
    "sweep": SweepRequest,
    "shard": ShardRequest,
    "warm": WarmRequest,
    "heat": HeatRequest,
}


def decode_warm_message(data: bytes) -> WarmMessage:
    """``kind`` is ``sweep`` where it is absent. Raises InvalidEvent, which names the field."""
    message: WarmMessage = decode(data, KINDS, default="sweep", example='{"kind": "sweep"}')
    return message


def tags_of(texts: Iterable[str], mirrors: Mirrors) -> list[Reference]:
    """The tags, at the upstream; raises InvalidEvent for what cannot move."""
    tags = []
    for text in texts:
        try:
            tag = mirrors.upstream_of(parse_reference(text))
        except InvalidReference as error:
            raise InvalidEvent(f"{error} - at `$.tags`") from error
        if tag.tag is None or tag.digest is not None:
            raise InvalidEvent(f"{tag} cannot move; right is a tag - at `$.tags`")
        tags.append(tag)
    return tags


def moved_at(followers: Iterable[Follower]) -> dict[Reference, datetime | None]:
    """When each tracked tag last moved, as far as the services that follow it know."""
    moved: dict[Reference, datetime | None] = {}
    for follower in followers:
        if follower.tracks is not None:
            times = [time for time in (moved.get(follower.tracks), follower.moved_at) if time]
            moved[follower.tracks] = max(times, default=None)
    return moved


def due(
    tags: Mapping[Reference, datetime | None],
    named: Iterable[Reference],
    hot: frozenset[Reference],
    *,
    published_at: datetime,
    tick: timedelta,
) -> list[Reference]:
    """In an order of its own, so that a tick delivered twice makes the same shards."""
    timely = {
        tag
        for tag, moved in tags.items()
        if is_due(str(tag), moved_at=moved, hot=tag in hot, published_at=published_at, tick=tick)
    }
    return sorted(timely | set(named), key=str)


def shards(tags: list[Reference]) -> list[ShardRequest]:
    texts = [str(tag) for tag in tags]
    return [ShardRequest(tags=texts[at : at + SHARD]) for at in range(0, len(texts), SHARD)]
