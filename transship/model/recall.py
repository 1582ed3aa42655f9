"""Traffic moved because somebody said so: back to an older revision, or on to the latest again.

A message may come twice, and late: what was asked for before the newest deploy, or before the last
`clear`, has been overtaken by it.
"""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from transship.model.advance import Steer
from transship.model.candidate import ENDED, read_trial, trial_marks
from transship.model.marks import Marks, merged
from transship.model.note import Note, read_note
from transship.model.outcome import WITHDRAWN
from transship.model.quarantine import (
    bad_revision,
    clear_marks,
    quarantine_marks,
    quarantined,
    readmitted,
)
from transship.model.record import PREFIX, Record
from transship.model.service import Revision, Service, State
from transship.model.traffic import TRAFFIC_KEY, own_tags, public_text, to_revision
from transship.model.trial import Trial
from transship.model.witnessed import witness_marks, witnessed

CLEARED_KEY = f"{PREFIX}cleared"


def has_moved_on(service: Service, at: datetime) -> bool:
    """A deploy or a `clear` came after *at*."""
    record, cleared = service.record, read_note(service.annotations, CLEARED_KEY)
    return bool((record and record.requested_at > at) or (cleared and cleared.at > at))


def candidate(service: Service) -> str:
    """The revision that is on trial and has no visitors yet; empty where there is none."""
    trial = read_trial(service)
    is_there = trial is not None and trial.undecided and service.latest_created == trial.revision
    return trial.revision if trial and is_there else ""


def targets(service: Service) -> tuple[str, ...]:
    """Where to go back to, best first."""
    trial = read_trial(service)
    # While a revision is watched, the one before it is not written down as good yet; it served.
    before = (trial.previous,) if trial and not trial.undecided else ()
    known = dict.fromkeys((*before, *witnessed(service.annotations)))
    return tuple(one for one in known if one != service.kept)


def served_before(service: Service, revisions: Sequence[Revision]) -> str:
    """The newest of *revisions*, newest first, that may have had the visitors before those that
    have them now: where nothing is witnessed, that is what was asked for without a trial. Empty
    where there is none.
    """
    names = [one.name for one in revisions]
    older = revisions[names.index(service.kept) + 1 :] if service.kept in names else ()
    serving = next((one.record for one in revisions if one.name == service.kept), None)
    child = serving.child if serving else None
    return next(
        (
            one.name
            for one in older
            if is_ready(one)
            and bad_revision(service.annotations, one.name) is None
            # The image that serves is to be kept off: another revision of it is no way back.
            and (one.record is None or one.record.child != child)
        ),
        "",
    )


def is_ready(revision: Revision | None) -> bool:
    return revision is not None and revision.condition.state is State.READY


def withdraw(
    service: Service, target: str, bad: str, record: Record | None, *, note: Note, event_id: str
) -> Steer:
    """All visitors to *target*; *bad* is the revision that has them now, or that is on trial, and
    *record* is its record.
    """
    traffic = to_revision(target, service.asked_traffic)
    by = f"by {note.by}" if note.by else ""
    why = ": ".join(part for part in (by, note.why) if part)
    known = replace(service, annotations=readmitted(service.annotations, target))
    said = quarantine_marks(
        known, record, bad, reason=WITHDRAWN, evidence=why, at=note.at, event_id=event_id
    )
    good = witness_marks(service.annotations, target, bad=bad)
    pinned = Marks(annotations={TRAFFIC_KEY: public_text(traffic)})
    return Steer(
        traffic=traffic, marks=merged(said, good, ENDED, pinned), ends=WITHDRAWN, evidence=why
    )


def clear(service: Service, digest: str, note: Note, *, event_id: str) -> Steer:
    """Forget that *digest* was bad, or all that were before *note*; the latest revision is tried
    again, as *event_id*'s, where it was us who kept visitors from it, and nothing is said against
    it any more. It turned out bad once: visitors get it when it passes the gate, not before.
    """
    marks = clear_marks(service.annotations, digest, until=note.at)
    if marks.annotations:
        marks = merged(marks, Marks(annotations={CLEARED_KEY: str(note)}))
    left = quarantined({**service.annotations, **_kept(marks)})
    record = service.record
    is_good = record is not None and record.child.value not in left
    if (
        read_trial(service) is None
        and service.kept
        and service.has_our_traffic
        and service.latest_ready == service.latest_created != service.kept
        and is_good
    ):
        trial = Trial(
            revision=service.latest_created,
            previous=service.kept,
            event_id=event_id,
            phase="gate",
            since=note.at,
            container=service.container,
        )
        tags = own_tags(service.name.service, following=trial.revision, previous=trial.previous)
        traffic = to_revision(trial.previous, service.asked_traffic, *tags)
        return Steer(
            traffic=traffic, marks=merged(marks, trial_marks(trial, traffic)), ends="cleared"
        )
    return Steer(traffic=service.asked_traffic, marks=marks, ends="")


def _kept(marks: Marks) -> dict[str, str]:
    return {key: value or "[]" for key, value in marks.annotations.items()}
