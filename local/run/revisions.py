"""google.cloud.run.v2.Revisions: requests in, the fleet's answers out."""

from typing import Any

from local.run import names, paging
from local.run.errors import not_found
from local.run.fleet import Fleet
from local.run.messages import ListRevisionsResponse, copied
from local.run.operations import Operations
from local.run.reconcile import Reconciler
from local.run.record import Record
from local.run.revision import Revision, check_deletable

_END_OF_TIME = 2**63


class Revisions:
    def __init__(self, fleet: Fleet, operations: Operations, reconciler: Reconciler) -> None:
        self._fleet = fleet
        self._operations = operations
        self._reconciler = reconciler

    def get(self, request: Any, _principal: str) -> Any:
        with self._fleet.lock:
            return copied(self._find(request.name)[1].message)

    def list(self, request: Any, _principal: str) -> Any:
        """Newest first; ``services/-`` lists those of every service of the region."""
        parent, service_id = names.parse_service(request.parent, field="parent")
        self._fleet.check_project(parent.project)
        with self._fleet.lock:
            if service_id == "-":
                records = self._fleet.records(lambda record: record.parent == parent)
            else:
                records = [self._fleet.record(request.parent)]
            shown, more = paging.page(
                sorted(
                    (_newest_first(revision), revision.message)
                    for record in records
                    for revision in record.revisions.values()
                ),
                size=request.page_size,
                token=request.page_token,
            )
            return ListRevisionsResponse(revisions=shown, next_page_token=more)

    def delete(self, request: Any, _principal: str) -> Any:
        with self._fleet.lock:
            record, revision = self._find(request.name)
            if request.etag and request.etag != revision.message.etag:
                raise self._fleet.stale(revision.name, request.etag, revision.message.etag)
            check_deletable(
                revision,
                routed=any(route.revision == revision.name for route in record.routes),
                only=len(record.revisions) == 1,
            )
            shown = copied(revision.message)
        if request.validate_only:
            return self._operations.done(record.parent, shown)
        return self._operations.start(
            record.parent, shown, lambda: self._reconciler.delete_revision(record, revision)
        )

    def _find(self, name: str) -> tuple[Record, Revision]:
        service, revision = names.parse_revision(name)
        record = self._fleet.record(service)
        found = record.revisions.get(revision)
        if found is None:
            raise not_found(name)
        return record, found


def _newest_first(revision: Revision) -> str:
    """A key that sorts the newest first and is unique."""
    age = _END_OF_TIME - revision.message.create_time.ToNanoseconds()
    return f"{age:020d}/{_END_OF_TIME - revision.number:020d}/{revision.message.name}"
