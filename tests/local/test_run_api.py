"""What the local Cloud Run answers beyond the contract: operations, failures, limits."""

import threading
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import run_v2
from google.iam.v1 import policy_pb2
from google.longrunning import operations_pb2
from google.protobuf import duration_pb2

from local.run import Behaviour
from tests.fixtures.operations import finished
from tests.local.run_region import LATEST, REVISION, Region, serving
from tests.local.run_switched import BROKEN, behaviour, cloud_run, region

__all__ = ["behaviour", "cloud_run", "region"]


ALL_USERS = policy_pb2.Policy(
    bindings=[policy_pb2.Binding(role="roles/run.invoker", members=["allUsers"])]
)


def broken(region: Region, service: run_v2.Service) -> run_v2.Service:
    """Deploy what never becomes ready; the service afterwards."""
    service.template.containers[0].image = BROKEN
    with pytest.raises(exceptions.FailedPrecondition):
        region.update(service, "template.containers")
    return region.services.get_service(name=service.name)


def test_an_operation_takes_its_time_and_the_service_says_so(
    region: Region, behaviour: Behaviour
) -> None:
    service = region.create()
    behaviour.operations_go.clear()
    service.template.containers[0].image = "docker.io/library/nginx:1.28"
    operation = region.services.update_service(service=service)
    assert not operation.operation.done
    assert operation.metadata.name == service.name
    meanwhile = region.services.get_service(name=service.name)
    assert meanwhile.reconciling
    assert (meanwhile.generation, meanwhile.observed_generation) == (2, 1)
    assert meanwhile.latest_created_revision != meanwhile.latest_ready_revision
    behaviour.operations_go.set()
    after = finished(operation)
    assert not after.reconciling
    assert (after.generation, after.observed_generation) == (2, 2)


def test_operations_can_be_read_waited_for_and_listed(region: Region, behaviour: Behaviour) -> None:
    behaviour.operation_delay = 0.1
    operation = region.services.create_service(
        parent=region.parent, service=region.asked(), service_id="waited"
    )
    name = operation.operation.name
    assert name.startswith(f"{region.parent}/operations/")
    request = operations_pb2.WaitOperationRequest(
        name=name, timeout=duration_pb2.Duration(seconds=10)
    )
    # The client hands out this one answer undecoded.
    answer: Any = region.services.wait_operation(request)
    ended = operations_pb2.Operation.FromString(answer)
    assert ended.done
    listed = region.services.list_operations(
        operations_pb2.ListOperationsRequest(name=region.parent)
    )
    assert [each.name for each in listed.operations] == [name]
    region.services.delete_operation(operations_pb2.DeleteOperationRequest(name=name))
    with pytest.raises(exceptions.NotFound):
        region.services.get_operation(operations_pb2.GetOperationRequest(name=name))


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.ABORTED, exceptions.Aborted),
        (grpc.StatusCode.FAILED_PRECONDITION, exceptions.FailedPrecondition),
    ],
)
def test_a_stale_etag_can_be_refused_either_way(
    region: Region,
    behaviour: Behaviour,
    code: grpc.StatusCode,
    error: type[exceptions.GoogleAPICallError],
) -> None:
    behaviour.stale_etag = code
    service = region.create()
    region.update(run_v2.Service(service, description="first"))
    with pytest.raises(error, match="Conflict for resource"):
        region.update(run_v2.Service(service, description="second"))


