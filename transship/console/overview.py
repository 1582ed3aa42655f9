"""The fleet at a glance: what runs, what the tags mean, what is held and why, what moves."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct

from transship.config import Config
from transship.console import looks
from transship.console.ports import Parts
from transship.console.states import Sign, rank, sign_of_all
from transship.deadline import Deadline
from transship.looking import Look
from transship.model.digest import Digest
from transship.model.follow import Follower
from transship.model.marks import TRACKED_LABEL
from transship.model.naming import ServiceName
from transship.model.note import Note
from transship.model.ratelimit import RateLimit
from transship.model.reason import Reason, Underway
from transship.model.reference import Reference
from transship.model.service import Revision
from transship.standing import Standing, runs, stand

_SECONDS = 20.0
_KEPT = 10.0
# What one page asks upstream about: the rest is seen by its name's filter.
SHOWN = 200


class Row(Struct, frozen=True, kw_only=True):
    standing: Standing
    sign: Sign

    @property
    def name(self) -> ServiceName:
        return self.standing.follower.name

    @property
    def follower(self) -> Follower:
        return self.standing.follower

    @property
    def runs(self) -> Digest | None:
        return self.standing.runs.digest

    @property
    def is_underway(self) -> bool:
        """The first reason passes by itself."""
        return self.standing.reason in set(Underway)

    @property
    def obstacles(self) -> tuple[str, ...]:
        return tuple(each for each in self.standing.reasons if each != Reason.UP_TO_DATE)

    @property
    def upstream(self) -> Digest | None:
        return self.standing.upstream

    @property
    def in_the_way(self) -> str:
        """The reason that the sign is about; empty where there is nothing to say of it."""
        return next(iter(self.obstacles), "")

    @property
    def notes(self) -> tuple[tuple[str, Note], ...]:
        """Who wants it so, and why: with each reason that somebody is behind."""
        found = ((reason, self.standing.note(reason)) for reason in self.obstacles)
        return tuple((reason, note) for reason, note in found if note is not None)

    @property
    def beside(self) -> tuple[str, ...]:
        """What else is in the way, and nobody is behind."""
        told = {self.in_the_way, *(reason for reason, _ in self.notes)}
        return tuple(each for each in self.obstacles if each not in told)

    @property
    def said(self) -> str:
        """What the upstream answered, where that is in the way."""
        return self.standing.said(self.in_the_way)

    @property
    def clear(self) -> str:
        return self.standing.clear(self.in_the_way).removeprefix("nothing to clear: ")


class Overview(Struct, frozen=True, kw_only=True):
    """*hidden* services are there and not shown."""

    rows: tuple[Row, ...]
    quota: dict[str, RateLimit]
    hidden: int

    def count(self, mood: str) -> int:
        return sum(row.sign.mood == mood for row in self.rows)


def overview(config: Config, parts: Parts, *, named: str = "") -> Overview:
    """Those whose name has *named* in it. Raises what the list of services raises."""
    found = [each for each in followers(parts) if named in each.name.service]
    shown = found[:SHOWN]
    seen = looks.looks(parts, _tags(shown))
    looked = [seen.get(each.tracks) if each.tracks else None for each in shown]
    found_rows = rows(config, parts, shown, looked)
    return Overview(
        rows=tuple(sorted(found_rows, key=lambda row: (rank(row.sign), row.name))),
        quota=looks.quota(seen.values()),
        hidden=len(found) - len(shown),
    )


def _tags(shown: Iterable[Follower]) -> dict[Reference, datetime | None]:
    """Each with when something that tracks it was deployed last."""
    tags: dict[Reference, datetime | None] = {}
    for each in shown:
        if each.tracks is not None:
            times = (tags.get(each.tracks), each.moved_at)
            tags[each.tracks] = max((time for time in times if time), default=None)
    return tags


def followers(parts: Parts) -> list[Follower]:
    """By name."""

    def listed() -> list[Follower]:
        found = parts.fleet.labelled(TRACKED_LABEL, deadline=Deadline.after(_SECONDS))
        return sorted(found, key=lambda follower: follower.name)

    return parts.kept.get("fleet", listed, seconds=_KEPT)


def forget(parts: Parts) -> None:
    parts.kept.drop("fleet")


def row(config: Config, parts: Parts, follower: Follower, look: Look | None) -> Row:
    return rows(config, parts, [follower], [look])[0]


def rows(
    config: Config, parts: Parts, found: Sequence[Follower], seen: Sequence[Look | None]
) -> list[Row]:
    """*seen* is a look at the tag of each of *found*, None where it tracks none."""
    have = runs(found, lambda name, revision: _revision(parts, name, revision))
    now = parts.now()
    stands = [
        stand(follower, look, has, rules=config.rules, policy=config.policy, now=now)
        for follower, look, has in zip(found, seen, have, strict=True)
    ]
    return [Row(standing=each, sign=sign_of_all(each.reasons)) for each in stands]


def _revision(parts: Parts, name: ServiceName, revision: str) -> Revision | None:
    """Of those that lost their visitors or wait for them; a revision never changes."""
    return parts.kept.get(
        ("revision", str(name), revision),
        lambda: parts.services.revision(name, revision),
        seconds=_KEPT,
    )
