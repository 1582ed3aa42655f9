"""Callers of Cloud Run in tests: unmodified clients, and the questions that tests ask."""

import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.api_core import exceptions
from google.cloud import run_v2
from google.cloud.run_v2.services.revisions.transports import RevisionsGrpcTransport
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

from local.run import CloudRun
from tests.fixtures.operations import finished

LATEST = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST
REVISION = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
SUCCEEDED = run_v2.Condition.State.CONDITION_SUCCEEDED
FAILED = run_v2.Condition.State.CONDITION_FAILED

_SETTLING_LIMIT = 60


@dataclass(kw_only=True)
class Region:
    """A region of a project, the clients to it, and an image that can run there."""

    services: run_v2.ServicesClient
    revisions: run_v2.RevisionsClient
    parent: str
    image: str
    made: list[str] = field(default_factory=list)

    def asked(self, **template: Any) -> run_v2.Service:
        containers = [run_v2.Container(image=self.image)]
        return run_v2.Service(template={"containers": containers, **template})

    def create(self, service: run_v2.Service | None = None) -> run_v2.Service:
        name = self.unused_name()
        self.made.append(f"{self.parent}/services/{name}")
        operation = self.services.create_service(
            parent=self.parent, service=service or self.asked(), service_id=name
        )
        made: run_v2.Service = finished(operation)
        return made

    def update(self, service: run_v2.Service, *mask: str, **options: Any) -> run_v2.Service:
        request = {"service": service, "update_mask": {"paths": mask}, **options}
        updated: run_v2.Service = finished(self.services.update_service(request=request))
        return updated

    def set_variable(self, service: run_v2.Service, value: str) -> run_v2.Service:
        """Change the template, and nothing but."""
        container = service.template.containers[0]
        container.env = [run_v2.EnvVar(name="VERSION", value=value)]
        return self.update(service, "template.containers")

    def open(self, service: run_v2.Service) -> None:
        policy = self.services.get_iam_policy(request={"resource": service.name})
        policy.bindings.add(role="roles/run.invoker", members=["allUsers"])
        self.services.set_iam_policy(request={"resource": service.name, "policy": policy})

    def revision_names(self, service: run_v2.Service) -> list[str]:
        return [
            revision.name.rpartition("/")[2]
            for revision in self.revisions.list_revisions(parent=service.name)
        ]

    def unused_name(self) -> str:
        return f"contract-{uuid.uuid4().hex[:12]}"

    def clean(self) -> None:
        for name in self.made:
            try:
                finished(self.services.delete_service(name=name))
            except exceptions.NotFound:
                continue


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def eventually(holds: Callable[[], bool]) -> bool:
    """IAM and traffic take effect some time after the call that changed them."""
    deadline = time.monotonic() + _SETTLING_LIMIT
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.05)
    return False


def serving(service: run_v2.Service) -> dict[str, int]:
    latest = service.latest_ready_revision.rpartition("/")[2]
    return {
        status.revision or latest: status.percent
        for status in service.traffic_statuses
        if status.percent
    }


@contextmanager
def region_of(cloud_run: CloudRun, image: str) -> Iterator[Region]:
    """A region of the local Cloud Run."""
    with grpc.insecure_channel(cloud_run.grpc_address) as channel:
        yield Region(
            services=run_v2.ServicesClient(transport=ServicesGrpcTransport(channel=channel)),
            revisions=run_v2.RevisionsClient(transport=RevisionsGrpcTransport(channel=channel)),
            parent="projects/sample-project/locations/asia-northeast1",
            image=image,
        )
