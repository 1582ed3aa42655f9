"""What happens next to a revision on trial: one pure function from facts to a step.

Level-triggered: whoever looks (the event's redelivery, or a tick) decides from the service alone
and goes on where the last one stopped, and two who look at once do no harm, since each writes with
the etag that it read. The phases are data; a gradual rollout is more of them.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec import Struct

from transship.model.candidate import ENDED, trial_marks
from transship.model.gate import Gate, Health, Verdict
from transship.model.marks import Marks, merged
from transship.model.quarantine import clear_marks, quarantine_marks
from transship.model.service import Service, State
from transship.model.traffic import (
    NEXT_TAG,
    PREVIOUS_TAG,
    TRAFFIC_KEY,
    Share,
    own_tags,
    public_text,
    to_latest,
    to_revision,
    without_own_tags,
)
from transship.model.trial import Phase, Trial
from transship.model.witnessed import passed_marks, witness_marks

# A tag's URL appears with the traffic that was set; one that has not by then does not come.
_URL_PATIENCE = timedelta(minutes=5)

Ends = Literal[
    "", "promoted", "rejected", "rolled_back", "watched", "abandoned", "withdrawn", "cleared"
]


class Wait(Struct, frozen=True):
    """Cloud Run is at work, or the time is not over."""


class Look(Struct, frozen=True, kw_only=True):
    """The probe has to say something about the revision that has *tag*; *uri* empty: it has none,
    so that it cannot be reached.
    """

    tag: str
    uri: str


class Steer(Struct, frozen=True, kw_only=True):
    """Set traffic and marks in one write. *ends*: how the phase ended, empty where it goes on."""

    traffic: tuple[Share, ...]
    marks: Marks
    ends: Ends
    evidence: str = ""


Step = Wait | Look | Steer


class Facts(Struct, frozen=True, kw_only=True):
    """What a step is decided from. *verdicts* are by revision tag, from looks made after *service*
    was read.
    """

    service: Service
    trial: Trial
    gate: Gate
    verdicts: Mapping[str, Verdict]
    now: datetime

    @property
    def ready_since(self) -> datetime:
        since = self.service.condition.since
        return max(self.trial.since, since) if since else self.trial.since


def advance(facts: Facts) -> Step:
    """What to do next; the same however often it is asked, and whoever asks."""
    service, trial = facts.service, facts.trial
    if not service.settled:
        return Wait()
    if service.latest_created != trial.revision or service.is_pinned:
        return _abandon(facts)
    if trial.held:
        return Wait()
    return _PHASES[trial.phase](facts)


def _ready(facts: Facts) -> Step:
    if facts.service.condition.state is State.FAILED:
        return _never_ready(facts)
    return _finish(facts, "promoted", passed_marks(facts.trial.revision, "it is ready"))


def _gate(facts: Facts) -> Step:
    if facts.service.condition.state is State.FAILED:
        return _never_ready(facts)
    verdict = facts.verdicts.get(NEXT_TAG)
    if verdict is None:
        return _look(facts, NEXT_TAG)
    if verdict.health is not Health.UNHEALTHY:
        return _promote(facts, verdict)
    if facts.now < facts.ready_since + timedelta(seconds=facts.gate.patience):
        return Wait()
    return _back(facts, "rejected", verdict.evidence)


def _watch(facts: Facts) -> Step:
    is_over = facts.now >= facts.trial.since + timedelta(seconds=facts.gate.watch)
    verdict, before = facts.verdicts.get(NEXT_TAG), facts.verdicts.get(PREVIOUS_TAG)
    if verdict is None:
        return _look(facts, NEXT_TAG)
    if verdict.health is not Health.UNHEALTHY:
        return _finish(facts, "watched", _proved(facts)) if is_over else Wait()
    if before is None:
        # Nobody is sent back to what is no better.
        return _look(facts, PREVIOUS_TAG)
    if before.health is not Health.UNHEALTHY:
        return _back(facts, "rolled_back", verdict.evidence)
    return _finish(facts, "watched", Marks(), verdict.evidence) if is_over else Wait()


_PHASES: Mapping[Phase, Callable[[Facts], Step]] = {
    "ready": _ready,
    "gate": _gate,
    "watch": _watch,
}


def _look(facts: Facts, tag: str) -> Step:
    service = facts.service
    uri = next((share.uri for share in service.traffic if share.tag == tag and share.uri), "")
    has_tag = any(share.tag == tag for share in service.asked_traffic)
    if uri or not (has_tag and service.uri):
        return Look(tag=tag, uri=uri)
    if facts.now < facts.ready_since + _URL_PATIENCE:
        return Wait()
    return Look(tag=tag, uri="")


def _promote(facts: Facts, verdict: Verdict) -> Steer:
    trial, service = facts.trial, facts.service
    said = passed_marks(trial.revision, verdict.evidence)
    if not facts.gate.watch or verdict.health is Health.UNREACHABLE:
        return _finish(facts, "promoted", merged(said, _proved(facts)), verdict.evidence)
    watched = msgspec.structs.replace(trial, phase="watch", since=facts.now)
    tags = own_tags(service.name.service, following=trial.revision, previous=trial.previous)
    traffic = (*to_latest(service.asked_traffic), *tags)
    marks = merged(trial_marks(watched, traffic), said)
    return Steer(traffic=traffic, marks=marks, ends="promoted", evidence=verdict.evidence)


def _proved(facts: Facts) -> Marks:
    return witness_marks(facts.service.annotations, facts.trial.revision, facts.trial.previous)


def _finish(
    facts: Facts, ends: Literal["promoted", "watched"], also: Marks, evidence: str = ""
) -> Steer:
    service = facts.service
    child = service.record.child.value if service.record else ""
    # Whatever was said of its digest before: it has the visitors now.
    cleared = clear_marks(service.annotations, child) if child else Marks()
    return Steer(
        traffic=to_latest(service.asked_traffic),
        marks=merged(cleared, also, ENDED),
        ends=ends,
        evidence=evidence,
    )


def _never_ready(facts: Facts) -> Steer:
    return _back(facts, "rejected", facts.service.condition.message, reason="never_ready")


def _back(
    facts: Facts, ends: Literal["rejected", "rolled_back"], evidence: str, *, reason: str = ""
) -> Steer:
    """Pinned, because "latest" may mean the bad one; recorded, so that it is no operator's hold."""
    service, trial = facts.service, facts.trial
    traffic = to_revision(trial.previous, service.asked_traffic)
    bad = quarantine_marks(
        service,
        service.record,
        trial.revision,
        reason=reason or ends,
        evidence=evidence,
        at=facts.now,
        event_id=trial.event_id,
    )
    good = witness_marks(service.annotations, trial.previous, bad=trial.revision)
    pinned = Marks(annotations={TRAFFIC_KEY: public_text(traffic)})
    return Steer(
        traffic=traffic, marks=merged(bad, good, ENDED, pinned), ends=ends, evidence=evidence
    )


def _abandon(facts: Facts) -> Steer:
    """Somebody else deployed or set the traffic meanwhile: theirs is kept, ours is taken back."""
    service, trial = facts.service, facts.trial
    if service.is_pinned:
        return Steer(traffic=without_own_tags(service.asked_traffic), marks=ENDED, ends="abandoned")
    if trial.undecided and service.latest_ready != service.latest_created:
        # Theirs failed: the latest revision that is ready may be ours, which nobody has proved.
        traffic = to_revision(trial.previous, service.asked_traffic)
        pinned = Marks(annotations={TRAFFIC_KEY: public_text(traffic)})
        return Steer(traffic=traffic, marks=merged(ENDED, pinned), ends="abandoned")
    return Steer(traffic=to_latest(service.asked_traffic), marks=ENDED, ends="abandoned")
