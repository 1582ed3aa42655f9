"""Which changes make a service what a deploy request asks for: facts in, a list out.

What nobody named is kept: the traffic split, revision tags, sidecars, every other setting.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from transship.errors import Refused
from transship.model.candidate import (
    CANDIDATE,
    IMMEDIATE,
    STRATEGY_KEY,
    begin,
    read_trial,
)
from transship.model.digest import Digest
from transship.model.focus import free_labels, needed_beside
from transship.model.follow import (
    AUTOMATIC_KEY,
    HOUR,
    WHY_KEY,
    automatic_times,
    follow,
    follower_of,
)
from transship.model.gate import PROBE_KEY, Gate
from transship.model.marks import NO_MARKS, TRACKED_LABEL, Marks, merged, tracking_marks
from transship.model.merging import merged_settings
from transship.model.naming import ServiceName, tracking_label
from transship.model.policy import refuse_target
from transship.model.quarantine import bad_revision
from transship.model.reason import Reason
from transship.model.record import Proof, Record
from transship.model.recording import recording
from transship.model.reference import Reference
from transship.model.request import Condition, Deploy
from transship.model.service import CLIENT, Service, State
from transship.model.settings import Settings
from transship.model.traffic import Share
from transship.model.trial import Phase

# Cloud Run gives a container this port to listen on when nobody says otherwise.
# https://cloud.google.com/run/docs/container-contract#port
DEFAULT_PORT = 8080


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The state that a request asks for; *image* is pinned to the child and in the mirror."""

    service: ServiceName
    image: Reference
    settings: Settings
    record: Record
    tracks: Reference | None
    automatic: tuple[datetime, ...] = ()
    strategy: str | None = None
    gate: Gate | None = None
    container: str = ""
    # The labels of the containers beside it.
    needed: frozenset[str] = frozenset()
    # How it starts, where it does not get all visitors at once.
    revision: str = ""
    traffic: tuple[Share, ...] | None = None
    also: Marks = NO_MARKS

    def marks(self, labels: Iterable[str]) -> Marks:
        """For a service that has *labels*."""
        marks = tracking_marks(self.tracks, [key for key in labels if key not in self.needed])
        times = " ".join(time.isoformat() for time in self.automatic)
        annotations = {
            **self.record.annotations(),
            **marks.annotations,
            AUTOMATIC_KEY: times or None,
            # It follows again.
            WHY_KEY: None,
        }
        return merged(replace(marks, annotations=annotations), self.ways(), self.also)

    def ways(self) -> Marks:
        """How its next images get their visitors, where the request names it."""
        ways: dict[str, str | None] = {}
        if self.strategy is not None:
            ways[STRATEGY_KEY] = self.strategy
        if self.gate is not None:
            ways[PROBE_KEY] = msgspec.json.encode(self.gate).decode()
        return Marks(annotations=ways)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateService:
    wanted: Wanted
    reason: Reason = Reason.NEW_SERVICE


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRevision:
    """Replace the image and the named settings of *current*'s template, and nothing else of it."""

    current: Service
    wanted: Wanted
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotate:
    """Change what *current* says about itself; no new revision."""

    current: Service
    marks: Marks
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPublic:
    service: ServiceName
    public: bool
    reason: Reason = Reason.NEW_ACCESS


Change = CreateService | NewRevision | Annotate | SetPublic


def refuse_foreign(deploy: Deploy, current: Service | None) -> None:
    """Raises Refused where *current* is not transship's to change."""
    if current is None:
        return
    refuse_target(current.labels, current.annotations, is_function=current.is_function)
    if not current.is_ours and not deploy.adopt:
        raise Refused(
            "adopt",
            f"{current.name.service} exists and transship does not track it; right is another"
            ' service, or "adopt": true where policy allows it',
        )


def is_applied(deploy: Deploy, current: Service | None) -> bool:
    """This very event made the newest revision: it is being redelivered."""
    record = current.record if current else None
    return record is not None and record.cause == deploy.event_id


