"""Where a service stands: what it runs beside what its tag means now, and all that is in its way.

For people: the command line and the page. The decision is the functions' own (model/follow.py);
what only they know stands on the service as the reason that they gave last.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from msgspec import Struct

from transship.errors import PermanentError, TransshipError
from transship.looking import Look
from transship.model.digest import Digest
from transship.model.focus import focus_revision
from transship.model.follow import HOLD_KEY, PIN_KEY, Follower, obstacles
from transship.model.naming import ServiceName
from transship.model.note import Note
from transship.model.policy import Policy
from transship.model.reason import Reason, Underway
from transship.model.rules import Rules
from transship.model.service import Revision

# Of the name and short name; None where there is none.
ReadRevision = Callable[[ServiceName, str], Revision | None]

_SIDE_BY_SIDE = 8
# Visitors have what the tag means.
_FOLLOWS = frozenset({Reason.UP_TO_DATE.value, Underway.WATCHED.value})


class Runs(Struct, frozen=True, kw_only=True):
    """What visitors get: *child*, which *index* names where there is one. Both are None where
    nothing serves, or where another hand made it.
    """

    index: Digest | None = None
    child: Digest | None = None

    @property
    def digest(self) -> Digest | None:
        """The index where it is known: that is what compares with the upstream by eye."""
        return self.index or self.child


class Standing(Struct, frozen=True, kw_only=True):
    """*upstream* is None where nobody knows, or the tag is gone; *reasons* then say so, and *error*
    what the upstream said.
    """

    follower: Follower
    runs: Runs
    upstream: Digest | None
    reasons: tuple[str, ...]
    error: TransshipError | None = None

    @property
    def reason(self) -> str:
        """The first, in one word."""
        return self.reasons[0]

    @property
    def follows(self) -> bool:
        return self.reason in _FOLLOWS

    def clear(self, reason: str) -> str:
        """How to change it, in the words of the documented reasons."""
        if reason == Reason.UPSTREAM_UNAVAILABLE and isinstance(self.error, PermanentError):
            return "the upstream answers, and refuses: see to what it says, or track another image"
        return next((each.help for each in (*Reason, *Underway) if each == reason), "")

    def said(self, reason: str) -> str:
        """What the upstream answered, where that is the reason."""
        return str(self.error or "") if reason == Reason.UPSTREAM_UNAVAILABLE else ""

    def note(self, reason: str) -> Note | None:
        """Who is behind it and why, where that is known."""
        about = {
            Reason.HELD.value: HOLD_KEY,
            Reason.PINNED.value: PIN_KEY,
            Reason.SKIPPED.value: str(self.upstream or self.follower.given or ""),
        }
        if reason == Reason.QUARANTINED:
            return self._verdict()
        return dict(self.follower.notes).get(about.get(reason, ""))

    def _verdict(self) -> Note | None:
        meant = str(self.upstream or self.follower.given or "")
        for bad in self.follower.bad:
            if meant in {bad.child, bad.index}:
                # Who took it back is said as "by somebody".
                joint = " " if bad.evidence.startswith("by ") else ": "
                words = (bad.reason.replace("_", " "), bad.evidence)
                return Note(at=bad.at, why=joint.join(word for word in words if word))
        return None


def runs(found: Sequence[Follower], revision: ReadRevision) -> list[Runs]:
    """Of each in turn; a read, side by side, where visitors have another revision than the newest,
    none for all others. What cannot be read is not known.
    """
    with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="revision") as pool:
        return list(pool.map(lambda follower: _runs(follower, revision), found))


def _runs(follower: Follower, revision: ReadRevision) -> Runs:
    if follower.visited and follower.visited != follower.newest:
        try:
            found = revision(follower.name, follower.visited)
        except TransshipError:
            # The revision's name is shown instead; the list itself was read.
            return Runs()
        record = focus_revision(found, follower.container).record if found else None
        return Runs(index=record.index, child=record.child) if record else Runs()
    if follower.failed:
        # Nothing ever became ready.
        return Runs()
    return Runs(index=follower.index, child=follower.runs)


def stand(
    follower: Follower,
    look: Look | None,
    has: Runs,
    *,
    rules: Rules,
    policy: Policy,
    now: datetime,
) -> Standing:
    """*look* at the tag that it tracks; None where it tracks none any more."""
    upstream = look.head.digest if look and look.head else None
    listed = any(target.matches(follower.name) for target in policy.targets)
    found = obstacles(follower, upstream, rules=rules, listed=listed, now=now)
    return Standing(
        follower=follower,
        runs=has,
        upstream=upstream,
        reasons=_reasons(follower, look, found),
        error=look.error if look else None,
    )


def _reasons(follower: Follower, look: Look | None, found: list[Reason]) -> tuple[str, ...]:
    said = [reason.value for reason in found]
    if look is None:
        return tuple(dict.fromkeys((Reason.TRACKING_LOST.value, *said)))
    if look.is_gone:
        said.insert(0, Reason.TAG_DELETED.value)
    elif look.head is None:
        said.insert(0, Reason.UPSTREAM_UNAVAILABLE.value)
    # Theirs, unless it is out of date: a service that runs what it should is in nobody's way.
    if follower.why and follower.why not in said and Reason.UP_TO_DATE not in said:
        said.append(follower.why)
    said = said or [Underway.DUE.value]
    if follower.trial is None:
        return tuple(said)
    rest = tuple(each for each in said if each != Reason.UP_TO_DATE)
    if follower.trial.held and rest:
        # It goes on when somebody lets it.
        return (*rest, Underway.ON_TRIAL.value)
    if follower.trial.undecided:
        # Visitors do not have it yet, so that nothing is up to date.
        return (Underway.ON_TRIAL.value, *rest)
    # What is watched is what the tag meant when it was deployed.
    is_current = Reason.UP_TO_DATE in said
    return (Underway.WATCHED.value, *rest) if is_current else (*rest, Underway.WATCHED.value)
