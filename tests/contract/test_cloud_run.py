"""What Cloud Run's Admin API must do, whoever implements it.

Over the real service: ``TRANSSHIP_LIVE_PROJECT=… TRANSSHIP_LIVE_REGION=… TRANSSHIP_LIVE_IMAGE=…
pytest -m live tests/contract/test_cloud_run.py``. The image, by digest, must listen on ``$PORT``.
Every service that is made is deleted again.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions
from google.cloud import run_v2
from google.iam.v1 import policy_pb2

from local.images import static_site
from local.run import CloudRun
from tests.fixtures.operations import finished
from tests.local.run_region import (
    FAILED,
    LATEST,
    REVISION,
    SUCCEEDED,
    Region,
    eventually,
    region_of,
    serving,
    status_of,
)
from tests.local.run_shelf import Shelf


class CloudRunContract:
    """What holds for every Cloud Run; each test makes services of its own."""

    @pytest.fixture
    def service(self, region: Region) -> run_v2.Service:
        return region.create()

    def test_a_new_service_is_ready_and_shows_its_defaults(
        self, region: Region, service: run_v2.Service
    ) -> None:
        assert service.terminal_condition.state == SUCCEEDED
        assert not service.reconciling
        assert service.observed_generation == service.generation
        assert service.latest_ready_revision == service.latest_created_revision
        assert serving(service) == {service.latest_ready_revision.rpartition("/")[2]: 100}
        container = service.template.containers[0]
        assert dict(container.resources.limits) == {"cpu": "1000m", "memory": "512Mi"}
        assert container.resources.cpu_idle
        assert (container.ports[0].name, container.ports[0].container_port) == ("http1", 8080)
        assert container.startup_probe.tcp_socket.port == 8080
        assert service.template.timeout.seconds == 300
        assert service.template.max_instance_request_concurrency == 80
        assert service.template.scaling.max_instance_count == 100
        assert service.ingress == run_v2.IngressTraffic.INGRESS_TRAFFIC_ALL
        assert service.traffic == [run_v2.TrafficTarget(type_=LATEST, percent=100)]
        assert service.etag

    def test_a_service_is_private_until_everybody_may_invoke_it(
        self, region: Region, service: run_v2.Service
    ) -> None:
        assert status_of(service.uri) == 403
        region.open(service)
        assert eventually(lambda: status_of(service.uri) == 200)

    def test_a_name_is_taken_once(self, region: Region, service: run_v2.Service) -> None:
        name = service.name.rpartition("/")[2]
        with pytest.raises(exceptions.AlreadyExists):
            region.services.create_service(
                parent=region.parent, service=region.asked(), service_id=name
            )

    def test_an_unknown_service_is_not_found(self, region: Region) -> None:
        name = f"{region.parent}/services/{region.unused_name()}"
        with pytest.raises(exceptions.NotFound):
            region.services.get_service(name=name)
        with pytest.raises(exceptions.NotFound):
            region.services.update_service(
                service=run_v2.Service(name=name, template=region.asked().template)
            )

    def test_a_missing_service_is_created_where_that_is_allowed(self, region: Region) -> None:
        asked = region.asked()
        asked.name = f"{region.parent}/services/{region.unused_name()}"
        region.made.append(asked.name)
        assert region.update(asked, allow_missing=True).generation == 1

    @pytest.mark.parametrize("name", ["", "Upper", "1st", "ends-", "a" * 50, "under_score"])
    def test_a_name_that_breaks_the_rules_is_refused(self, region: Region, name: str) -> None:
        with pytest.raises(exceptions.InvalidArgument):
            region.services.create_service(
                parent=region.parent, service=region.asked(), service_id=name
            )

    @pytest.mark.parametrize(
        "change",
        [
            {"annotations": {"run.googleapis.com/x": "y"}},
            {"annotations": {"autoscaling.knative.dev/minScale": "1"}},
            {"labels": {"Upper": "x"}},
            {"labels": {"key": "with/slash"}},
            {"labels": {"key": "x" * 64}},
            {"max_instance_request_concurrency": 1001},
            {"timeout": {"seconds": 3601}},
            {"scaling": {"min_instance_count": 2, "max_instance_count": 1}},
            {"containers": []},
            {"containers": [{"image": "quay.io/prometheus/busybox"}]},
            {"containers": [{"image": "docker.io/x", "env": [{"name": "PORT", "value": "1"}]}]},
            {"containers": [{"image": "docker.io/x", "resources": {"limits": {"cpu": "3"}}}]},
            {"containers": [{"image": "docker.io/x", "resources": {"limits": {"memory": "x"}}}]},
            {"revision": "not-prefixed-by-the-service"},
        ],
        ids=str,
    )
    def test_a_template_that_breaks_the_rules_is_refused(
        self, region: Region, change: dict[str, Any]
    ) -> None:
        with pytest.raises(exceptions.InvalidArgument):
            region.services.create_service(
                parent=region.parent,
                service=region.asked(**change),
                service_id=region.unused_name(),
            )

    def test_memory_alone_switches_to_a_cpu_that_is_always_on(self, region: Region) -> None:
        asked = region.asked()
        asked.template.containers[0].resources = run_v2.ResourceRequirements(
            limits={"memory": "1024Mi"}
        )
        resources = region.create(asked).template.containers[0].resources
        assert not resources.cpu_idle
        assert dict(resources.limits) == {"cpu": "1000m", "memory": "1Gi"}

    def test_only_masked_fields_change(self, region: Region, service: run_v2.Service) -> None:
        service.labels = {"kept": "no"}
        service.annotations = {"example.com/note": "new"}
        updated = region.update(service, "annotations")
        assert dict(updated.annotations) == {"example.com/note": "new"}
        assert dict(updated.labels) == {}
        assert updated.latest_created_revision == service.latest_created_revision

    def test_a_masked_field_that_is_absent_is_cleared(
        self, region: Region, service: run_v2.Service
    ) -> None:
        service.description = "for a while"
        assert region.update(service, "description").description == "for a while"
        bare = run_v2.Service(name=service.name)
        assert region.update(bare, "description").description == ""

    def test_reading_and_writing_back_makes_no_revision(
        self, region: Region, service: run_v2.Service
    ) -> None:
        region.update(region.services.get_service(name=service.name))
        assert len(region.revision_names(service)) == 1

    def test_a_changed_template_makes_a_revision_that_serves(
        self, region: Region, service: run_v2.Service
    ) -> None:
        updated = region.set_variable(service, "2")
        assert updated.latest_ready_revision != service.latest_ready_revision
        assert updated.generation == service.generation + 1
        newest, oldest = region.revision_names(service)
        assert newest == updated.latest_ready_revision.rpartition("/")[2]
        assert oldest == service.latest_ready_revision.rpartition("/")[2]
        assert serving(updated) == {newest: 100}

    def test_a_revision_carries_what_its_template_said(self, region: Region) -> None:
        made = region.create(
            region.asked(labels={"team": "blue"}, annotations={"example.com/cause": "a test"})
        )
        revision = region.revisions.get_revision(name=made.latest_ready_revision)
        assert dict(revision.labels)["team"] == "blue"
        assert dict(revision.annotations)["example.com/cause"] == "a test"
        assert revision.service.rpartition("/")[2] == made.name.rpartition("/")[2]
        assert "@sha256:" in revision.containers[0].image
        assert revision.log_uri
        ready = next(c for c in revision.conditions if c.type_ == "Ready")
        assert ready.state == SUCCEEDED

    def test_a_revision_name_means_one_configuration(
        self, region: Region, service: run_v2.Service
    ) -> None:
        service.template.revision = f"{service.name.rpartition('/')[2]}-one"
        named = region.update(service)
        assert named.latest_ready_revision.endswith("-one")
        with pytest.raises(exceptions.AlreadyExists, match="different configuration"):
            region.set_variable(named, "2")

    def test_a_stale_etag_is_refused(self, region: Region, service: run_v2.Service) -> None:
        fresh = region.services.get_service(name=service.name)
        region.set_variable(run_v2.Service(service), "2")
        with pytest.raises((exceptions.Conflict, exceptions.BadRequest)):
            region.set_variable(fresh, "3")
        assert len(region.revision_names(service)) == 2

    def test_validating_changes_nothing(self, region: Region, service: run_v2.Service) -> None:
        service.description = "never stored"
        request = {"service": service, "validate_only": True}
        region.services.update_service(request=request)
        name = region.unused_name()
        region.services.create_service(
            request={
                "parent": region.parent,
                "service": region.asked(),
                "service_id": name,
                "validate_only": True,
            }
        )
        assert region.services.get_service(name=service.name).description == ""
        with pytest.raises(exceptions.NotFound):
            region.services.get_service(name=f"{region.parent}/services/{name}")

    def test_an_image_that_is_missing_leaves_the_traffic_where_it_was(
        self, region: Region, service: run_v2.Service
    ) -> None:
        service.template.containers[0].image = f"{region.image.partition('@')[0]}@sha256:{'0' * 64}"
        with pytest.raises(exceptions.GoogleAPICallError, match=r"not found"):
            region.update(service, "template.containers")
        after = region.services.get_service(name=service.name)
        assert after.terminal_condition.state == FAILED
        assert "not found" in after.terminal_condition.message
        assert after.latest_created_revision != after.latest_ready_revision
        assert serving(after) == {service.latest_ready_revision.rpartition("/")[2]: 100}

    def test_pinned_traffic_gives_a_new_revision_nothing_until_it_is_unpinned(
        self, region: Region, service: run_v2.Service
    ) -> None:
        first = service.latest_ready_revision.rpartition("/")[2]
        service.traffic = [run_v2.TrafficTarget(type_=REVISION, revision=first, percent=100)]
        pinned = region.update(service, "traffic")
        updated = region.set_variable(pinned, "2")
        second = updated.latest_ready_revision.rpartition("/")[2]
        assert second != first
        assert serving(updated) == {first: 100}
        updated.traffic = [
            run_v2.TrafficTarget(type_=REVISION, revision=first, percent=30),
            run_v2.TrafficTarget(type_=REVISION, revision=second, percent=70),
        ]
        region.update(updated, "traffic")
        assert eventually(
            lambda: (
                serving(region.services.get_service(name=service.name)) == {first: 30, second: 70}
            )
        )

    def test_percentages_sum_to_a_hundred(self, region: Region, service: run_v2.Service) -> None:
        service.traffic = [run_v2.TrafficTarget(type_=LATEST, percent=99)]
        with pytest.raises(exceptions.InvalidArgument):
            region.update(service, "traffic")

    def test_a_tag_has_an_address_of_its_own(self, region: Region, service: run_v2.Service) -> None:
        region.open(service)
        first = service.latest_ready_revision.rpartition("/")[2]
        service.traffic = [
            run_v2.TrafficTarget(type_=LATEST, percent=100),
            run_v2.TrafficTarget(type_=REVISION, revision=first, tag="stable"),
        ]
        region.update(service, "traffic")

        def address() -> str:
            statuses = region.services.get_service(name=service.name).traffic_statuses
            return next((status.uri for status in statuses if status.tag == "stable"), "")

        assert eventually(lambda: address() != "")
        assert address() != service.uri
        assert eventually(lambda: status_of(address()) == 200)

    def test_a_revision_that_serves_cannot_be_deleted(
        self, region: Region, service: run_v2.Service
    ) -> None:
        with pytest.raises((exceptions.BadRequest, exceptions.Conflict)):
            finished(region.revisions.delete_revision(name=service.latest_ready_revision))

    def test_a_revision_that_does_not_serve_can_be_deleted(
        self, region: Region, service: run_v2.Service
    ) -> None:
        first = service.latest_ready_revision
        region.set_variable(service, "2")

        def gone() -> bool:
            try:
                finished(region.revisions.delete_revision(name=first))
            except (exceptions.BadRequest, exceptions.Conflict):
                return False
            return True

        assert eventually(gone)
        with pytest.raises(exceptions.NotFound):
            region.revisions.get_revision(name=first)

    def test_services_are_listed_by_region_and_page(
        self, region: Region, service: run_v2.Service
    ) -> None:
        other = region.create()
        request = {"parent": region.parent, "page_size": 1}
        names = [listed.name for listed in region.services.list_services(request=request)]
        assert {service.name, other.name} <= set(names)
        assert len(set(names)) == len(names)

    def test_all_regions_at_once_are_refused(self, region: Region) -> None:
        project = region.parent.partition("/locations/")[0]
        with pytest.raises(exceptions.BadRequest):
            region.services.list_services(parent=f"{project}/locations/-")

    def test_revisions_of_all_services_can_be_listed(
        self, region: Region, service: run_v2.Service
    ) -> None:
        listed = region.revisions.list_revisions(parent=f"{region.parent}/services/-")
        assert service.latest_ready_revision in [revision.name for revision in listed]

    def test_a_policy_is_read_changed_and_written(
        self, region: Region, service: run_v2.Service
    ) -> None:
        stale = region.services.get_iam_policy(request={"resource": service.name})
        region.open(service)
        stale.bindings.add(role="roles/run.viewer", members=["allAuthenticatedUsers"])
        with pytest.raises(exceptions.Conflict):
            region.services.set_iam_policy(request={"resource": service.name, "policy": stale})
        policy = region.services.get_iam_policy(request={"resource": service.name})
        assert policy.bindings == [
            policy_pb2.Binding(role="roles/run.invoker", members=["allUsers"])
        ]

    def test_a_deleted_service_is_gone(self, region: Region, service: run_v2.Service) -> None:
        finished(region.services.delete_service(name=service.name))
        with pytest.raises(exceptions.NotFound):
            region.services.get_service(name=service.name)


@pytest.fixture(scope="module")
def cloud_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CloudRun, str]]:
    root: Path = tmp_path_factory.mktemp("cloud-run")
    with Shelf() as shelf:
        image = shelf.put(static_site("contract"))
        with CloudRun(
            root=root,
            host_map=shelf.host_map,
            project_numbers={"sample-project": 123456789012},
        ) as cloud_run:
            yield cloud_run, image


class TestLocalCloudRun(CloudRunContract):
    @pytest.fixture
    def region(self, cloud_run: tuple[CloudRun, str]) -> Iterator[Region]:
        run, image = cloud_run
        with region_of(run, image) as region:
            yield region
            region.clean()


_LIVE = ("TRANSSHIP_LIVE_PROJECT", "TRANSSHIP_LIVE_REGION", "TRANSSHIP_LIVE_IMAGE")


@pytest.mark.live
@pytest.mark.skipif(not all(map(os.environ.get, _LIVE)), reason=f"needs {', '.join(_LIVE)}")
class TestCloudRun(CloudRunContract):
    @pytest.fixture
    def region(self) -> Iterator[Region]:
        project, location, image = (os.environ[name] for name in _LIVE)
        region = Region(
            services=run_v2.ServicesClient(),
            revisions=run_v2.RevisionsClient(),
            parent=f"projects/{project}/locations/{location}",
            image=image,
        )
        yield region
        region.clean()
