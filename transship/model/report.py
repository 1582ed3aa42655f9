"""The outcome of a deploy, from the records that the cloud keeps: the same however often asked."""

from collections.abc import Sequence
from typing import Any

from transship.errors import PermanentError
from transship.model.digest import Digest
from transship.model.outcome import (
    Deployed,
    Failed,
    Outcome,
    Planned,
    Rejected,
    Unchanged,
    in_words,
)
from transship.model.plan import Annotate, Change, CreateService, NewRevision, SetPublic, differing
from transship.model.quarantine import Bad
from transship.model.reason import Reason
from transship.model.record import Record
from transship.model.request import Deploy
from transship.model.service import Revision, Service, State
from transship.model.witnessed import passed


def about(deploy: Deploy) -> dict[str, Any]:
    """What every outcome says."""
    return {
        "event_id": deploy.event_id,
        "image": str(deploy.image),
        "service": deploy.service.service,
        "project": deploy.service.project,
        "region": deploy.service.region,
    }


def unchanged(deploy: Deploy, reason: Reason, detail: str = "") -> Unchanged:
    return Unchanged(**about(deploy), reason=reason.value, clear=reason.help, detail=detail)


def deployed(
    deploy: Deploy,
    service: Service,
    reason: str,
    *,
    changed: bool,
    record: Record | None,
    revision: str = "",
    public: bool | None = None,
    detail: str = "",
) -> Deployed:
    return Deployed(
        **about(deploy),
        **_lineage(record),
        previous_digest=str(record.previous or "") if record else "",
        changed=changed,
        reason=reason,
        detail=detail,
        revision=revision or service.latest_ready,
        url=service.uri,
        public=public,
        mirror_agrees=record.pulled.mirror_agrees if record else None,
        mirror_since=record.pulled.mirror_since if record else None,
        resolved_by=record.resolved_by if record else "",
        blobs=record.pulled.blobs if record else 0,
        bytes=record.pulled.bytes if record else 0,
        seconds=record.pulled.seconds if record else 0.0,
    )


def failed(deploy: Deploy, service: Service, revision: Revision | None) -> Failed:
    """Of the revision's own condition where it has one, which says more than the service's."""
    at_fault = revision.condition if revision else service.condition
    condition = at_fault if at_fault.state is State.FAILED else service.condition
    record = revision.record if revision else service.record
    return Failed(
        **about(deploy),
        **_lineage(record),
        reason="never_ready",
        revision=revision.name if revision else service.latest_created,
        condition=condition.reason,
        message=condition.message,
        log_url=revision.log_uri if revision else "",
        serving=service.latest_ready,
    )


def rejected(deploy: Deploy, error: PermanentError) -> Rejected:
    return Rejected(**about(deploy), **in_words(error))


def turned_out_bad(deploy: Deploy, service: Service, bad: Bad, revision: Revision | None) -> Failed:
    """Visitors never saw it, or no longer do; *bad* is what stands on the service about it."""
    record = revision.record if revision else service.record
    return Failed(
        **about(deploy),
        **_lineage(record),
        reason=bad.reason,
        revision=bad.revision,
        condition=revision.condition.reason if revision else "",
        message=bad.evidence,
        log_url=revision.log_uri if revision else "",
        serving=service.kept or "",
    )


def tried_again(event_id: str, service: Service, bad: Bad | None) -> Deployed | Failed:
    """How the trial of the newest revision ended that *event_id*, a `clear` or a `release`, let go
    on; *bad* is what stands on the service about it where it failed.
    """
    name, record = service.name, service.record
    said: dict[str, Any] = {
        "event_id": event_id,
        "image": str(record.image) if record else "",
        "service": name.service,
        "project": name.project,
        "region": name.region,
        "revision": service.latest_created,
        "tried_again": True,
        **_lineage(record),
    }
    if bad is not None:
        return Failed(**said, reason=bad.reason, message=bad.evidence, serving=service.kept or "")
    return Deployed(
        **said,
        previous_digest=str(record.previous or "") if record else "",
        changed=True,
        reason=record.reason if record else "",
        detail=passed(service.annotations, service.latest_created),
        url=service.uri,
    )


def planned(deploy: Deploy, changes: Sequence[Change], resolved: Digest) -> Outcome:
    """*resolved* is an index's digest, or that of an image without one."""
    return Planned(
        **about(deploy),
        index_digest=str(resolved),
        plan=tuple(describe(change) for change in changes),
    )


def describe(change: Change) -> str:
    """One line for people."""
    match change:
        case CreateService():
            return f"create {change.wanted.service} with {change.wanted.image}"
        case NewRevision():
            names = ", ".join(differing(change.wanted.settings, change.current)) or "no setting"
            return (
                f"make a revision of {change.current.name} with {change.wanted.image};"
                f" changing {names}"
            )
        case Annotate():
            said = {**change.marks.annotations, **change.marks.labels}
            words = ", ".join(f"{key}: {value}" for key, value in said.items() if value is not None)
            return f"let {change.current.name} say {words or 'nothing'}"
        case SetPublic():
            return f"{'let' if change.public else 'do not let'} everybody invoke {change.service}"


def _lineage(record: Record | None) -> dict[str, Any]:
    if record is None:
        return {}
    return {"index_digest": str(record.index or ""), "child_digest": str(record.child)}
