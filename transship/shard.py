"""A shard of a sweep: one HEAD a tag, a decision a service, and messages for what moved."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec
import structlog

from transship.config import Config
from transship.deadline import Deadline
from transship.errors import NoMirror, RateLimited, TemporaryError
from transship.followers import Decision, Fleet, Send, announce, decide
from transship.heat import Heat
from transship.looking import Look, look_at
from transship.model.fetched import Head
from transship.model.follow import Follower
from transship.model.marks import TRACKED_LABEL
from transship.model.outcome import Decided, Swept
from transship.model.reason import Reason
from transship.model.reference import Reference
from transship.model.sweeping import WarmRequest
from transship.ports import Prove
from transship.resolve import Registry
from transship.throttle import Pauses, Throttle

log = structlog.get_logger()


class Stock(Protocol):
    """What the mirror holds, without asking the upstream."""

    def has(self, image: Reference) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepParts:
    """Everything that a shard may touch; *redeploy* and *warm* publish to those topics."""

    registry: Registry
    fleet: Fleet
    stock: Stock
    redeploy: Send
    warm: Send
    throttle: Throttle
    pauses: Pauses
    deadline: Deadline
    now: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmParts(SweepParts):
    """Everything that a message of the warm topic may touch."""

    prove: Prove
    heat: Heat


@dataclass(slots=True)
class _Tally:
    """What the outcome will say; only decisions that are worth a word are listed."""

    looked: int = 0
    moved: int = 0
    warmed: int = 0
    decisions: list[Decision] = field(default_factory=list)
    errors: list[TemporaryError] = field(default_factory=list)


def sweep_shard(tags: list[Reference], *, cause: str, config: Config, parts: SweepParts) -> Swept:
    """Announces what moved, and raises afterwards where some tag's registry did not answer.

    RateLimited before anything else: then the redelivery has to wait for the time it names.
    """
    following: dict[Reference, list[Follower]] = defaultdict(list)
    for follower in parts.fleet.labelled(TRACKED_LABEL, deadline=parts.deadline):
        if follower.tracks is not None:
            following[follower.tracks].append(follower)

    def head(tag: Reference) -> Head:
        return parts.registry.head(tag, deadline=parts.deadline)

    tally = _Tally()
    for look in look_at(tags, head, throttle=parts.throttle, pauses=parts.pauses, now=parts.now):
        if isinstance(look.error, TemporaryError):
            tally.errors.append(look.error)
        elif look.error is not None:
            log.warning("tag not looked at", image=str(look.tag), error=str(look.error))
        else:
            _settle(look, following[look.tag], tally, cause=cause, config=config, parts=parts)
    if tally.errors:
        log.warning("sweep cut short", looked=tally.looked, missing=len(tally.errors))
        raise min(tally.errors, key=lambda error: not isinstance(error, RateLimited))
    return Swept(
        event_id=cause,
        tags=len(tags),
        due=len(tags),
        looked=tally.looked,
        moved=tally.moved,
        warmed=tally.warmed,
        decisions=told(tally.decisions),
    )


def _settle(
    look: Look,
    followers: list[Follower],
    tally: _Tally,
    *,
    cause: str,
    config: Config,
    parts: SweepParts,
) -> None:
    tally.looked += 1
    image = look.tag.pin(look.head.digest) if look.head else look.tag
    decisions = decide(
        followers,
        image,
        policy=config.policy,
        rules=config.rules,
        now=parts.now(),
    )
    announce(decisions, image, cause=cause, send=parts.redeploy)
    worth_a_word = [d for d in decisions if d.reason is not Reason.UP_TO_DATE]
    tally.decisions += worth_a_word
    tally.moved += bool(worth_a_word) and not look.is_gone
    # A deploy pulls by itself. What nobody deploys is stocked where it is new: kept warm, or held.
    idle = worth_a_word if followers else [look]
    if (
        look.head
        and idle
        and not any(d.deploys for d in decisions)
        and _is_new(image, config, parts)
    ):
        warm = WarmRequest(image=str(image), automatic=True)
        parts.warm(msgspec.json.encode(warm), {"kind": "warm", "cause": cause})
        tally.warmed += 1


def _is_new(image: Reference, config: Config, parts: SweepParts) -> bool:
    try:
        mirror = config.mirrors.for_upstream(image)
    except NoMirror:
        return False
    return not parts.stock.has(mirror.serving(image))


def told(decisions: Iterable[Decision]) -> tuple[Decided, ...]:
    return tuple(
        Decided(
            service=decision.follower.name.service,
            project=decision.follower.name.project,
            region=decision.follower.name.region,
            reason=decision.reason.value,
            deploy=decision.deploys,
        )
        for decision in decisions
    )