def standing(deploy: Deploy, current: Service | None) -> Reason | None:
    """Why *deploy* must leave *current* as it is; None where it need not."""
    if deploy.only_if is not None and (reason := _overtaken(deploy, deploy.only_if, current)):
        return reason
    if current is None:
        return None
    record = current.record
    # The event id settles a tie, so that two messages of one instant end in one state everywhere.
    if record is not None and (deploy.requested_at, deploy.event_id) < (
        record.requested_at,
        record.cause,
    ):
        return Reason.SUPERSEDED
    if current.is_pinned:
        return Reason.OPERATOR_HOLD
    bad = bad_revision(current.annotations, current.latest_created)
    if bad is not None and bad.container != current.container:
        # Its image is in the template: whatever comes beside it would be found as bad.
        return Reason.QUARANTINED
    return None


def _overtaken(deploy: Deploy, only_if: Condition, current: Service | None) -> Reason | None:
    """Why an automatic deploy no longer fits: it was decided from what a list told a while ago."""
    if current is None or current.tracks is None:
        return Reason.TRACKING_LOST
    follower = follower_of(
        current.name,
        annotations=current.annotations,
        image=current.image,
        failed=current.condition.state is State.FAILED,
        pinned_traffic=current.is_pinned,
    )
    if follower.tracks != only_if.tracks:
        return Reason.SUPERSEDED
    reason = follow(
        follower, only_if.moved_to, rules=deploy.rules, listed=True, now=deploy.requested_at
    )
    if reason is not Reason.NEW_IMAGE:
        return reason
    return None if follower.runs == only_if.runs else Reason.SUPERSEDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What an image turned out to be: proved by a pull, or recorded when it was pulled before."""

    index: Digest | None
    child: Digest
    resolved_by: str
    exposed_ports: tuple[int, ...] = ()
    proof: Proof


def recorded(resolved: Digest, resolved_by: str, current: Service | None) -> Found:
    """What is known of *resolved* without a pull; its child where it was deployed before."""
    record = current.record if current else None
    if record is not None and resolved in (record.index, record.child):
        return Found(
            index=record.index, child=record.child, resolved_by=resolved_by, proof=record.pulled
        )
    nothing = Proof(blobs=0, bytes=0, seconds=0.0)
    return Found(index=None, child=resolved, resolved_by=resolved_by, proof=nothing)


def want(deploy: Deploy, found: Found, mirrored: Reference, current: Service | None) -> Wanted:
    """*mirrored* is the image in the mirror, by tag."""
    named = named_settings(deploy, current)
    settings = named if current else named.over(new_service(deploy, found.exposed_ports))
    return Wanted(
        service=deploy.service,
        image=mirrored.pin(found.child),
        settings=settings,
        record=Record(
            image=deploy.image,
            index=found.index,
            child=found.child,
            cause=deploy.event_id,
            requested_at=deploy.requested_at,
            asked_for=named.fingerprint(),
            resolved_by=found.resolved_by,
            pulled=found.proof,
            previous=_previous(found.child, current),
        ),
        # Only a tag moves.
        tracks=deploy.image.unpinned() if deploy.track and deploy.image.tag else None,
        automatic=_automatic(deploy, current),
        strategy=deploy.strategy,
        gate=deploy.gate,
        container=current.container if current else "",
        needed=needed_beside(current.annotations, current.container) if current else frozenset(),
    )


def _previous(child: Digest, current: Service | None) -> Digest | None:
    """What *current* was asked to run before *child*."""
    if current is None or current.image is None:
        return None
    if current.image.digest != child:
        return current.image.digest
    return current.record.previous if current.record else None


def _automatic(deploy: Deploy, current: Service | None) -> tuple[datetime, ...]:
    """The automatic deploys that a limit by the hour has to know, this one included."""
    before = automatic_times(current.annotations) if current else ()
    this = () if deploy.only_if is None else (deploy.requested_at,)
    return tuple(time for time in (*before, *this) if time > deploy.requested_at - HOUR)


def named_settings(deploy: Deploy, current: Service | None) -> Settings:
    """What *deploy* names, merged with what *current* has where merging was asked for."""
    return merged_settings(deploy, current.settings if current else Settings())


def new_service(deploy: Deploy, exposed_ports: tuple[int, ...]) -> Settings:
    """What a new service has where *deploy* names nothing."""
    port = exposed_ports[0] if len(exposed_ports) == 1 else DEFAULT_PORT
    return replace(deploy.defaults, port=port)


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


def because(wanted: Wanted, reason: Reason) -> Wanted:
    """Recorded, so that a redelivery can publish the same outcome again."""
    return replace(wanted, record=replace(wanted.record, reason=reason.value))


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
