"""The services and revisions that exist: what a caller asked for, accepted or refused as one step.

What follows from an accepted change is the reconciler's. Fields marked "Output only" in
google/cloud/run_v2/types/service.py are ignored on input.
"""

import threading
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import grpc
from google.protobuf.field_mask_pb2 import FieldMask

from local.run import names, validate
from local.run.behaviour import Behaviour
from local.run.errors import ApiError, invalid, not_found
from local.run.messages import LATEST, RECONCILING, Service, copied, now
from local.run.normalise import normalise
from local.run.record import Change, Record
from local.run.revision import Revision, cut

_ASKED = frozenset({
    "description", "labels", "annotations", "client", "client_version", "ingress", "launch_stage",
    "binary_authorization", "template", "traffic", "scaling", "invoker_iam_disabled",
    "default_uri_disabled", "iap_enabled", "multi_region_settings", "custom_audiences",
    "build_config",
})  # fmt: skip
_OUTPUT_ONLY = frozenset(Service.DESCRIPTOR.fields_by_name) - _ASKED


class Fleet:
    def __init__(
        self,
        *,
        behaviour: Behaviour,
        project_numbers: Mapping[str, int],
        local_hosts: Collection[str],
    ) -> None:
        self.lock = threading.RLock()
        self._behaviour = behaviour
        self._numbers = project_numbers
        self._local_hosts = local_hosts
        self._records: dict[str, Record] = {}

    def record(self, name: str) -> Record:
        self.check_project(names.parse_service(name)[0].project)
        with self.lock:
            record = self._records.get(name)
        if record is None:
            raise not_found(name)
        return record

    def records(self, matches: Callable[[Record], bool]) -> list[Record]:
        with self.lock:
            return [record for _, record in sorted(self._records.items()) if matches(record)]

    def check_project(self, project: str) -> None:
        if project not in self._numbers:
            raise ApiError(
                grpc.StatusCode.PERMISSION_DENIED,
                f"Permission denied on resource project {project} (or it may not exist).",
            )

    def create(
        self, parent: names.Parent, service_id: str, sent: Any, *, by: str, keep: bool = True
    ) -> Change:
        """Accept a new service; with *keep* false, only say what it would be."""
        self.check_project(parent.project)
        names.check_service_id(service_id)
        name = parent.service(service_id)
        message = _merged(Service(), sent, ())
        message.name = name
        self._check(message, parent, service_id)
        if any(
            target.type_ != LATEST and target.revision != message.template.revision
            for target in message.traffic
        ):
            raise invalid("service.traffic", "a new service has no other revision than its first")
        message.uid = str(uuid.uuid4())
        message.creator = message.last_modifier = by
        message.create_time.CopyFrom(now())
        record = Record(parent=parent, service_id=service_id, message=message)
        with self.lock:
            if name in self._records:
                raise ApiError(
                    grpc.StatusCode.ALREADY_EXISTS, f"Resource '{service_id}' already exists."
                )
            change = self._accept(record, message, by)
            if keep:
                self._records[name] = record
        return change

    def update(
        self, sent: Any, mask: Collection[str], *, by: str, allow_missing: bool, keep: bool = True
    ) -> Change:
        parent, service_id = names.parse_service(sent.name, field="service.name")
        with self.lock:
            try:
                record = self.record(sent.name)
            except ApiError as error:
                if not (allow_missing and error.code is grpc.StatusCode.NOT_FOUND):
                    raise
                return self.create(parent, service_id, sent, by=by, keep=keep)
            self._check_writable(record, sent.etag)
            message = _merged(record.message, sent, mask)
            self._check(message, parent, service_id)
            for target in message.traffic:
                if target.revision and target.revision not in (
                    *record.revisions, message.template.revision
                ):  # fmt: skip
                    raise invalid("service.traffic.revision", f"'{target.revision}' was not found")
            if not keep:
                record = replace(record, revisions=dict(record.revisions))
            return self._accept(record, message, by)

    def begin_delete(self, name: str, etag: str, *, keep: bool = True) -> Record:
        with self.lock:
            record = self.record(name)
            self._check_writable(record, etag)
            if keep:
                record.deleting = True
                record.message.delete_time.CopyFrom(now())
                record.stamp()
            return record

    def forget(self, record: Record) -> None:
        with self.lock:
            self._records.pop(record.message.name, None)

    def stale(self, resource: str, given: str, current: str) -> ApiError:
        return ApiError(
            self._behaviour.stale_etag,
            f"Conflict for resource '{resource}': version '{given}' was specified but "
            f"current version is '{current}'.",
        )

    def _check_writable(self, record: Record, etag: str) -> None:
        current = record.message.etag
        if etag and etag != current:
            raise self.stale(record.service_id, etag, current)
        if record.deleting:
            raise ApiError(
                grpc.StatusCode.ABORTED, f"Resource '{record.service_id}' is being deleted."
            )

    def _check(self, message: Any, parent: names.Parent, service_id: str) -> None:
        number = self._numbers[parent.project]
        normalise(message, default_account=f"{number}-compute@developer.gserviceaccount.com")
        validate.check(message, service_id, local_hosts=self._local_hosts)

    def _accept(self, record: Record, message: Any, by: str) -> Change:
        """Make *message* what *record* is to be; cut a revision if its template changed."""
        first = not record.revisions
        if not first and message == record.message:
            return Change(record=record, generation=message.generation, revision=None)
        revision = None
        if first or message.template != record.message.template:
            revision = self._cut(record, message)
        message.generation += 1
        message.last_modifier = by
        message.update_time.CopyFrom(now())
        message.reconciling = True
        message.terminal_condition.Clear()
        message.terminal_condition.type_ = "Ready"
        message.terminal_condition.state = RECONCILING
        message.terminal_condition.last_transition_time.CopyFrom(now())
        record.message = message
        record.stamp()
        return Change(record=record, generation=message.generation, revision=revision)

    def _cut(self, record: Record, message: Any) -> Revision:
        asked = message.template.revision
        revision_id = asked or names.generated_revision(record.service_id, record.cut + 1)
        existing = record.revisions.get(revision_id)
        fresh = cut(message, revision_id, number=record.cut + 1)
        if existing is not None:
            if existing.template != fresh.template:
                raise ApiError(
                    grpc.StatusCode.ALREADY_EXISTS,
                    f"Revision named '{revision_id}' with different configuration already exists.",
                )
            fresh = existing
        else:
            record.cut += 1
            record.revisions[revision_id] = fresh
        message.latest_created_revision = fresh.message.name
        return fresh


def _merged(stored: Any, sent: Any, mask: Collection[str]) -> Any:
    """*stored* with what *sent* asks for: the masked fields, or all of them.

    A masked field that is absent in *sent* is cleared (AIP-134).
    """
    if not mask or list(mask) == ["*"]:
        merged = copied(sent)
        outputs = copied(stored)
        for name in _OUTPUT_ONLY:
            merged.ClearField(name)
        for name in _ASKED:
            outputs.ClearField(name)
        outputs.DiscardUnknownFields()
        merged.MergeFrom(outputs)
        return merged
    for path in mask:
        # camelCase is JSON's; over gRPC it names no field.
        # https://github.com/googleapis/google-cloud-python/issues/14259
        if not FieldMask(paths=[path]).IsValidForDescriptor(Service.DESCRIPTOR):
            raise invalid("update_mask", f"{path!r} is not a field of Service (use snake_case)")
    merged = copied(stored)
    asked = [path for path in mask if path.partition(".")[0] in _ASKED]
    FieldMask(paths=asked).MergeMessage(sent, merged, True, True)
    return merged
