"""google.cloud.run.v2.Services: requests in, the fleet's answers out."""

from collections.abc import Callable
from typing import Any

from local.run import names, paging
from local.run.fleet import Fleet
from local.run.messages import ListServicesResponse, copied
from local.run.operations import Operations
from local.run.reconcile import Reconciler
from local.run.record import Change


class Services:
    def __init__(self, fleet: Fleet, operations: Operations, reconciler: Reconciler) -> None:
        self._fleet = fleet
        self._operations = operations
        self._reconciler = reconciler

    def create(self, request: Any, principal: str) -> Any:
        return self._accepted(
            lambda: self._fleet.create(
                names.parse_parent(request.parent),
                request.service_id,
                request.service,
                by=principal,
                keep=not request.validate_only,
            ),
            only_validate=request.validate_only,
        )

    def get(self, request: Any, _principal: str) -> Any:
        with self._fleet.lock:
            return copied(self._fleet.record(request.name).message)

    def list(self, request: Any, _principal: str) -> Any:
        parent = names.parse_parent(request.parent)
        self._fleet.check_project(parent.project)
        with self._fleet.lock:
            records = self._fleet.records(lambda record: record.parent == parent)
            shown, more = paging.page(
                [(record.message.name, record.message) for record in records],
                size=request.page_size,
                token=request.page_token,
            )
            return ListServicesResponse(services=shown, next_page_token=more)

    def update(self, request: Any, principal: str) -> Any:
        return self._accepted(
            lambda: self._fleet.update(
                request.service,
                request.update_mask.paths,
                by=principal,
                allow_missing=request.allow_missing,
                keep=not request.validate_only,
            ),
            only_validate=request.validate_only,
        )

    def delete(self, request: Any, _principal: str) -> Any:
        with self._fleet.lock:
            record = self._fleet.begin_delete(
                request.name, request.etag, keep=not request.validate_only
            )
            shown = copied(record.message)
        if request.validate_only:
            return self._operations.done(record.parent, shown)
        return self._operations.start(record.parent, shown, lambda: self._reconciler.delete(record))

    def _accepted(self, accept: Callable[[], Change], *, only_validate: bool) -> Any:
        with self._fleet.lock:
            change = accept()
            shown = copied(change.record.message)
        if only_validate:
            return self._operations.done(change.record.parent, shown)
        return self._operations.start(
            change.record.parent, shown, lambda: self._reconciler.reconcile(change)
        )
