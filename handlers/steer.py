"""A message says how a service follows its tag: read, annotate, report. No revision is made."""

import stamina

from handlers.payloads import Delivery
from transship.config import Config
from transship.errors import InvalidEvent, InvalidReference, Refused, ServiceConflict
from transship.model.focus import focus
from transship.model.marks import Marks
from transship.model.naming import ServiceName
from transship.model.outcome import AGAIN, Outcome, Steered
from transship.model.policy import Ask, admit, admit_image, refuse_target
from transship.model.reason import Reason
from transship.model.reference import Reference, parse_reference
from transship.model.service import Service
from transship.model.steered import is_overtaken, steer
from transship.model.steering import (
    HoldRequest,
    PinRequest,
    ReleaseRequest,
    SkipRequest,
    Steering,
    TrackRequest,
    UntrackRequest,
    container_of,
    place,
)
from transship.model.trial import ROLLOUT_KEY
from transship.ports import Services

_ATTEMPTS = 4


def handle(request: Steering, delivery: Delivery, *, config: Config, services: Services) -> Outcome:
    """Raises InvalidEvent by field, and Refused where the service is missing or not ours."""
    name = place(request, project=config.project, region=config.region)
    tracks, at = _tracks(request, config), delivery.published_at
    for attempt in stamina.retry_context(on=ServiceConflict, attempts=_ATTEMPTS, wait_max=2.0):
        with attempt:
            read = steerable(request, services.get(name), name, config)
            current = focus(read, container_of(request))
            marks = steer(request, current, tracks=tracks, at=at, event_id=delivery.event_id)
            if marks != Marks():
                services.annotate(current, marks)
    if marks != Marks():
        is_tracking = isinstance(request, TrackRequest | UntrackRequest)
        reason = Reason.NEW_TRACKING if is_tracking else Reason.STEERED
    elif is_overtaken(request, current, delivery.published_at):
        reason = Reason.SUPERSEDED
    else:
        reason = Reason.UP_TO_DATE
    return Steered(
        event_id=delivery.event_id,
        image=str(tracks or current.tracks or ""),
        service=name.service,
        project=name.project,
        region=name.region,
        reason=reason.value,
        detail="; ".join(filter(None, (request.why, _goes_on(request, current, marks)))),
        kind=request.kind,
        changed=marks != Marks(),
        by=request.by,
    )


def _goes_on(request: Steering, current: Service, marks: Marks) -> str:
    is_let = isinstance(request, ReleaseRequest) and ROLLOUT_KEY in marks.annotations
    return f"{current.latest_created} {AGAIN}" if is_let else ""


def steerable(
    request: Steering, current: Service | None, name: ServiceName, config: Config
) -> Service:
    """Raises Refused where the service is missing or not ours."""
    if current is None:
        raise Refused("service", f"{name} does not exist; right is the name of a service")
    refuse_target(current.labels, current.annotations, is_function=current.is_function)
    must_track = isinstance(request, HoldRequest | PinRequest | SkipRequest)
    if must_track and current.tracks is None:
        raise Refused("service", f"{name} is not tracked; right is a `track` message first")
    if current.is_ours:
        return current
    if not isinstance(request, TrackRequest):
        raise Refused("service", f"{name} is not tracked; right is a `track` message first")
    # Whoever lets a service be tracked lets it be changed from now on: as good as adopting it.
    admit(
        config.policy,
        Ask(reference=config.mirrors.upstream_of(_reference(request)), service=name, adopt=True),
    )
    return current


def _tracks(request: Steering, config: Config) -> Reference | None:
    """The tag at the upstream, allowed by policy and served by a mirror."""
    if not isinstance(request, TrackRequest):
        return None
    tracks = config.mirrors.upstream_of(_reference(request))
    if tracks.tag is None or tracks.digest is not None:
        raise InvalidEvent(f"{tracks} cannot move; right is a tag - at `$.image`")
    admit_image(config.policy, tracks)
    config.mirrors.for_upstream(tracks)
    return tracks


def _reference(request: TrackRequest) -> Reference:
    try:
        return parse_reference(request.image)
    except InvalidReference as error:
        raise InvalidEvent(f"{error} - at `$.image`") from error
