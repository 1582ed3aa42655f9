"""A new revision on trial: how it starts without visitors, and what happens to it next.

Everything that a trial has to know stands on the service, so that whoever looks next (the event's
redelivery, or a tick) goes on where the last one stopped, and two who look at once do no harm:
each writes with the etag that it read. The phases are data; a gradual rollout is more of them.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from transship.model.gate import Gate, Health, Verdict
from transship.model.marks import ROLLOUT_LABEL, Marks, merged
from transship.model.quarantine import clear_marks, quarantine_marks
from transship.model.record import PREFIX
from transship.model.service import Service, State
from transship.model.traffic import (
    NEXT_TAG,
    PREVIOUS_TAG,
    TRAFFIC_KEY,
    Share,
    public_text,
    to_latest,
    to_revision,
)
from transship.model.trial import ROLLOUT_KEY, Trial, trial_in

# A tag's URL appears with the traffic that was set; one that has not by then does not come.
_URL_PATIENCE = timedelta(minutes=5)

WITNESSED_KEY = f"{PREFIX}witnessed"


IMMEDIATE, CANDIDATE = "immediate", "candidate"
STRATEGY_KEY = f"{PREFIX}strategy"

# A trial that is over leaves nothing of these.
ENDED = Marks(annotations={ROLLOUT_KEY: None, TRAFFIC_KEY: None}, labels={ROLLOUT_LABEL: None})


def read_trial(service: Service) -> Trial | None:
    return trial_in(service.annotations)


def is_on_trial(service: Service) -> bool:
    return read_trial(service) is not None


def revision_name(service: str, event_id: str) -> str:
    """Follows from the event, so that a redelivery cannot make a second revision.

    Below 64 characters, as service names are below 50.
    """
    return f"{service}-t{hashlib.sha256(event_id.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin:
    """What goes into the same write as the new template."""

    revision: str
    traffic: tuple[Share, ...]
    marks: Marks


def begin(current: Service, *, event_id: str, now: datetime) -> Begin | None:
    """How *current* gets a candidate; None where nothing serves yet, so nothing can be kept."""
    previous = current.serving
    if previous is None:
        return None
    trial = Trial(
        revision=revision_name(current.name.service, event_id),
        previous=previous,
        event_id=event_id,
        phase="gate",
        since=now,
    )
    traffic = to_revision(
        previous,
        current.asked_traffic,
        Share(percent=0, revision=trial.revision, tag=NEXT_TAG),
        Share(percent=0, revision=previous, tag=PREVIOUS_TAG),
    )
    return Begin(revision=trial.revision, traffic=traffic, marks=_marks(trial, traffic))


@dataclass(frozen=True, slots=True)
class Wait:
    """Cloud Run is at work, or the watch is not over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The probe has to say something about the revision that has *tag*; *uri* empty: it has none,
    so that it cannot be reached.
    """

    tag: str
    uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Steer:
    """Set traffic and marks in one write. *ends*: how the trial ended, empty where it goes on."""

    traffic: tuple[Share, ...]
    marks: Marks
    ends: Literal["", "promoted", "rejected", "rolled_back", "watched", "abandoned", "cleared"]
    evidence: str = ""


Step = Wait | Look | Steer


def advance(
    service: Service, trial: Trial, gate: Gate, verdicts: dict[str, Verdict], *, now: datetime
) -> Step:
    """What to do next. *verdicts* are by revision tag, from looks made after *service* was read."""
    if not service.settled:
        return Wait()
    if service.latest_created != trial.revision:
        return _abandon(service)
    if service.condition.state is State.FAILED and trial.phase == "gate":
        return _back(service, trial, "rejected", service.condition.message, now)
    if trial.phase == "watch":
        return _watch(service, trial, gate, verdicts, now)
    return _gate(service, trial, gate, verdicts, now)


def _gate(
    service: Service, trial: Trial, gate: Gate, verdicts: dict[str, Verdict], now: datetime
) -> Step:
    verdict = verdicts.get(NEXT_TAG)
    if verdict is None:
        return _look(service, trial, NEXT_TAG, now)
    if verdict.health is not Health.UNHEALTHY:
        return _promote(service, trial, gate, verdict, now)
    if now < _ready_since(service, trial) + timedelta(seconds=gate.patience):
        return Wait()
    return _back(service, trial, "rejected", verdict.evidence, now)


def _watch(
    service: Service, trial: Trial, gate: Gate, verdicts: dict[str, Verdict], now: datetime
) -> Step:
    if now >= trial.since + timedelta(seconds=gate.watch):
        return _finish(service, trial, "watched")
    verdict, before = verdicts.get(NEXT_TAG), verdicts.get(PREVIOUS_TAG)
    if verdict is None:
        return _look(service, trial, NEXT_TAG, now)
    if verdict.health is not Health.UNHEALTHY:
        return Wait()
    if before is None:
        # Nobody is sent back to what is no better.
        return _look(service, trial, PREVIOUS_TAG, now)
    if before.health is Health.UNHEALTHY:
        return Wait()
    return _back(service, trial, "rolled_back", verdict.evidence, now)


def _look(service: Service, trial: Trial, tag: str, now: datetime) -> Step:
    uri = next((share.uri for share in service.traffic if share.tag == tag and share.uri), "")
    if uri:
        return Look(tag=tag, uri=uri)
    if now < _ready_since(service, trial) + _URL_PATIENCE:
        return Wait()
    return Look(tag=tag, uri="")


def _ready_since(service: Service, trial: Trial) -> datetime:
    since = service.condition.since
    return max(trial.since, since) if since else trial.since


def _promote(service: Service, trial: Trial, gate: Gate, verdict: Verdict, now: datetime) -> Step:
    if not gate.watch or verdict.health is Health.UNREACHABLE:
        return _finish(service, trial, "promoted", verdict.evidence)
    watched = msgspec.structs.replace(trial, phase="watch", since=now)
    traffic = (
        *to_latest(service.asked_traffic),
        Share(percent=0, revision=trial.revision, tag=NEXT_TAG),
        Share(percent=0, revision=trial.previous, tag=PREVIOUS_TAG),
    )
    marks = _marks(watched, traffic)
    return Steer(traffic=traffic, marks=marks, ends="promoted")


def _finish(
    service: Service, trial: Trial, ends: Literal["promoted", "watched"], evidence: str = ""
) -> Steer:
    ended = merged(ENDED, Marks(annotations={WITNESSED_KEY: trial.revision}))
    # It has proved itself, whatever was said of its digest before.
    child = service.record.child.value if service.record else ""
    marks = merged(clear_marks(service.annotations, child), ended) if child else ended
    return Steer(
        traffic=to_latest(service.asked_traffic), marks=marks, ends=ends, evidence=evidence
    )


def _back(
    service: Service,
    trial: Trial,
    ends: Literal["rejected", "rolled_back"],
    evidence: str,
    now: datetime,
) -> Steer:
    """Pinned, because "latest" may mean the bad one; recorded, so that it is no operator's hold."""
    traffic = to_revision(trial.previous, service.asked_traffic)
    bad = quarantine_marks(service, reason=ends, evidence=evidence, at=now)
    pinned = {TRAFFIC_KEY: public_text(traffic), WITNESSED_KEY: trial.previous}
    marks = merged(ENDED, bad, Marks(annotations=pinned))
    return Steer(traffic=traffic, marks=marks, ends=ends, evidence=evidence)


