"""Whether a service follows its tag now: one pure function from facts to a decision.

The facts come from the service's own record, so that nothing here has to be remembered. Policies
that come later (version ranges, cooldown, windows, approval) are further facts and further lines.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from transship.errors import InvalidReference
from transship.model.digest import Digest
from transship.model.naming import ServiceName
from transship.model.note import Aware, Note, read_note, read_notes
from transship.model.quarantine import Bad, digests_of, read_quarantine
from transship.model.reason import Reason
from transship.model.record import PREFIX, TRACKS_KEY, Record
from transship.model.reference import Reference, parse_reference
from transship.model.rules import Rules
from transship.model.service import Service, State
from transship.model.traffic import Share
from transship.model.trial import Trial, trial_in

HOLD_KEY = f"{PREFIX}hold"
PIN_KEY = f"{PREFIX}pin"
SKIP_KEY = f"{PREFIX}skip"
AUTOMATIC_KEY = f"{PREFIX}automatic"
WHY_KEY = f"{PREFIX}why"

HOUR = timedelta(hours=1)


class Follower(Struct, frozen=True, kw_only=True):
    """A service that says it tracks a tag, as a list of services tells it.

    *image* is what the newest revision was asked to run; *visited* is the revision that most
    visitors get, empty where none has any. *automatic* are the times of its last automatic deploys.
    """

    name: ServiceName
    # Which one of several; empty: the one that serves requests.
    container: str = ""
    tracks: Reference | None
    image: Reference | None
    index: Digest | None = None
    failed: bool = False
    pinned_traffic: bool = False
    # Somebody else chose what runs, by its digest.
    overridden: bool = False
    held: bool = False
    pinned: bool = False
    skipped: frozenset[str] = frozenset()
    bad: tuple[Bad, ...] = ()
    automatic: tuple[datetime, ...] = ()
    moved_at: datetime | None = None
    why: str = ""
    trial: Trial | None = None
    newest: str = ""
    visited: str = ""
    # Who asked for it and why: of HOLD_KEY, of PIN_KEY, and of each digest that is skipped.
    notes: tuple[tuple[str, Note], ...] = ()

    @property
    def runs(self) -> Digest | None:
        return self.image.digest if self.image else None

    @property
    def given(self) -> Digest | None:
        """What the newest revision was made of, as a tag means it where that is known."""
        return self.index or self.runs

    @property
    def has_visitors(self) -> bool:
        """The newest revision; False where the list does not say."""
        return bool(self.visited) and self.visited == self.newest

    @property
    def quarantined(self) -> frozenset[str]:
        return digests_of(self.bad)

    def has(self, digest: Digest) -> bool:
        """What runs is *digest*, or is the part of index *digest* that is for this platform."""
        return digest in (self.runs, self.index)


def follow(
    follower: Follower, upstream: Digest, *, rules: Rules, listed: bool, now: datetime
) -> Reason:
    """NEW_IMAGE to deploy *upstream*; any other reason says why not.

    *upstream* is what the tag means now. *listed*: the policy allows project and region.
    """
    found = obstacles(follower, upstream, rules=rules, listed=listed, now=now)
    return next(iter(found), Reason.NEW_IMAGE)


def obstacles(
    follower: Follower, upstream: Digest | None, *, rules: Rules, listed: bool, now: datetime
) -> list[Reason]:
    """All that would keep *follower* from *upstream*: clearing the first may leave the next.

    Where nobody knows *upstream*, what is in the way of what it was given last, and of any other.
    """
    this_hour = sum(time > now - HOUR for time in follower.automatic)
    meant = upstream or follower.given
    given = meant is not None and follower.has(meant)
    # Whoever sent visitors there after all knew what was said against it.
    is_known_bad = meant is not None and meant.value in follower.quarantined
    is_bad = is_known_bad and not (given and follower.has_visitors)
    has_it = given and not is_bad
    # In the order in which somebody would want to know.
    facts = (
        (follower.tracks is None, Reason.TRACKING_LOST),
        (not listed, Reason.UNLISTED_REGION),
        (is_bad, Reason.QUARANTINED),
        (has_it and follower.failed, Reason.FAILED_BEFORE),
        (has_it and not follower.failed and upstream is not None, Reason.UP_TO_DATE),
        (follower.held, Reason.HELD),
        (follower.pinned, Reason.PINNED),
        (meant is not None and meant.value in follower.skipped, Reason.SKIPPED),
        (follower.pinned_traffic or follower.overridden, Reason.OPERATOR_HOLD),
        (rules.paused, Reason.PAUSED),
        (this_hour >= rules.pace, Reason.PACED),
    )
    return [reason for is_so, reason in facts if is_so]


def follower_of(
    name: ServiceName,
    *,
    annotations: Mapping[str, str],
    image: Reference | None,
    failed: bool,
    pinned_traffic: bool,
    container: str = "",
    newest: str = "",
    visited: str = "",
) -> Follower:
    """From the service's own annotations; those of the template are not in every list."""
    record = Record.read(annotations)
    # The index is of what runs only as long as nobody has deployed something else.
    known = record is not None and image is not None and image.digest == record.child
    skips = read_notes(annotations, SKIP_KEY)
    ways = {key: read_note(annotations, key) for key in (HOLD_KEY, PIN_KEY)}
    return Follower(
        name=name,
        container=container,
        tracks=_tracked(annotations),
        image=image,
        index=record.index if record and known else None,
        failed=failed,
        pinned_traffic=pinned_traffic,
        overridden=record is not None and is_overridden(record, image),
        held=HOLD_KEY in annotations,
        pinned=PIN_KEY in annotations,
        skipped=frozenset(skips),
        bad=read_quarantine(annotations),
        automatic=automatic_times(annotations),
        moved_at=record.requested_at if record else None,
        why=annotations.get(WHY_KEY, ""),
        trial=trial_in(annotations),
        newest=newest,
        visited=visited,
        notes=(*skips.items(), *((key, note) for key, note in ways.items() if note)),
    )


def follower_in(service: Service) -> Follower:
    """Through whose eyes *service* is seen."""
    return follower_of(
        service.name,
        annotations=service.annotations,
        image=service.image,
        failed=service.condition.state is State.FAILED
        and service.latest_created != service.latest_ready,
        pinned_traffic=service.is_pinned,
        container=service.container,
        newest=service.latest_created,
        visited=visited(service.asked_traffic, service.latest_ready),
    )


def visited(asked: Iterable[Share], latest_ready: str) -> str:
    """The revision that most visitors get; empty where none is ready."""
    shares = [share for share in asked if share.percent]
    most = max(shares, key=lambda share: share.percent, default=None)
    return (most.revision if most else None) or latest_ready


def is_overridden(record: Record, image: Reference | None) -> bool:
    """Another image was deployed by hand, by its digest: most often an operator's rollback."""
    return (
        image is not None
        and image.digest is not None
        and image.digest not in (record.child, record.index)
    )


def _tracked(annotations: Mapping[str, str]) -> Reference | None:
    try:
        return parse_reference(annotations[TRACKS_KEY])
    except (KeyError, InvalidReference):
        return None


def automatic_times(annotations: Mapping[str, str]) -> tuple[datetime, ...]:
    """Of the last automatic deploys; what another hand broke is no time."""
    try:
        return tuple(msgspec.convert(annotations.get(AUTOMATIC_KEY, "").split(), type=list[Aware]))
    except msgspec.ValidationError:
        return ()
