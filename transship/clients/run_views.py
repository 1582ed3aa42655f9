"""What the Cloud Run Admin API v2 says, as the nouns that decisions are made from."""

from collections.abc import Iterable
from typing import Any

from google.cloud import run_v2

from transship.clients.run_template import settings_of
from transship.errors import InvalidReference
from transship.model.naming import parse_service_name
from transship.model.reference import Reference, parse_reference
from transship.model.service import Condition, Container, Document, Revision, Service, State
from transship.model.traffic import Share

_REVISION = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
_SUCCEEDED = run_v2.Condition.State.CONDITION_SUCCEEDED
_FAILED = run_v2.Condition.State.CONDITION_FAILED


def service_of(said: run_v2.Service) -> Service:
    return Service(
        name=parse_service_name(said.name),
        etag=said.etag,
        generation=said.generation,
        observed_generation=said.observed_generation,
        reconciling=said.reconciling,
        condition=condition_of(said.terminal_condition),
        client=said.client,
        containers=_containers(said.template.containers),
        settings=settings_of(said),
        labels=dict(said.labels),
        annotations=dict(said.annotations),
        template_annotations=dict(said.template.annotations),
        asked_traffic=_shares(said.traffic),
        traffic=_shares(said.traffic_statuses),
        latest_created=_short(said.latest_created_revision),
        latest_ready=_short(said.latest_ready_revision),
        uri=said.uri,
        is_function=bool(said.build_config.function_target),
        document=Document(said),
    )


def revision_of(said: run_v2.Revision) -> Revision:
    ready = next((c for c in said.conditions if c.type_ == "Ready"), run_v2.Condition())
    return Revision(
        name=_short(said.name),
        condition=condition_of(ready),
        log_uri=said.log_uri,
        annotations=dict(said.annotations),
    )


def condition_of(said: run_v2.Condition) -> Condition:
    state = {_SUCCEEDED: State.READY, _FAILED: State.FAILED}.get(said.state, State.WORKING)
    # proto-plus hands a Timestamp out as a datetime, which its annotations do not say.
    since: Any = said.last_transition_time if "last_transition_time" in said else None
    return Condition(state=state, reason=_reason(said), message=said.message, since=since)


def _reason(said: run_v2.Condition) -> str:
    # One of three enums, of which at most one is set.
    for field in ("reason", "revision_reason", "execution_reason"):
        value = getattr(said, field)
        if value:
            return str(value.name)
    return ""


def _containers(said: Iterable[run_v2.Container]) -> tuple[Container, ...]:
    """The serving one, which has the port, first."""
    ordered = sorted(said, key=lambda container: not container.ports)
    return tuple(Container(name=c.name, image=_image(c.image)) for c in ordered)


def _image(text: str) -> Reference | None:
    try:
        return parse_reference(text)
    except InvalidReference:
        return None


def _shares(
    said: Iterable[run_v2.TrafficTarget | run_v2.TrafficTargetStatus],
) -> tuple[Share, ...]:
    return tuple(
        Share(
            percent=share.percent,
            revision=_short(share.revision) if share.type_ == _REVISION else None,
            tag=share.tag,
            uri=getattr(share, "uri", ""),
        )
        for share in said
    )


def _short(name: str) -> str:
    return name.rpartition("/")[2]