def _abandon(service: Service) -> Steer:
    """Somebody else deployed in the meantime; what they set is kept, what we set is taken back."""
    recorded = service.annotations.get(TRAFFIC_KEY)
    ours = public_text(service.asked_traffic) == recorded
    traffic = to_latest(service.asked_traffic) if ours else service.asked_traffic
    return Steer(traffic=traffic, marks=ENDED, ends="abandoned")


def _marks(trial: Trial, traffic: tuple[Share, ...]) -> Marks:
    return Marks(
        annotations={
            ROLLOUT_KEY: msgspec.json.encode(trial).decode(),
            TRAFFIC_KEY: public_text(traffic),
        },
        labels={ROLLOUT_LABEL: ""},
    )


def roll_back(service: Service, revision: str, *, reason: str, now: datetime) -> Steer:
    """Because somebody said so; pinned and recorded, as after a trial."""
    traffic = to_revision(revision, service.asked_traffic)
    bad = quarantine_marks(service, reason="rolled_back", evidence=reason, at=now)
    pinned = {TRAFFIC_KEY: public_text(traffic), WITNESSED_KEY: revision}
    marks = merged(ENDED, bad, Marks(annotations=pinned))
    return Steer(traffic=traffic, marks=marks, ends="rolled_back", evidence=reason)


def clear(service: Service, digest: str) -> Steer:
    """The latest ready revision serves again, if it was us who took its visitors."""
    marks = clear_marks(service.annotations, digest)
    if not service.has_our_traffic or is_on_trial(service):
        return Steer(traffic=service.asked_traffic, marks=marks, ends="")
    return Steer(
        traffic=to_latest(service.asked_traffic), marks=merged(marks, ENDED), ends="cleared"
    )
