"""A tick: which revisions are on trial, and one message for each, through the functions."""

import json
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.cloud import run_v2

from local import images, world
from local.run.behaviour import Fault
from tests.fixtures.functions import PARENT, SITE, Cloud, Function, running
from tests.fixtures.topics import retained

ASKED = world.subscription("asked")
TICK = {"kind": "tick"}
CANDIDATE = {"image": SITE, "service": "web", "strategy": "candidate"}


@pytest.fixture
def topic(cloud: Cloud) -> Iterator[None]:
    with retained(cloud.pubsub.grpc_address, {world.REDEPLOY: ASKED}):
        yield


@pytest.fixture
def on_trial(cloud: Cloud, topic: None) -> Iterator[str]:
    """The event whose revision Cloud Run is still working on: its function lost sight of it."""
    lost = Fault(method="GetService", code=grpc.StatusCode.INTERNAL, times=1000)
    written = Fault(method="UpdateService", when="after", action=lambda: cloud.run.inject(lost))
    with running("deploy_image", cloud.settings()) as deployer:
        assert deployer.push({"image": SITE, "service": "web"}) == 200
        cloud.hub.push(SITE, "latest", images.static_site("two"))
        cloud.run.behaviour.operations_go.clear()
        cloud.run.inject(written)
        try:
            assert deployer.push(CANDIDATE, message_id="42") == 503, "redelivered"
            cloud.run.journal.clear_faults()
            yield "42"
        finally:
            cloud.run.behaviour.operations_go.set()


@pytest.fixture
def advancer(cloud: Cloud, on_trial: str) -> Iterator[Function]:
    settings = cloud.settings(
        TRANSSHIP_LOCAL_RUN_V1=cloud.run.v1_url,
        TRANSSHIP_LOCAL_ACCOUNT=world.account("transship-advance"),
        TRANSSHIP_REDEPLOY_TOPIC=world.REDEPLOY,
        TRANSSHIP_POLICY=json.dumps(
            {"targets": [{"project": world.PROJECT, "region": world.LOCATION}]}
        ),
    )
    with running("advance_rollouts", settings) as function:
        yield function


def rested(cloud: Cloud) -> run_v2.Service:
    """The service once Cloud Run has done with it: until then it writes as well."""
    until = time.monotonic() + 10
    while (service := cloud.service("web")).reconciling:
        assert time.monotonic() < until
        time.sleep(0.01)
    return service


def asked(cloud: Cloud) -> list[dict[str, Any]]:
    return [json.loads(message.data) for message in cloud.pubsub.backlog(ASKED)]


@pytest.mark.parametrize("refuses_v1", [False, True])
def test_a_tick_asks_for_the_next_step_of_each_trial(
    cloud: Cloud, advancer: Function, on_trial: str, refuses_v1: bool
) -> None:
    if refuses_v1:
        code = grpc.StatusCode.PERMISSION_DENIED
        cloud.run.inject(Fault(method="v1.ListServices", code=code, times=10))

    assert advancer.push(TICK) == 200

    (message,) = asked(cloud)
    place = {"project": world.PROJECT, "region": world.LOCATION, "service": "web"}
    assert message.items() >= {"kind": "advance", "event_id": on_trial, **place}.items()


def test_a_tick_finds_nothing_where_nothing_is_on_trial(cloud: Cloud, advancer: Function) -> None:
    cloud.run.behaviour.operations_go.set()
    service = rested(cloud)
    service.annotations.pop("transship.dev/rollout")
    cloud.change(service)

    assert advancer.push(TICK) == 200

    assert asked(cloud) == []
    assert len(cloud.outcomes()) == 1, "a tick has no outcome of its own"


def test_the_candidate_is_asked_for_in_one_masked_write(cloud: Cloud, on_trial: str) -> None:
    (call,) = (call for call in cloud.run.calls("UpdateService") if not call.validate_only)

    assert {"annotations", "labels", "template", "traffic"} <= set(call.mask)
    service = cloud.service("web")
    new, old = cloud.revision_names("web")
    assert service.template.revision == new
    assert [(target.revision, target.percent, target.tag) for target in service.traffic] == [
        (old, 100, ""),
        (new, 0, "next"),
        (old, 0, "prev"),
    ]


def test_an_advance_of_what_is_over_says_nothing(cloud: Cloud, deployer: Function) -> None:
    deployer.push({"image": SITE, "service": "web"})
    told = len(cloud.outcomes())

    assert deployer.push({"kind": "advance", "service": "web", "event_id": "41"}) == 200

    assert len(cloud.outcomes()) == told
    assert cloud.writes() == ["CreateService"]


def test_traffic_that_we_set_is_no_hold_and_anybody_elses_is(
    cloud: Cloud, deployer: Function
) -> None:
    """A service whose bad revision was taken back follows its tag; one that was pinned does not."""
    deployer.push({"image": SITE, "service": "web"})
    (revision,) = cloud.revision_names("web")
    service = cloud.service("web")
    kind = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
    service.traffic = [run_v2.TrafficTarget(type_=kind, revision=revision, percent=100)]
    service.annotations["transship.dev/traffic"] = f"{revision}=100"
    cloud.change(service)
    cloud.hub.push(SITE, "latest", images.static_site("two"))

    deployer.push({"image": SITE, "service": "web"})

    service = cloud.services.get_service(name=f"{PARENT}/services/web")
    assert [(target.revision, target.percent) for target in service.traffic] == [("", 100)]
    assert len(cloud.revision_names("web")) == 2
    event = cloud.outcomes()[-1]
    assert event["type"] == "dev.transship.deployed.v1"
    assert event["data"]["detail"] == "it is ready"
