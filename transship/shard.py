"""A shard of a sweep: one HEAD a tag, a decision a service, and messages for what moved."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec
import structlog
from msgspec import Struct

from transship.config import Config
from transship.deadline import Deadline
from transship.errors import NoMirror, RateLimited, TemporaryError, TransshipError
from transship.followers import Decision, Fleet, Send, announce, decide, told
from transship.heat import Heat
from transship.looking import Look, look_at
from transship.model.fetched import Head
from transship.model.follow import Follower
from transship.model.marks import TRACKED_LABEL
from transship.model.outcome import Swept
from transship.model.reason import Reason
from transship.model.reference import Reference
from transship.model.sweeping import WarmRequest
from transship.ports import Prove
from transship.resolve import Registry, resolve
from transship.stock import Stock
from transship.throttle import Pauses, Throttle

log = structlog.get_logger()


class SweepParts(Struct, frozen=True, kw_only=True):
    """Everything that a shard may touch; *redeploy* and *warm* publish to those topics.

    *registry* keeps to *pauses*.
    """

    registry: Registry
    fleet: Fleet
    stock: Stock
    redeploy: Send
    warm: Send
    throttle: Throttle
    pauses: Pauses
    heat: Heat
    deadline: Deadline
    now: Callable[[], datetime]


class WarmParts(SweepParts, frozen=True, kw_only=True):
    """Everything that a message of the warm topic may touch."""

    prove: Prove


@dataclass(slots=True)
class _Tally:
    """What the outcome will say; only decisions that are worth a word are listed."""

    looked: int = 0
    moved: int = 0
    warmed: int = 0
    behind: int = 0
    lag: timedelta = timedelta()
    missed: int = 0
    decisions: list[Decision] = field(default_factory=list)
    errors: list[TemporaryError] = field(default_factory=list)


def sweep_shard(
    tags: list[Reference],
    *,
    cause: str,
    next_tick: datetime,
    config: Config,
    parts: SweepParts,
) -> Swept:
    """Announces what moved, and raises afterwards where some tag's registry did not answer.

    Not where that registry wants to be left alone until *next_tick*, which asks for the same.
    """
    following: dict[Reference, list[Follower]] = defaultdict(list)
    for follower in parts.fleet.labelled(TRACKED_LABEL, deadline=parts.deadline):
        if follower.tracks is not None:
            following[follower.tracks].append(follower)

    def head(tag: Reference) -> Head:
        return resolve(parts.registry, tag, deadline=parts.deadline)

    tally = _Tally()
    for look in look_at(tags, head, throttle=parts.throttle, pauses=parts.pauses, now=parts.now):
        if look.error is not None:
            _miss(look, following[look.tag], tally)
            # Its own turn may be an hour away.
            parts.heat.note([look.tag], parts.now())
        else:
            _settle(look, following[look.tag], tally, cause=cause, config=config, parts=parts)
    worth_a_retry = [error for error in tally.errors if not _is_long(error, next_tick)]
    if worth_a_retry:
        log.warning("sweep cut short", looked=tally.looked, missed=tally.missed)
        raise worth_a_retry[0]
    return Swept(
        event_id=cause,
        tags=len(tags),
        due=len(tags),
        looked=tally.looked,
        moved=tally.moved,
        missed=tally.missed,
        warmed=tally.warmed,
        behind=tally.behind,
        lag_seconds=int(tally.lag.total_seconds()),
        decisions=told(tally.decisions),
    )


def _is_long(error: TemporaryError, until: datetime) -> bool:
    return isinstance(error, RateLimited) and error.retry_at is not None and error.retry_at >= until


def _miss(look: Look, followers: list[Follower], tally: _Tally) -> None:
    """What runs goes on running. It is said, but not written on the services: it passes."""
    tally.missed += 1
    if isinstance(look.error, TemporaryError):
        tally.errors.append(look.error)
    is_limit = isinstance(look.error, RateLimited)
    reason = Reason.QUOTA if is_limit else Reason.UPSTREAM_UNAVAILABLE
    log.warning("tag missed", image=str(look.tag), reason=reason.value, error=str(look.error))
    tally.decisions += [Decision(follower=follower, reason=reason) for follower in followers]


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
    decisions = decide(followers, image, policy=config.policy, rules=config.rules, now=parts.now())
    announce(decisions, image, cause=cause, send=parts.redeploy)
    tally.decisions += [d for d in decisions if d.reason is not Reason.UP_TO_DATE]
    if look.head is None:
        return
    behind = [f for f in followers if not f.has(look.head.digest)]
    tally.moved += bool(behind)
    # A deploy pulls by itself. What nobody deploys is stocked where it is new: kept warm, or held.
    is_idle = (behind or not followers) and not any(d.deploys for d in decisions)
    try:
        if _compare(image, tally, config, parts) and is_idle:
            warm = WarmRequest(image=str(image), automatic=True)
            parts.warm(msgspec.json.encode(warm), {"kind": "warm", "cause": cause})
            tally.warmed += 1
    except NoMirror:
        # The configuration has lost it since: the deploy says so, to whoever follows.
        log.warning("tag has no mirror", image=str(image))


def _compare(image: Reference, tally: _Tally, config: Config, parts: SweepParts) -> bool:
    """Count how far the mirror's tag is behind; whether *image* is still to be stocked.

    Nothing hangs on it for services, so that an error is only logged.
    """
    mirror = config.mirrors.for_upstream(image)
    mirrored = mirror.serving(image)
    try:
        since = parts.stock.held_since(mirrored)
        known = parts.stock.tag(mirrored)
        if known is not None and known.digest != image.digest:
            tally.behind += 1
            tally.lag = max(tally.lag, parts.now() - since if since else timedelta())
        return since is None and parts.stock.keeps(mirror)
    except TransshipError as error:
        log.warning("mirror's list not read", image=str(image), error=str(error))
        return False
