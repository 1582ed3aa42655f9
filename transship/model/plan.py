"""Which changes make a service what a deploy request asks for: facts in, a list out.

What nobody named is kept: the traffic split, revision tags, sidecars, every other setting.
"""

from msgspec import Struct
from msgspec.structs import replace

from transship.model.candidate import CANDIDATE, IMMEDIATE, STRATEGY_KEY, begin, read_trial
from transship.model.focus import free_labels
from transship.model.follow import WHY_KEY
from transship.model.marks import NO_MARKS, TRACKED_LABEL, Marks, merged, tracking_marks
from transship.model.naming import ServiceName, tracking_label
from transship.model.reason import Reason
from transship.model.recording import recording
from transship.model.reference import Reference
from transship.model.request import Deploy
from transship.model.service import CLIENT, Service, State
from transship.model.settings import Settings
from transship.model.trial import Phase
from transship.model.wanted import Wanted, because


class CreateService(Struct, frozen=True, kw_only=True):
    wanted: Wanted
    reason: Reason = Reason.NEW_SERVICE


class NewRevision(Struct, frozen=True, kw_only=True):
    """Replace the image and the named settings of *current*'s template, and nothing else of it."""

    current: Service
    wanted: Wanted
    reason: Reason


class Annotate(Struct, frozen=True, kw_only=True):
    """Change what *current* says about itself; no new revision."""

    current: Service
    marks: Marks
    reason: Reason


class SetPublic(Struct, frozen=True, kw_only=True):
    service: ServiceName
    public: bool
    reason: Reason = Reason.NEW_ACCESS


Change = CreateService | NewRevision | Annotate | SetPublic


def plan_deploy(
    deploy: Deploy, wanted: Wanted, current: Service | None, *, public: bool | None
) -> list[Change]:
    """The changes that make *current* what *deploy* asks for; ``[]`` where it is so already.

    *public* is how the service stands; it only matters where the request names it.
    """
    changes: list[Change] = []
    if current is None:
        changes.append(CreateService(wanted=because(wanted, Reason.NEW_SERVICE)))
    elif reason := _new_revision(deploy, wanted, current):
        staged = _staged(deploy, because(wanted, reason), current)
        changes.append(NewRevision(current=current, wanted=staged, reason=reason))
    elif annotating := _annotating(wanted, current):
        changes.append(annotating)
    if deploy.public is not None and deploy.public != bool(public):
        changes.append(SetPublic(service=wanted.service, public=deploy.public))
    return changes


def _staged(deploy: Deploy, wanted: Wanted, current: Service) -> Wanted:
    """How the new revision starts: on trial, or with all visitors as soon as it is ready."""
    default = IMMEDIATE if deploy.only_if is None else CANDIDATE
    strategy = deploy.strategy or current.annotations.get(STRATEGY_KEY, default)
    if strategy == IMMEDIATE and not current.has_our_traffic:
        return wanted
    # Where we keep visitors away from the latest revision, "latest" would send them there until the
    # new one is ready: it is named, and gets them when it is.
    phase: Phase = "gate" if strategy == CANDIDATE else "ready"
    trial = begin(current, event_id=deploy.event_id, phase=phase, now=deploy.requested_at)
    if trial is None:
        return wanted
    return replace(wanted, revision=trial.revision, traffic=trial.traffic, also=trial.marks)


def _annotating(wanted: Wanted, current: Service) -> Annotate | None:
    """The right image runs; what the service says about it may be behind."""
    marks, reason = recording(wanted.record, current)
    if not tracking_holds(wanted.tracks, current):
        tracking = tracking_marks(wanted.tracks, free_labels(current))
        marks, reason = merged(marks, tracking), Reason.NEW_TRACKING
    if ways := _changed(wanted.ways(), current):
        marks, reason = merged(marks, Marks(annotations=ways)), Reason.STEERED
    if marks == NO_MARKS:
        return None
    # It follows again.
    why = {WHY_KEY: None} if WHY_KEY in current.annotations else {}
    return Annotate(current=current, marks=merged(marks, Marks(annotations=why)), reason=reason)


def _changed(marks: Marks, current: Service) -> dict[str, str | None]:
    said = current.annotations
    return {key: value for key, value in marks.annotations.items() if said.get(key) != value}


def _new_revision(deploy: Deploy, wanted: Wanted, current: Service) -> Reason | None:
    if not runs_wanted(wanted, current):
        return Reason.NEW_IMAGE
    if deploy.only_if is not None:
        # What failed here fails again: another index around the same child is no reason to retry.
        return None
    if current.condition.state is State.FAILED:
        return Reason.NEW_IMAGE
    if current.has_our_traffic and read_trial(current) is None:
        # Asked for again by somebody who knows: a fresh revision, since the old one had its turn.
        return Reason.NEW_IMAGE
    if differing(wanted.settings, current):
        return Reason.NEW_SETTINGS
    return None


def runs_wanted(wanted: Wanted, current: Service) -> bool:
    """Services made by others may run the index's digest; ours run the child's."""
    return (
        current.image is not None
        and current.image.name == wanted.image.name
        and current.runs(wanted.record.child, wanted.record.index)
    )


def differing(settings: Settings, current: Service) -> list[str]:
    """The named settings that *current* has otherwise.

    Cloud Run may normalise in a way that is not known here. So the same settings, asked for again
    while nobody else has written in between, differ in nothing.
    """
    record = current.record
    if record and current.client == CLIENT and record.asked_for == settings.fingerprint():
        return []
    return settings.differences(current.settings)


def tracking_holds(tracks: Reference | None, current: Service) -> bool:
    if tracks is None:
        return current.tracks is None
    labels = {tracking_label(tracks.name), TRACKED_LABEL}
    return current.tracks == tracks and labels <= current.labels.keys()
