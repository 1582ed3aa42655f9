"""A message moves visitors between the revisions of a service: a trial's next step, back, or on."""

import stamina

from handlers.payloads import Delivery
from handlers.steer import steerable
from transship.config import Config
from transship.errors import Refused, ServiceConflict
from transship.model.advance import Steer
from transship.model.candidate import is_undecided, read_trial
from transship.model.naming import ServiceName
from transship.model.note import Note
from transship.model.outcome import AGAIN, WITHDRAWN, Outcome, RolledBack, Steered
from transship.model.quarantine import Bad, bad_of
from transship.model.reason import Reason
from transship.model.recall import (
    candidate,
    clear,
    has_moved_on,
    is_ready,
    served_before,
    targets,
    withdraw,
)
from transship.model.record import Record
from transship.model.report import tried_again
from transship.model.service import Service
from transship.model.steering import AdvanceRequest, ClearRequest, RollbackRequest, Steering, place
from transship.model.trial import Trial
from transship.ports import Parts
from transship.rollout import Landed, watch
from transship.trial import move_on

_ATTEMPTS = 4


def handle(
    request: Steering, delivery: Delivery, *, config: Config, parts: Parts
) -> Outcome | None:
    """None where another event tells what came of it."""
    name = place(request, project=config.project, region=config.region)
    match request:
        case AdvanceRequest():
            return _advance(request, delivery, name, parts)
        case RollbackRequest():
            return _roll_back(request, delivery, name, config, parts)
        case ClearRequest():
            return _clear(request, delivery, name, config, parts)
    raise AssertionError(request)


def _advance(
    request: AdvanceRequest, delivery: Delivery, name: ServiceName, parts: Parts
) -> Outcome | None:
    """The deploy's own event tells how its trial ended; what was taken back from visitors later is
    told here, and how a trial ended that a `clear` or a `release` let go on. Also when this message
    is redelivered after a crash.
    """
    before = _trial_of(request.event_id, parts.services.get(name))
    move_on(name, request.event_id, parts)
    service = parts.services.get(name)
    if service is None:
        return None
    bad, record = bad_of(service.annotations, request.event_id), service.record
    if bad is not None and bad.reason == "rolled_back":
        return _rolled_back(request.event_id, watch(name, Landed(seen=None), parts), bad)
    trial = before or _trial_of(request.event_id, service)
    revision = bad.revision if bad else trial.revision if trial else ""
    if record is None or record.cause == request.event_id or revision != service.latest_created:
        # The deploy's own, or overtaken by another.
        return None
    if bad is not None:
        return tried_again(request.event_id, service, bad)
    is_news = (before is not None and before.undecided) or delivery.attempt > 1
    if not is_news or is_undecided(service):
        return None
    service = watch(name, Landed(seen=None), parts)
    return tried_again(request.event_id, service, None) if service.serves_latest else None


def _trial_of(event_id: str, service: Service | None) -> Trial | None:
    trial = read_trial(service) if service else None
    return trial if trial and trial.event_id == event_id else None


def _roll_back(
    request: RollbackRequest, delivery: Delivery, name: ServiceName, config: Config, parts: Parts
) -> Outcome:
    event_id, at = delivery.event_id, delivery.published_at
    note = Note(at=at, by=request.by, why=request.why)
    generation = 0
    for attempt in stamina.retry_context(on=ServiceConflict, attempts=_ATTEMPTS, wait_max=2.0):
        with attempt:
            current = steerable(request, parts.services.get(name), name, config)
            bad = bad_of(current.annotations, event_id)
            if bad is None and has_moved_on(current, at):
                return _steered(request, delivery, current, Reason.SUPERSEDED)
            if bad is None:
                target = _target(request, current, parts)
                # What is on trial is to get no visitors at all.
                withdrawn = candidate(current) or current.kept or ""
                if target == withdrawn:
                    return _steered(request, delivery, current, Reason.UP_TO_DATE)
                record = _record(current, withdrawn, parts)
                step = withdraw(current, target, withdrawn, record, note=note, event_id=event_id)
                generation = parts.services.steer(current, step.traffic, step.marks)
    service = watch(name, Landed(seen=None, generation=generation), parts)
    return _rolled_back(event_id, service, bad_of(service.annotations, event_id), by=request.by)


def _target(request: RollbackRequest, current: Service, parts: Parts) -> str:
    """Nobody is sent to what is not there or not ready."""
    name, on_trial = current.name, candidate(current)
    if on_trial and request.revision == on_trial:
        raise Refused(
            "revision",
            f"{on_trial} is on trial, and nobody knows yet whether it is good;"
            " right is one that had visitors - at `$.revision`",
        )
    if on_trial and not request.revision and current.kept:
        return current.kept
    if request.revision:
        if is_ready(parts.services.revision(name, request.revision)):
            return request.revision
        raise Refused("revision", f"{request.revision} is not a ready revision - at `$.revision`")
    for known in targets(current):
        if is_ready(parts.services.revision(name, known)):
            return known
    if earlier := served_before(current, parts.services.newest_revisions(name)):
        return earlier
    raise Refused(
        "revision",
        "there is no earlier revision of another image that is ready and has not turned out bad;"
        f" right is one of those that `transship status {name.service}` lists - at `$.revision`",
    )


def _record(current: Service, name: str, parts: Parts) -> Record | None:
    if name in ("", current.latest_created):
        return current.record
    revision = parts.services.revision(current.name, name)
    return revision.record if revision else None


def _clear(
    request: ClearRequest, delivery: Delivery, name: ServiceName, config: Config, parts: Parts
) -> Outcome:
    note = Note(at=delivery.published_at, by=request.by, why=request.why)
    generation, changed, why = 0, False, request.why
    for attempt in stamina.retry_context(on=ServiceConflict, attempts=_ATTEMPTS, wait_max=2.0):
        with attempt:
            current = steerable(request, parts.services.get(name), name, config)
            step = clear(current, request.digest, note, event_id=delivery.event_id)
            changed = _changes(step)
            if step.ends == "cleared":
                tried = f"{current.latest_created} {AGAIN}"
                why = "; ".join(filter(None, (request.why, tried)))
            if changed:
                generation = parts.services.steer(current, step.traffic, step.marks)
    watch(name, Landed(seen=current, generation=generation), parts)
    reason = Reason.STEERED if changed else Reason.UP_TO_DATE
    return _steered(request, delivery, current, reason, detail=why)


def _changes(step: Steer) -> bool:
    return step.ends == "cleared" or bool(step.marks.annotations)


def _rolled_back(event_id: str, service: Service, bad: Bad | None, *, by: str = "") -> RolledBack:
    """*bad* is None where nobody knows what the revision was, so that there is no digest to keep
    off.
    """
    name = service.name
    return RolledBack(
        event_id=event_id,
        image=str(service.record.image) if service.record else "",
        service=name.service,
        project=name.project,
        region=name.region,
        reason=bad.reason if bad else WITHDRAWN,
        detail=bad.evidence if bad else "",
        child_digest=bad.child if bad else "",
        revision=bad.revision if bad else "",
        serving=service.serving or "",
        by=by,
    )


def _steered(
    request: Steering, delivery: Delivery, current: Service, reason: Reason, *, detail: str = ""
) -> Steered:
    name = current.name
    return Steered(
        event_id=delivery.event_id,
        image=str(current.tracks or ""),
        service=name.service,
        project=name.project,
        region=name.region,
        reason=reason.value,
        detail=detail or request.why,
        kind=request.kind,
        changed=reason is Reason.STEERED,
        by=request.by,
    )
