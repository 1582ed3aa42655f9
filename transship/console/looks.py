"""What tags mean upstream, by HEAD alone (no quota), and at most once a minute for each tag."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from transship.console.ports import Parts
from transship.deadline import Deadline
from transship.looking import Look, look_at
from transship.model.ratelimit import RateLimit
from transship.model.reference import Reference

_SECONDS = 60.0
_DEADLINE = 8.0
_SIDE_BY_SIDE = 8


def look(parts: Parts, tag: Reference, *, since: datetime | None = None) -> Look:
    """Of one tag; what goes wrong is part of the answer.

    *since* is when somebody deployed what it means: an older look would say that this is due.
    """
    at, seen = _kept(parts, tag)
    if since is not None and at < since:
        parts.kept.drop(("look", tag))
        at, seen = _kept(parts, tag)
    return seen


def looks(parts: Parts, tags: Mapping[Reference, datetime | None]) -> dict[Reference, Look]:
    """By tag; the values are `look`'s *since*."""
    if not tags:
        return {}
    with ThreadPoolExecutor(min(_SIDE_BY_SIDE, len(tags)), thread_name_prefix="look") as pool:
        seen = pool.map(lambda tag: look(parts, tag, since=tags[tag]), tags)
        return dict(zip(tags, seen, strict=True))


def quota(seen: Iterable[Look]) -> dict[str, RateLimit]:
    """By registry, as the answers said it: the least, since they come from the same minute."""
    left: dict[str, RateLimit] = {}
    for each in seen:
        said = each.head.rate_limit if each.head else None
        if said is None or said.remaining is None:
            continue
        known = left.get(each.tag.registry)
        if known is None or known.remaining is None or said.remaining < known.remaining:
            left[each.tag.registry] = said
    return left


def _kept(parts: Parts, tag: Reference) -> tuple[datetime, Look]:
    return parts.kept.get(("look", tag), lambda: (parts.now(), _ask(parts, tag)), seconds=_SECONDS)


def _ask(parts: Parts, tag: Reference) -> Look:
    deadline = Deadline.after(_DEADLINE)
    [seen] = look_at(
        [tag],
        lambda tag: parts.head(tag, deadline=deadline),
        throttle=parts.throttle,
        pauses=parts.pauses,
        now=parts.now,
    )
    return seen