def test_of_ten_writers_with_one_etag_one_wins(region: Region) -> None:
    service = region.create()
    won: list[str] = []

    def write(text: str) -> None:
        try:
            region.update(run_v2.Service(service, description=text), "description")
        except exceptions.Conflict:
            return
        won.append(text)

    writers = [threading.Thread(target=write, args=(str(n),)) for n in range(10)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(won) == 1
    assert region.services.get_service(name=service.name).description == won[0]


def test_writing_what_is_there_already_changes_not_even_the_etag(region: Region) -> None:
    service = region.create()
    assert region.update(service).etag == service.etag
    assert region.services.get_service(name=service.name) == service


def test_output_only_fields_are_ignored_on_input(region: Region) -> None:
    service = region.create()
    forged = run_v2.Service(
        service, creator="me", uid="mine", generation=9, uri="https://example.com", description="x"
    )
    updated = region.update(forged)
    assert (updated.creator, updated.uid, updated.uri) == (
        service.creator,
        service.uid,
        service.uri,
    )
    assert updated.generation == 2
    assert region.update(run_v2.Service(updated, uid="mine"), "uid").uid == service.uid


@pytest.mark.parametrize("path", ["scaling.minInstanceCount", "labels.team", "no_such_field"])
def test_a_mask_that_names_no_field_is_refused(region: Region, path: str) -> None:
    service = region.create()
    with pytest.raises(exceptions.InvalidArgument, match="update_mask"):
        region.update(service, path)


def test_fields_newer_than_the_library_survive_a_masked_write(region: Region) -> None:
    service = run_v2.Service.pb(region.create())
    newer = type(service).FromString(service.SerializeToString() + b"\xfa\x7f\x03new")
    region.services.update_service(
        request=run_v2.UpdateServiceRequest(service=run_v2.Service.wrap(newer))
    )
    description = run_v2.Service(name=service.name, description="x")
    region.update(description, "description")
    stored = region.services.get_service(name=service.name)
    assert b"\xfa\x7f\x03new" in run_v2.Service.serialize(stored)


def test_a_failed_revision_leaves_the_service_failed_until_it_is_deleted(region: Region) -> None:
    service = region.create()
    first = service.latest_ready_revision
    failed = broken(region, service)
    assert failed.terminal_condition.state == run_v2.Condition.State.CONDITION_FAILED
    assert failed.observed_generation == 1
    finished(region.revisions.delete_revision(name=failed.latest_created_revision))
    healed = region.services.get_service(name=service.name)
    assert healed.terminal_condition.state == run_v2.Condition.State.CONDITION_SUCCEEDED
    assert healed.latest_created_revision == healed.latest_ready_revision == first


def test_a_rollback_works_although_the_latest_revision_failed(region: Region) -> None:
    service = region.create()
    first = service.latest_ready_revision.rpartition("/")[2]
    second = region.set_variable(service, "2")
    failed = broken(region, second)
    failed.traffic = [run_v2.TrafficTarget(type_=REVISION, revision=first, percent=100)]
    assert serving(region.update(failed, "traffic")) == {first: 100}


def test_a_service_whose_first_revision_failed_serves_nothing(region: Region) -> None:
    region.image = BROKEN
    with pytest.raises(exceptions.FailedPrecondition, match="PORT=8080"):
        region.create()
    service = region.services.get_service(name=region.made[0])
    assert service.latest_ready_revision == ""
    assert service.latest_created_revision
    assert not service.traffic_statuses


def test_traffic_to_a_failed_revision_is_refused_and_stays(region: Region) -> None:
    service = region.create()
    first = service.latest_ready_revision.rpartition("/")[2]
    failed = broken(region, service)
    bad = failed.latest_created_revision.rpartition("/")[2]
    failed.traffic = [run_v2.TrafficTarget(type_=REVISION, revision=bad, percent=100)]
    with pytest.raises(exceptions.FailedPrecondition, match="cannot serve traffic"):
        region.update(failed, "traffic")
    assert serving(region.services.get_service(name=service.name)) == {first: 100}


def test_traffic_needs_a_revision_that_exists(region: Region) -> None:
    service = region.create()
    service.traffic = [run_v2.TrafficTarget(type_=REVISION, revision="none", percent=100)]
    with pytest.raises(exceptions.InvalidArgument, match="'none' was not found"):
        region.update(service, "traffic")


def test_a_tag_and_a_service_name_share_46_characters(region: Region) -> None:
    service = region.create()
    room = 46 - len(service.name.rpartition("/")[2])
    for length, fits in ((room, True), (room + 1, False)):
        service.traffic = [run_v2.TrafficTarget(type_=LATEST, percent=100, tag="t" * length)]
        if fits:
            service = region.update(service, "traffic")
        else:
            with pytest.raises(exceptions.InvalidArgument, match="46"):
                region.update(service, "traffic")


def test_validating_finds_what_writing_would(region: Region) -> None:
    service = region.create()
    service.template.revision = f"{service.name.rpartition('/')[2]}-one"
    named = region.update(service)
    named.template.containers[0].image = "docker.io/library/nginx:1.28"
    with pytest.raises(exceptions.AlreadyExists):
        region.update(named, validate_only=True)
    named.template.revision = ""
    assert region.update(named, validate_only=True).generation == 3
    assert region.services.get_service(name=service.name).generation == 2
    assert len(region.revision_names(service)) == 2


def test_the_oldest_revisions_go_first(region: Region, behaviour: Behaviour) -> None:
    behaviour.max_revisions = 3
    service = region.create()
    first = service.latest_ready_revision.rpartition("/")[2]
    service.traffic = [run_v2.TrafficTarget(type_=REVISION, revision=first, percent=100)]
    service = region.update(service, "traffic")
    for value in "234":
        service = region.set_variable(service, value)
    names = region.revision_names(service)
    assert len(names) == 3
    assert names[-1] == first
    assert names[0] == service.latest_ready_revision.rpartition("/")[2]


def test_an_organisation_may_forbid_the_public(region: Region, behaviour: Behaviour) -> None:
    behaviour.public_allowed = False
    service = region.create()
    with pytest.raises(exceptions.FailedPrecondition, match="organization policy"):
        region.services.set_iam_policy(request={"resource": service.name, "policy": ALL_USERS})


def test_a_service_being_deleted_takes_no_changes(region: Region, behaviour: Behaviour) -> None:
    service = region.create()
    behaviour.operations_go.clear()
    operation = region.services.delete_service(name=service.name)
    with pytest.raises(exceptions.Aborted):
        region.set_variable(run_v2.Service(service, etag=""), "2")
    behaviour.operations_go.set()
    assert finished(operation).delete_time


def test_a_stale_etag_stops_a_deletion(region: Region) -> None:
    service = region.create()
    region.set_variable(run_v2.Service(service), "2")
    with pytest.raises(exceptions.Aborted):
        region.services.delete_service(request={"name": service.name, "etag": service.etag})


def test_a_fleet_of_a_thousand_is_made_and_listed(region: Region) -> None:
    for number in range(1000):
        region.services.create_service(
            parent=region.parent, service=region.asked(), service_id=f"service-{number:04d}"
        )
    names = [service.name for service in region.services.list_services(parent=region.parent)]
    assert len(names) == len(set(names)) == 1000
