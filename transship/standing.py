"""Where a service stands: what it runs beside what its tag means now, and all that is in its way.

For people: the command line and the page. The decision is the functions' own (model/follow.py);
what only they know stands on the service as the reason that they gave last.
"""

from datetime import datetime

from msgspec import Struct

from transship.looking import Look
from transship.model.digest import Digest
from transship.model.follow import HOLD_KEY, PIN_KEY, Follower, obstacles
from transship.model.note import Note
from transship.model.policy import Policy
from transship.model.reason import Reason
from transship.model.reference import Reference
from transship.model.rules import Rules

# No reason of the functions': they will see it too, within the sweep's interval.
DUE = "due"
DUE_HELP = "nothing to clear: the tag has moved, and the next hint or sweep deploys it"


class Standing(Struct, frozen=True, kw_only=True):
    """*upstream* is None where nobody knows, or the tag is gone; *reasons* then say so."""

    follower: Follower
    upstream: Digest | None
    reasons: tuple[str, ...]

    @property
    def reason(self) -> str:
        """The first, in one word."""
        return self.reasons[0]

    def note(self, reason: str) -> Note | None:
        """Who is behind it and why, where that is somebody."""
        about = {
            Reason.HELD.value: HOLD_KEY,
            Reason.PINNED.value: PIN_KEY,
            Reason.SKIPPED.value: str(self.upstream or ""),
        }
        return dict(self.follower.notes).get(about.get(reason, ""))


def stand(
    follower: Follower, look: Look | None, *, rules: Rules, policy: Policy, now: datetime
) -> Standing:
    """*look* at the tag that it tracks; None where it tracks none any more."""
    upstream = look.head.digest if look and look.head else None
    return Standing(
        follower=follower,
        upstream=upstream,
        reasons=_reasons(follower, look, upstream, rules=rules, policy=policy, now=now),
    )


def clear_of(reason: str) -> str:
    """How to change it, in the words of the documented reasons."""
    if reason == DUE:
        return DUE_HELP
    return next((each.help for each in Reason if each == reason), "")


def familiar(reference: Reference | None) -> str:
    """As Docker writes it: shorter by what everybody knows.

    >>> from transship.model.reference import parse_reference
    >>> familiar(parse_reference("docker.io/library/nginx:1.27"))
    'nginx:1.27'
    """
    return str(reference or "").removeprefix("docker.io/").removeprefix("library/")


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
