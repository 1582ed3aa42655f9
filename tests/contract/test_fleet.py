"""The services that carry a label: what both APIs of Cloud Run say of them has to be the same."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import grpc
import pytest
from google.cloud import run_v2

from local import images, world
from local.run.behaviour import Fault
from tests.fixtures.functions import SITE, Cloud
from tests.fixtures.operations import finished
from transship.clients.egress import Guard
from transship.clients.fleet import HOST, CloudRunFleet, regions_of
from transship.clients.region import list_region
from transship.clients.transport import Transport
from transship.deadline import Deadline
from transship.errors import AccessDenied, RateLimited, ServiceUnavailable
from transship.model.digest import Digest
from transship.model.follow import Follower
from transship.model.marks import TRACKED_LABEL, tracking_marks
from transship.model.naming import tracking_label
from transship.model.policy_document import parse_policy
from transship.model.reference import parse_reference

PROJECT = world.PROJECT
REGIONS = ("asia-northeast1", "europe-west1")
TAG = parse_reference(f"{SITE}:latest")
LABEL = tracking_label(TAG.name)
ONE, TWO = (images.static_site(text).child(images.AMD64).digest for text in ("one", "two"))
IMAGE = f"{world.MIRROR}/{SITE}@{ONE}"
OTHER = f"{world.MIRROR}/{SITE}@{TWO}"
PINNED = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"


class World:
    """Cloud Run without containers, and a fleet over it."""

    def __init__(self, cloud: Cloud) -> None:
        self.run, self.services = cloud.run, cloud.services
        self.seconds = 0.0

    def fleet(self, policy: str = "", *, page: int = 200) -> CloudRunFleet:
        named = ",".join(f'{{"project": "{PROJECT}", "region": "{each}"}}' for each in REGIONS)
        document = parse_policy(policy or f'{{"targets": [{named}]}}', project=PROJECT)
        return CloudRunFleet(
            Transport(Guard(hosts=frozenset({HOST}), host_map={HOST: self.run.v1_url})),
            token=lambda: f"ya29.local.{world.REFRESHER}",
            list_region=partial(list_region, self.services),
            projects=regions_of(document.targets),
            page=page,
            clock=lambda: self.seconds,
        )

    def refuse_v1(self, code: grpc.StatusCode, times: int = 1000) -> None:
        self.run.inject(Fault(method="v1.ListServices", code=code, times=times))

    def make(
        self, name: str, *, region: str = REGIONS[0], tracks: bool = True, image: str = IMAGE
    ) -> run_v2.Service:
        marks = tracking_marks(TAG, ()) if tracks else None
        service = run_v2.Service(
            template={"containers": [{"image": image, "ports": [{"container_port": 80}]}]},
            labels={key: str(value) for key, value in marks.labels.items()} if marks else {},
            annotations={key: str(value) for key, value in marks.annotations.items()}
            if marks
            else {},
        )
        made: run_v2.Service = finished(
            self.services.create_service(
                parent=f"projects/{PROJECT}/locations/{region}", service=service, service_id=name
            )
        )
        return made

    def change(self, service: run_v2.Service) -> None:
        finished(self.services.update_service(service=service))

    def lists(self) -> list[str]:
        return [call.method for call in self.run.calls("v1.ListServices", "ListServices")]


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[World]:
    with Cloud(tmp_path) as cloud:
        cloud.hub.push(SITE, "latest", images.static_site("two"))
        yield World(cloud)


def labelled(fleet: CloudRunFleet, label: str = LABEL) -> list[Follower]:
    return sorted(fleet.labelled(label, deadline=Deadline.after(20)), key=lambda one: one.name)


@pytest.fixture(params=["v1", "v2"])
def api(request: pytest.FixtureRequest, cloud: World) -> str:
    """Either API alone: what is asked of both has one answer."""
    if request.param == "v2":
        cloud.refuse_v1(grpc.StatusCode.PERMISSION_DENIED)
    return str(request.param)


def test_the_followers_of_all_regions_are_found(cloud: World, api: str) -> None:
    cloud.make("web")
    cloud.make("web", region=REGIONS[1])
    cloud.make("other", tracks=False)

    found = labelled(cloud.fleet())

    assert [str(one.name) for one in found] == [
        f"projects/{PROJECT}/locations/{region}/services/web" for region in REGIONS
    ]
    assert {one.tracks for one in found} == {TAG}
    assert {one.runs for one in found} == {Digest(ONE)}
    assert not any(one.failed or one.pinned_traffic or one.held for one in found)


def test_another_label_finds_others(cloud: World, api: str) -> None:
    cloud.make("web")

    assert labelled(cloud.fleet(), tracking_label("docker.io/library/nginx")) == []
    assert len(labelled(cloud.fleet(), TRACKED_LABEL)) == 1


def test_what_stands_on_the_service_is_read(cloud: World, api: str) -> None:
    service = cloud.make("web")
    service.annotations["transship.dev/hold"] = "{}"
    service.annotations["transship.dev/why"] = "held"
    cloud.change(service)

    (found,) = labelled(cloud.fleet())

    assert (found.held, found.why) == (True, "held")


def test_a_label_whose_annotations_are_gone_tracks_nothing(cloud: World, api: str) -> None:
    service = cloud.make("web")
    service.annotations.clear()
    cloud.change(service)

    (found,) = labelled(cloud.fleet())

    assert found.tracks is None


@pytest.mark.parametrize(
    ("shares", "pinned"),
    [
        ([(LATEST, 100)], False),
        ([(PINNED, 100)], True),
        ([(PINNED, 50), (LATEST, 50)], True),
        ([(LATEST, 100), (PINNED, 0)], False),
    ],
)
def test_traffic_that_new_revisions_would_not_get_is_pinned(
    cloud: World, api: str, shares: list[tuple[str, int]], pinned: bool
) -> None:
    service = cloud.make("web")
    revision = service.latest_ready_revision.rpartition("/")[2]
    service.traffic = [
        run_v2.TrafficTarget(
            type_=kind,
            percent=percent,
            revision=revision if kind == PINNED else "",
            tag="" if percent else "old",
        )
        for kind, percent in shares
    ]
    cloud.change(service)

    (found,) = labelled(cloud.fleet())

    assert found.pinned_traffic is pinned


def test_a_revision_that_never_became_ready_has_failed(cloud: World, api: str) -> None:
    service = cloud.make("web")
    cloud.run.behaviour.unhealthy_images.add(OTHER)
    service.template.containers[0].image = OTHER
    with pytest.raises(Exception, match="not ready"):
        cloud.change(service)

    (found,) = labelled(cloud.fleet())

    assert found.failed
    assert found.runs == Digest(TWO)


def test_a_revision_that_is_not_ready_yet_has_not_failed(cloud: World, api: str) -> None:
    service = cloud.make("web")
    service.template.containers[0].image = OTHER
    cloud.run.behaviour.operations_go.clear()
    cloud.services.update_service(service=service)

    (found,) = labelled(cloud.fleet())
    cloud.run.behaviour.operations_go.set()

    assert found.runs == Digest(TWO)
    assert not found.failed


def test_the_container_with_the_port_is_the_one_that_is_followed(cloud: World, api: str) -> None:
    service = cloud.make("web")
    sidecar = run_v2.Container(name="log", image=f"{world.MIRROR}/{SITE}:latest")
    service.template.containers = [sidecar, *service.template.containers]
    cloud.change(service)

    (found,) = labelled(cloud.fleet())

    assert found.image == parse_reference(IMAGE)


def test_a_service_that_runs_a_tag_is_followed_all_the_same(cloud: World) -> None:
    cloud.make("web", image=f"{world.MIRROR}/{SITE}:latest")

    (found,) = labelled(cloud.fleet())

    assert found.runs is None


def test_a_list_of_many_pages_is_read_to_its_end(cloud: World) -> None:
    for number in range(5):
        cloud.make(f"web-{number}")
    cloud.run.journal.forget_calls()

    assert len(labelled(cloud.fleet(page=2))) == 5
    assert cloud.lists() == ["v1.ListServices"] * 3


def test_one_call_finds_all_regions(cloud: World) -> None:
    cloud.make("web")
    cloud.run.journal.forget_calls()

    labelled(cloud.fleet())

    assert cloud.lists() == ["v1.ListServices"]


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.UNAUTHENTICATED,
    ],
)
def test_a_refused_list_is_made_region_by_region_and_kept_a_minute(
    cloud: World, code: grpc.StatusCode
) -> None:
    cloud.make("web")
    cloud.refuse_v1(code)
    fleet = cloud.fleet()
    cloud.run.journal.forget_calls()

    first, again = labelled(fleet), labelled(fleet)
    cloud.seconds = 61
    labelled(fleet)

    assert first == again
    assert cloud.lists() == 2 * ["v1.ListServices", "ListServices", "ListServices"]


def test_a_refusal_where_regions_are_open_says_what_to_configure(cloud: World) -> None:
    cloud.refuse_v1(grpc.StatusCode.PERMISSION_DENIED)
    fleet = cloud.fleet('{"targets": [{"project": "sample-project", "region": "europe-*"}]}')

    with pytest.raises(AccessDenied, match=r"roles/run\.viewer .* name its regions"):
        labelled(fleet)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.UNAVAILABLE, ServiceUnavailable),
        (grpc.StatusCode.INTERNAL, ServiceUnavailable),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, RateLimited),
    ],
)
def test_a_list_that_fails_for_the_moment_is_not_replaced(
    cloud: World, code: grpc.StatusCode, error: type[Exception]
) -> None:
    cloud.refuse_v1(code)
    cloud.run.journal.forget_calls()

    with pytest.raises(error):
        labelled(cloud.fleet())

    assert cloud.lists() == ["v1.ListServices"]


def test_an_address_that_does_not_answer_is_temporary(cloud: World) -> None:
    fleet = cloud.fleet()
    cloud.run.stop()

    began = time.monotonic()
    with pytest.raises(ServiceUnavailable):
        labelled(fleet)
    assert time.monotonic() - began < 10


def test_projects_and_their_regions_come_from_the_policy() -> None:
    targets = parse_policy(
        '{"targets": [{"project": "one", "region": "us-central1"},'
        ' {"project": "one", "region": "us-east1"}, {"project": "one", "region": "us-east1"},'
        ' {"project": "two", "region": "us-*"}, {"project": "two", "region": "us-east1"}]}',
        project=PROJECT,
    ).targets

    assert regions_of(targets) == {"one": ("us-central1", "us-east1"), "two": ()}
