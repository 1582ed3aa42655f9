"""Faults on purpose, who called what, and who may not call."""

from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import run_v2

from local.run import Call, CloudRun, Fault
from tests.fixtures.operations import finished
from tests.local.run_region import Region, eventually
from tests.local.run_switched import behaviour, cloud_run, region

__all__ = ["behaviour", "cloud_run", "region"]


DEPLOYER = "transship-deploy@sample-project.iam.gserviceaccount.com"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.ABORTED, exceptions.Aborted),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, exceptions.ResourceExhausted),
        (grpc.StatusCode.PERMISSION_DENIED, exceptions.PermissionDenied),
        (grpc.StatusCode.INTERNAL, exceptions.InternalServerError),
    ],
)
def test_a_fault_refuses_one_call_and_does_nothing(
    region: Region,
    cloud_run: CloudRun,
    code: grpc.StatusCode,
    error: type[exceptions.GoogleAPICallError],
) -> None:
    cloud_run.inject(Fault(method="CreateService", code=code))
    with pytest.raises(error):
        region.create()
    with pytest.raises(exceptions.NotFound):
        region.services.get_service(name=region.made[0])
    assert region.create().generation == 1


def test_an_answer_can_be_lost_after_the_work_was_accepted(
    region: Region, cloud_run: CloudRun
) -> None:
    cloud_run.inject(
        Fault(method="CreateService", code=grpc.StatusCode.DEADLINE_EXCEEDED, when="after")
    )
    with pytest.raises(exceptions.DeadlineExceeded):
        region.create()
    assert eventually(lambda: not region.services.get_service(name=region.made[0]).reconciling)


def test_a_fault_can_wait_for_one_resource_and_one_caller(
    region: Region, cloud_run: CloudRun
) -> None:
    first, second = region.create(), region.create()
    unavailable = grpc.StatusCode.PERMISSION_DENIED
    cloud_run.inject(Fault(method="GetService", code=unavailable, resource=second.name))
    cloud_run.inject(Fault(method="GetService", code=unavailable, principal="nobody@example.com"))
    assert region.services.get_service(name=first.name) == first
    with pytest.raises(exceptions.PermissionDenied):
        region.services.get_service(name=second.name)


def test_a_crash_point_runs_between_acceptance_and_answer(
    region: Region, cloud_run: CloudRun
) -> None:
    service = region.create()
    seen: list[str] = []

    def look() -> None:
        seen.append(cloud_run.record(service.name).message.description)

    cloud_run.inject(Fault(method="UpdateService", when="after", action=look))
    region.update(run_v2.Service(service, description="accepted"), "description")
    assert seen == ["accepted"]


def test_the_journal_tells_who_called_what_with_which_mask(
    region: Region, cloud_run: CloudRun
) -> None:
    service = region.create()
    cloud_run.journal.forget_calls()
    metadata = [("authorization", "Bearer ya29.local.me@example.com")]
    request = {"service": service, "update_mask": {"paths": ["labels", "traffic"]}}
    finished(region.services.update_service(request=request, metadata=metadata))
    region.services.get_service(name=service.name)
    assert cloud_run.calls("UpdateService") == [
        Call(
            method="UpdateService",
            resource=service.name,
            principal="me@example.com",
            mask=("labels", "traffic"),
        )
    ]
    assert cloud_run.calls("GetService")[0].principal == DEPLOYER


def test_the_caller_is_creator_and_modifier(region: Region) -> None:
    service = region.create()
    metadata = [("authorization", "Bearer ya29.local.me@example.com")]
    service.description = "mine"
    finished(region.services.update_service(service=service, metadata=metadata))
    updated = region.services.get_service(name=service.name)
    assert (updated.creator, updated.last_modifier) == (DEPLOYER, "me@example.com")


def test_a_token_from_elsewhere_is_refused(region: Region) -> None:
    with pytest.raises(exceptions.Unauthenticated):
        region.services.get_service(
            name=f"{region.parent}/services/x", metadata=[("authorization", "Bearer ya29.real")]
        )


def test_an_unknown_project_is_forbidden(region: Region) -> None:
    with pytest.raises(exceptions.PermissionDenied):
        region.services.list_services(parent="projects/somebody-elses/locations/us-central1")


def test_what_is_not_implemented_says_so(
    cloud_run: CloudRun, caplog: pytest.LogCaptureFixture
) -> None:
    with grpc.insecure_channel(cloud_run.grpc_address) as channel:
        call: Any = channel.unary_unary("/google.cloud.run.v2.Jobs/ListJobs")
        with pytest.raises(grpc.RpcError) as refused:
            call(b"")
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert "not implemented here: /google.cloud.run.v2.Jobs/ListJobs" in caplog.text
