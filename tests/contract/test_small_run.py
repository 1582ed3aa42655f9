"""What a Cloud Run must do for a rollout, whoever implements it: in memory, or over gRPC."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.cloud import run_v2
from google.cloud.run_v2.services.revisions.transports import RevisionsGrpcTransport
from google.cloud.run_v2.services.services.transports import ServicesGrpcTransport

from local import world
from local.run import CloudRun
from tests.unit.nouns import CHILD, NAME, OTHER, a_deploy, digest, found, wanted
from tests.unit.small_run import SmallRun
from transship.clients.services import CloudRunServices
from transship.errors import ServiceConflict
from transship.model.digest import Digest
from transship.model.focus import caused_by
from transship.model.marks import Marks
from transship.model.plan import NewRevision, plan_deploy
from transship.model.service import Service, State
from transship.model.traffic import Share, public_text, to_latest, to_revision
from transship.ports import ServicesAndRevisions

BROKEN = digest("9")
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Under:
    """*rest* is the service once Cloud Run has done what it accepted."""

    services: ServicesAndRevisions
    rest: Callable[[], Service]

    def deploy(self, event_id: str, child: Digest, **message: Any) -> Service:
        """As the planner asks for it."""
        deploy = a_deploy(event_id=event_id, **message)
        current = self.services.get(NAME)
        wants = wanted(deploy, current, found(digest("a"), child))
        if current is None:
            self.services.create(wants)
        else:
            (change,) = plan_deploy(deploy, wants, current, public=None)
            assert isinstance(change, NewRevision)
            self.services.replace(current, change.wanted)
        return self.rest()


@pytest.fixture(params=["in memory", "over gRPC"])
def under(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Under]:
    if request.param == "in memory":
        small = SmallRun(never_ready={BROKEN.value})

        def rest() -> Service:
            small.pass_time()
            assert small.service is not None
            return small.service

        yield Under(services=small, rest=rest)
        return
    numbers = {world.PROJECT: world.PROJECT_NUMBER}
    with CloudRun(root=tmp_path, project_numbers=numbers, containers=False, images=False) as run:
        run.behaviour.unhealthy_images.add(image_of(BROKEN))
        with grpc.insecure_channel(run.grpc_address) as channel:
            services = CloudRunServices(
                run_v2.ServicesClient(transport=ServicesGrpcTransport(channel=channel)),
                run_v2.RevisionsClient(transport=RevisionsGrpcTransport(channel=channel)),
            )
            yield Under(services=services, rest=lambda: settled(lambda: services.get(NAME)))


def image_of(child: Digest) -> str:
    return str(wanted(a_deploy(), None, found(digest("a"), child)).image.untagged())


def settled(get: Callable[[], Service | None]) -> Service:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        service = get()
        if service is not None and service.settled:
            return service
        time.sleep(0.005)
    raise AssertionError("it never settled")


def test_the_first_deploy_takes_the_visitors(under: Under) -> None:
    service = under.deploy("1", CHILD)

    assert service.serving == service.latest_ready == service.latest_created
    assert service.finished
    assert service.record is not None
    assert service.record.cause == "1"


def test_a_service_is_made_once(under: Under) -> None:
    under.deploy("1", CHILD)

    with pytest.raises(ServiceConflict):
        under.services.create(wanted(a_deploy(event_id="2"), None, found()))


def test_whoever_read_an_older_state_writes_nothing(under: Under) -> None:
    read = under.deploy("1", CHILD)
    under.services.annotate(read, Marks(annotations={"transship.dev/why": "a reason"}))
    under.rest()

    late = Marks(annotations={"transship.dev/why": "late"})
    with pytest.raises(ServiceConflict):
        under.services.annotate(read, late)
    with pytest.raises(ServiceConflict):
        under.services.steer(read, to_latest(()), late)
    with pytest.raises(ServiceConflict):
        under.services.replace(read, wanted(a_deploy(event_id="2"), read, found()))

    assert under.rest().annotations["transship.dev/why"] == "a reason"


def test_a_candidate_has_a_url_and_no_visitors(under: Under) -> None:
    first = under.deploy("1", CHILD)

    service = under.deploy("2", OTHER, strategy="candidate")

    assert service.latest_ready == service.latest_created != first.latest_created
    assert service.serving == first.latest_created
    tags = {share.tag: share for share in service.traffic if share.tag}
    assert (tags["next"].revision, tags["next"].percent) == (service.latest_created, 0)
    assert tags["next"].uri.startswith("https://next---web")
    assert tags["prev"].revision == first.latest_created


def test_a_candidate_that_does_not_come_up_leaves_the_traffic_as_it_was(under: Under) -> None:
    first = under.deploy("1", CHILD)

    service = under.deploy("2", BROKEN, strategy="candidate")

    assert service.condition.state is State.FAILED
    assert service.settled
    assert service.latest_created != service.latest_ready == first.latest_created
    assert public_text(service.traffic) == "LATEST=100"
    assert service.serving == first.latest_created
    revision = under.services.revision(NAME, service.latest_created)
    assert revision is not None
    assert revision.condition.state is State.FAILED


def test_traffic_goes_where_it_is_sent_also_past_a_revision_that_failed(under: Under) -> None:
    first = under.deploy("1", CHILD)
    failed = under.deploy("2", BROKEN, strategy="candidate")

    traffic = to_revision(first.latest_created, failed.asked_traffic)
    under.services.steer(failed, traffic, Marks(labels={"transship-rollout": None}))
    service = under.rest()

    assert public_text(service.traffic) == f"{first.latest_created}=100"
    assert {share.tag for share in service.traffic} == {""}
    assert "transship-rollout" not in service.labels
    assert service.condition.state is State.FAILED


def test_latest_leads_to_the_latest_that_is_ready(under: Under) -> None:
    under.deploy("1", CHILD)
    candidate = under.deploy("2", OTHER, strategy="candidate")

    under.services.steer(candidate, (Share(percent=100),), Marks())
    service = under.rest()

    assert service.serving == candidate.latest_created
    assert service.serves_latest


def test_a_revision_is_found_by_its_cause(under: Under) -> None:
    under.deploy("1", CHILD)
    service = under.deploy("2", OTHER, strategy="candidate")

    newest = under.services.newest_revisions(NAME)
    caused = caused_by(newest, "2")

    assert caused is not None
    assert caused.name == service.latest_created
    assert caused_by(newest, "3") is None
    assert under.services.revision(NAME, "web-none") is None
