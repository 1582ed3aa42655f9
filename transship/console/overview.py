"""The fleet at a glance: what runs, what the tags mean, what is held and why, what moves."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from transship.config import Config
from transship.console import looks
from transship.console.ports import Parts
from transship.console.states import ON_TRIAL, Mood, Sign, rank, sign_of
from transship.deadline import Deadline
from transship.looking import Look
from transship.model.digest import Digest
from transship.model.follow import Follower
from transship.model.marks import TRACKED_LABEL
from transship.model.naming import ServiceName
from transship.model.note import Note
from transship.model.ratelimit import RateLimit
from transship.model.reason import Reason
from transship.model.reference import Reference
from transship.standing import Standing, clear_of, stand

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
        """The index where it is known: that is what compares with the upstream by eye."""
        return self.follower.index or self.follower.runs

    @property
    def is_withdrawn(self) -> bool:
        """What it was given last turned out bad: visitors are back at an earlier revision."""
        given = {digest.value for digest in (self.follower.index, self.follower.runs) if digest}
        return bool(given & self.follower.quarantined)

    @property
    def obstacles(self) -> tuple[str, ...]:
        return tuple(each for each in self.standing.reasons if each != Reason.UP_TO_DATE)

    @property
    def upstream(self) -> Digest | None:
        return self.standing.upstream

    @property
    def note(self) -> Note | None:
        """Who wants it so, and why."""
        return self.standing.note(self.standing.reason)

    @property
    def clear(self) -> str:
        # Of what is on trial the decision is still to come.
        if self.sign.mood is Mood.GOOD or self.follower.trial_of:
            return ""
        return clear_of(self.standing.reason)


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
    rows = [
        row(config, parts, each, seen.get(each.tracks) if each.tracks else None) for each in shown
    ]
    return Overview(
        rows=tuple(sorted(rows, key=lambda row: (rank(row.sign), row.name))),
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
    standing = stand(follower, look, rules=config.rules, policy=config.policy, now=parts.now())
    sign = ON_TRIAL if follower.trial_of else sign_of(standing.reason)
    return Row(standing=standing, sign=sign)
