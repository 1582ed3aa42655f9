"""The services that transship tracks, beside what their tags mean upstream now.

The decision is the functions' own; what only they know (whether all is paused, what policy says)
stands on the service as the reason that they gave last.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from transship.cli.tools import Tools
from transship.looking import Look, look_at
from transship.model.digest import Digest
from transship.model.follow import Follower, Rules, obstacles
from transship.model.marks import TRACKED_LABEL
from transship.model.policy import Policy
from transship.model.reason import Reason
from transship.model.reference import Reference
from transship.throttle import Pauses, Throttle


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """*upstream* is None where nobody knows, or the tag is gone; *reasons* then say so."""

    follower: Follower
    upstream: Digest | None
    reasons: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The first, in one word."""
        return self.reasons[0]


def followers(tools: Tools) -> list[Follower]:
    """In the order of their names; those of a project and region where flags name them."""
    found = tools.clients.fleet.labelled(TRACKED_LABEL, deadline=tools.deadline())
    return sorted(found, key=lambda follower: follower.name)


def standings(tools: Tools, found: Iterable[Follower]) -> list[Standing]:
    """One HEAD for each tag, politely: they cost no quota, but requests are counted as well."""
    services = list(found)
    tags = dict.fromkeys(each.tracks for each in services if each.tracks)
    registry, deadline = tools.clients.registry, tools.deadline()
    looks = {
        look.tag: look
        for look in look_at(
            tags,
            lambda tag: registry.head(tag, deadline=deadline),
            throttle=Throttle(tools.config.upstream_rate),
            pauses=Pauses(),
            now=lambda: datetime.now(UTC),
        )
    }
    config = tools.config
    return [
        stand(
            each,
            looks.get(each.tracks) if each.tracks else None,
            rules=config.rules,
            policy=config.policy,
            now=datetime.now(UTC),
        )
        for each in services
    ]


def stand(
    follower: Follower, look: Look | None, *, rules: Rules, policy: Policy, now: datetime
) -> Standing:
    upstream = look.head.digest if look and look.head else None
    return Standing(
        follower=follower,
        upstream=upstream,
        reasons=_reasons(follower, look, upstream, rules=rules, policy=policy, now=now),
    )


def _reasons(
    follower: Follower,
    look: Look | None,
    upstream: Digest | None,
    *,
    rules: Rules,
    policy: Policy,
    now: datetime,
) -> tuple[str, ...]:
    if look is None:
        return (Reason.TRACKING_LOST.value,)
    if look.is_gone:
        return (Reason.TAG_DELETED.value,)
    if upstream is None:
        return (Reason.UPSTREAM_UNAVAILABLE.value,)
    listed = any(target.matches(follower.name) for target in policy.targets)
    found = [
        reason.value
        for reason in obstacles(follower, upstream, rules=rules, listed=listed, now=now)
    ]
    # Theirs, unless it is out of date: a service that runs what it should is in nobody's way.
    if follower.why and follower.why not in found and Reason.UP_TO_DATE not in found:
        found.append(follower.why)
    return tuple(found) or (DUE,)


# No reason of the functions': they will see it too, within the sweep's interval.
DUE = "due"


def familiar(reference: Reference | None) -> str:
    """As Docker writes it: shorter by what everybody knows.

    >>> from transship.model.reference import parse_reference
    >>> familiar(parse_reference("docker.io/library/nginx:1.27"))
    'nginx:1.27'
    """
    return str(reference or "").removeprefix("docker.io/").removeprefix("library/")


def familiar_name(reference: Reference) -> str:
    return reference.name.removeprefix("docker.io/").removeprefix("library/")
