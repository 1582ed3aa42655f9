"""How a new revision starts on trial: ready and looked at before visitors see it.

Everything that a trial has to know stands on the service, written with the template and the
traffic in one update, so that a crash leaves a trial that goes on or none.
"""

import hashlib
from datetime import datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from transship.model.marks import ROLLOUT_LABEL, Marks
from transship.model.record import PREFIX
from transship.model.service import Service
from transship.model.traffic import TRAFFIC_KEY, Share, own_tags, public_text, to_revision
from transship.model.trial import ROLLOUT_KEY, Phase, Trial, trial_in

IMMEDIATE, CANDIDATE = "immediate", "candidate"
STRATEGY_KEY = f"{PREFIX}strategy"

# A trial that is over leaves nothing of these.
ENDED = Marks(annotations={ROLLOUT_KEY: None, TRAFFIC_KEY: None}, labels={ROLLOUT_LABEL: None})


def read_trial(service: Service) -> Trial | None:
    return trial_in(service.annotations)


def is_undecided(service: Service) -> bool:
    """Its newest revision is on trial and has no visitors yet."""
    trial = read_trial(service)
    return trial is not None and trial.undecided


class Begin(Struct, frozen=True, kw_only=True):
    """What goes into the same write as the new template."""

    revision: str
    traffic: tuple[Share, ...]
    marks: Marks


def begin(current: Service, *, event_id: str, phase: Phase, now: datetime) -> Begin | None:
    """How *current* gets a new revision; None where nothing serves yet, so nothing can be kept."""
    previous = current.kept
    if previous is None:
        return None
    trial = Trial(
        revision=revision_name(current, event_id),
        previous=previous,
        event_id=event_id,
        phase=phase,
        since=now,
        container=current.container,
    )
    tags = own_tags(current.name.service, following=trial.revision, previous=previous)
    traffic = to_revision(previous, current.asked_traffic, *tags)
    return Begin(revision=trial.revision, traffic=traffic, marks=trial_marks(trial, traffic))


def revision_name(current: Service, event_id: str) -> str:
    """Given, because the same write gives it a tag. Below 64 characters, as service names are below
    50; and another one when an event has to begin again after somebody else deployed.
    """
    mark = hashlib.sha256(f"{event_id}/{current.generation}".encode()).hexdigest()
    return f"{current.name.service}-t{mark[:8]}"


def turned(current: Service, *, held: bool, event_id: str, at: datetime) -> dict[str, str | None]:
    """Annotations by which a trial whose revision has no visitors yet waits, or goes on with its
    patience renewed; none where it does so already. From then on it is *event_id*'s to tell how it
    ends: the deploy that began it has ended with that.
    """
    trial = read_trial(current)
    if trial is None or not trial.undecided or trial.held == held:
        return {}
    changed = replace(trial, held=held, event_id=event_id, since=at)
    return {ROLLOUT_KEY: msgspec.json.encode(changed).decode()}


def trial_marks(trial: Trial, traffic: tuple[Share, ...]) -> Marks:
    """What the service says while *trial* goes on with *traffic*."""
    return Marks(
        annotations={
            ROLLOUT_KEY: msgspec.json.encode(trial).decode(),
            TRAFFIC_KEY: public_text(traffic),
        },
        labels={ROLLOUT_LABEL: ""},
    )
