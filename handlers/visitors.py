"""A message moves visitors between the revisions of a service: a trial's next step, back, or on."""

import stamina

from handlers.payloads import Delivery
from handlers.steer import steerable
from transship.config import Config
from transship.errors import Refused, ServiceConflict
from transship.model.candidate import WITNESSED_KEY, Steer, clear, roll_back
from transship.model.naming import ServiceName
from transship.model.outcome import Outcome, RolledBack, Steered
from transship.model.quarantine import bad_of
from transship.model.reason import Reason
from transship.model.service import Service, State
from transship.model.steering import AdvanceRequest, ClearRequest, RollbackRequest, Steering, place
from transship.ports import Parts
from transship.trial import move_on

_ATTEMPTS = 4


def handle(
    request: Steering, delivery: Delivery, *, config: Config, parts: Parts
) -> Outcome | None:
    name = place(request, project=config.project, region=config.region)
    match request:
        case AdvanceRequest():
            return _advance(request, name, parts)
        case RollbackRequest():
            return _roll_back(request, delivery, name, config, parts)
        case ClearRequest():
            return _clear(request, delivery, name, config, parts)
    raise AssertionError(request)


def _advance(request: AdvanceRequest, name: ServiceName, parts: Parts) -> Outcome | None:
    """None where the deploy's own event tells how it ended; a later rollback is told here, also
    when this message is redelivered after a crash.
    """
    move_on(name, parts, until="waiting")
    service = parts.services.get(name)
    bad = bad_of(service.annotations, request.event_id) if service else None
    if service is None or bad is None or bad.reason != "rolled_back":
        return None
    return RolledBack(
        event_id=request.event_id,
        image=str(service.record.image) if service.record else "",
        service=name.service,
        project=name.project,
        region=name.region,
        reason=bad.reason,
        detail=bad.evidence,
        child_digest=bad.child,
        revision=bad.revision,
        serving=service.serving or "",
    )


def _roll_back(
    request: RollbackRequest, delivery: Delivery, name: ServiceName, config: Config, parts: Parts
) -> Outcome:
    said = " ".join(part for part in (request.by, request.why) if part)
    for attempt in stamina.retry_context(on=ServiceConflict, attempts=_ATTEMPTS, wait_max=2.0):
        with attempt:
            current = steerable(request, parts.services.get(name), name, config)
            target = request.revision or current.annotations.get(WITNESSED_KEY, "")
            _check(current, target, parts)
            if current.serving != target or not current.has_our_traffic:
                step = roll_back(current, target, reason=said, now=delivery.published_at)
                parts.services.steer(current, step.traffic, step.marks)
    return RolledBack(
        event_id=delivery.event_id,
        image=str(current.record.image) if current.record else "",
        service=name.service,
        project=name.project,
        region=name.region,
        reason="rolled_back",
        detail=said,
        child_digest=str(current.record.child) if current.record else "",
        revision=current.latest_created,
        serving=target,
        by=request.by,
    )


def _check(current: Service, target: str, parts: Parts) -> None:
    """Nobody is sent to what is not there or not ready."""
    if not target:
        raise Refused(
            "revision", "no revision was witnessed healthy; right is to name one - at `$.revision`"
        )
    revision = parts.services.revision(current.name, target)
    if revision is None or revision.condition.state is not State.READY:
        raise Refused("revision", f"{target} is not a ready revision - at `$.revision`")


def _clear(
    request: ClearRequest, delivery: Delivery, name: ServiceName, config: Config, parts: Parts
) -> Outcome:
    for attempt in stamina.retry_context(on=ServiceConflict, attempts=_ATTEMPTS, wait_max=2.0):
        with attempt:
            current = steerable(request, parts.services.get(name), name, config)
            step = clear(current, request.digest)
            changed = _changes(step, current)
            if changed:
                parts.services.steer(current, step.traffic, step.marks)
    return Steered(
        event_id=delivery.event_id,
        image=str(current.tracks or ""),
        service=name.service,
        project=name.project,
        region=name.region,
        reason=(Reason.NEW_TRACKING if changed else Reason.UP_TO_DATE).value,
        detail=request.why,
        kind=request.kind,
        changed=changed,
        by=request.by,
    )


def _changes(step: Steer, current: Service) -> bool:
    annotations = step.marks.annotations.items()
    return step.ends == "cleared" or any(
        current.annotations.get(key) != value for key, value in annotations
    )
