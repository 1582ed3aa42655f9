"""Revisions: immutable, cut from a template, named once, in the order of their numbers."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc

from local.run import conditions
from local.run.errors import ApiError, RevisionFailed
from local.run.images import Image
from local.run.messages import RECONCILING, copied, now
from local.run.messages import Revision as Message
from local.run.names import short


@dataclass(kw_only=True, slots=True, eq=False)
class Revision:
    """A revision as it is shown, the template it was cut from, and how far it came."""

    message: Any
    template: Any
    number: int
    images: tuple[Image, ...] = ()
    ready: bool = False
    failure: RevisionFailed | None = None

    @property
    def name(self) -> str:
        return short(self.message.name)

    @property
    def service(self) -> str:
        return str(self.message.name).rsplit("/revisions/", 1)[0]

    def show(self) -> None:
        """Write what became of it into the message."""
        self.message.conditions.clear()
        self.message.conditions.extend(conditions.of_revision(self.ready, self.failure))
        self.message.observed_generation = self.message.generation
        self.message.reconciling = not self.ready and self.failure is None
        self.message.update_time.CopyFrom(now())


def cut(service: Any, revision_id: str, *, number: int) -> Revision:
    template = copied(service.template)
    template.ClearField("revision")
    message = Message(name=f"{service.name}/revisions/{revision_id}", service=service.name)
    for descriptor, value in template.ListFields():
        if descriptor.name not in Message.DESCRIPTOR.fields_by_name:
            continue
        target = getattr(message, descriptor.name)
        if hasattr(target, "MergeFrom"):
            target.MergeFrom(value)
        else:
            setattr(message, descriptor.name, value)
    message.uid = str(uuid.uuid4())
    message.generation = 1
    message.launch_stage = service.launch_stage
    message.creator = service.last_modifier
    message.create_time.CopyFrom(now())
    message.update_time.CopyFrom(now())
    message.etag = f'"{message.uid}"'
    message.reconciling = True
    message.log_uri = _log_uri(message.name)
    message.conditions.append(conditions.condition("Ready", RECONCILING))
    return Revision(message=message, template=template, number=number)


def show_log(revision: Revision, log: Path) -> None:
    """Containers that run here write here."""
    revision.message.log_uri = log.as_uri()


def check_deletable(revision: Revision, *, routed: bool, only: bool) -> None:
    if routed:
        raise ApiError(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"Revision '{revision.name}' is serving traffic or has a tag and cannot be deleted.",
        )
    if only:
        raise ApiError(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"Revision '{revision.name}' is the only one of its service: delete the service.",
        )


def _log_uri(name: str) -> str:
    _, project, _, location, _, service, _, revision = name.split("/")
    query = (
        f'resource.type="cloud_run_revision" resource.labels.location="{location}" '
        f'resource.labels.service_name="{service}" resource.labels.revision_name="{revision}"'
    )
    viewer = "https://console.cloud.google.com/logs/viewer"
    return f"{viewer}?project={project}&advancedFilter={quote(query)}"
