"""What may succeed later is not acknowledged, and deployed once when it is back."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import grpc
import pytest

from local import images, world
from local.registry.faults import Fault as RegistryFault
from local.registry.faults import abuse_limit, pull_limit, unavailable
from local.run.behaviour import Fault as RunFault
from tests.fixtures.functions import SITE, Cloud, Function, running

MESSAGE = {"image": SITE, "service": "web"}

Switch = Callable[[Cloud], None]


def upstream_down(cloud: Cloud) -> None:
    cloud.hub.refuse_connections()


def upstream_up(cloud: Cloud) -> None:
    cloud.hub.accept_connections()


def mirror_down(cloud: Cloud) -> None:
    cloud.mirror.refuse_connections()


def mirror_up(cloud: Cloud) -> None:
    cloud.mirror.accept_connections()


def upstream_fails(cloud: Cloud) -> None:
    cloud.hub.faults.add(unavailable())


def upstream_mended(cloud: Cloud) -> None:
    cloud.hub.faults.clear()


def limit_reached(cloud: Cloud) -> None:
    cloud.hub.faults.add(pull_limit())


def abused(cloud: Cloud) -> None:
    cloud.hub.faults.add(abuse_limit(retry_after=3600))


def mirror_fails(cloud: Cloud) -> None:
    cloud.mirror.faults.add(unavailable(500))


def mirror_cuts(cloud: Cloud) -> None:
    cloud.mirror.faults.add(RegistryFault(path="/blobs/", cut_after=100))


def mirror_corrupts(cloud: Cloud) -> None:
    cloud.mirror.faults.add(RegistryFault(path="/blobs/", corrupt=True))


def mirror_resets(cloud: Cloud) -> None:
    cloud.mirror.faults.add(RegistryFault(path="/manifests/", reset=True))


def mirror_mended(cloud: Cloud) -> None:
    cloud.mirror.faults.clear()


@pytest.mark.parametrize(
    ("breaks", "mends"),
    [
        (upstream_down, upstream_up),
        (upstream_fails, upstream_mended),
        (limit_reached, upstream_mended),
        (mirror_down, mirror_up),
        (mirror_fails, mirror_mended),
        (mirror_cuts, mirror_mended),
        (mirror_corrupts, mirror_mended),
        (mirror_resets, mirror_mended),
    ],
)
def test_a_message_outlasts_an_outage_of_a_registry(
    cloud: Cloud, deployer: Function, breaks: Switch, mends: Switch
) -> None:
    breaks(cloud)
    assert deployer.push(MESSAGE, message_id="42") == 503
    assert cloud.outcomes() == []
    assert cloud.writes() == []

    mends(cloud)
    assert deployer.push(MESSAGE, message_id="42") == 200

    (event,) = cloud.outcomes()
    assert event["type"] == "dev.transship.deployed.v1"
    assert cloud.writes() == ["CreateService"]


def test_a_registry_that_named_a_time_is_not_asked_before_it(
    cloud: Cloud, deployer: Function
) -> None:
    abused(cloud)
    assert deployer.push(MESSAGE, message_id="42") == 503
    asked = len(cloud.hub.requests)

    upstream_mended(cloud)
    assert deployer.push(MESSAGE, message_id="42") == 503

    assert len(cloud.hub.requests) == asked


@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_message_outlasts_an_outage_of_cloud_run(
    cloud: Cloud, deployer: Function, code: grpc.StatusCode, when: str
) -> None:
    """After: the service was made, and nobody was told so."""
    fault = RunFault(method="CreateService", code=code)
    fault.when = "after" if when == "after" else "before"
    cloud.run.inject(fault)
    assert deployer.push(MESSAGE, message_id="42") == 503

    assert deployer.push(MESSAGE, message_id="42") == 200

    (event,) = cloud.outcomes()
    assert event["type"] == "dev.transship.deployed.v1"
    assert event["data"]["changed"] is True
    assert len(cloud.revision_names("web")) == 1


def test_access_that_an_outage_left_out_is_given_by_the_redelivery(
    cloud: Cloud, deployer: Function
) -> None:
    message = {**MESSAGE, "allow_unauthenticated": True}
    cloud.run.inject(RunFault(method="SetIamPolicy", code=grpc.StatusCode.UNAVAILABLE))
    assert deployer.push(message, message_id="42") == 503

    assert deployer.push(message, message_id="42") == 200

    (event,) = cloud.outcomes()
    assert (event["data"]["public"], event["data"]["reason"]) == (True, "new_service")
    assert len(cloud.revision_names("web")) == 1


def test_an_outcome_that_could_not_be_published_is_published_by_the_redelivery(
    cloud: Cloud, deployer: Function
) -> None:
    topics = cloud.topics
    topics.delete_topic(topic=world.OUTCOMES)
    assert deployer.push(MESSAGE, message_id="42") == 503

    cloud.make_outcomes_topic()
    assert deployer.push(MESSAGE, message_id="42") == 200

    (event,) = cloud.outcomes()
    assert (event["id"], event["data"]["changed"]) == ("42.outcome", True)
    assert cloud.writes() == ["CreateService"]


def test_a_silent_upstream_is_answered_for_by_the_mirrors_tag(
    cloud: Cloud, deployer: Function
) -> None:
    deployer.push({**MESSAGE, "service": "first"})
    cloud.hub.refuse_connections()

    assert deployer.push(MESSAGE) == 200

    data = cloud.outcomes()[-1]["data"]
    assert data["resolved_by"] == "mirror"
    assert data["index_digest"] == images.static_site("one").digest
    since = datetime.fromisoformat(data["mirror_since"])
    assert timedelta() <= datetime.now(UTC) - since < timedelta(minutes=5)


def test_what_is_up_to_date_needs_no_mirror(cloud: Cloud, deployer: Function) -> None:
    deployer.push(MESSAGE)
    cloud.mirror.refuse_connections()

    assert deployer.push(MESSAGE) == 200

    assert cloud.outcomes()[-1]["data"]["reason"] == "up_to_date"


def test_a_pull_that_takes_too_long_is_left_to_the_redelivery(cloud: Cloud) -> None:
    slow = RegistryFault(path="/blobs/", bytes_per_second=1000)
    cloud.mirror.faults.add(slow)
    with running("deploy_image", cloud.settings(TRANSSHIP_DEADLINE_SECONDS="1")) as deployer:
        assert deployer.push(MESSAGE, message_id="42") == 503
    assert cloud.writes() == []

    cloud.mirror.faults.clear()
    with running("deploy_image", cloud.settings()) as deployer:
        assert deployer.push(MESSAGE, message_id="42") == 200

    assert cloud.writes() == ["CreateService"]


def test_a_deploy_that_takes_too_long_is_looked_at_by_the_redelivery(cloud: Cloud) -> None:
    cloud.run.behaviour.operation_delay = 2.0
    statuses: list[int] = []
    with running("deploy_image", cloud.settings(TRANSSHIP_DEADLINE_SECONDS="1")) as deployer:
        while statuses[-1:] != [200] and len(statuses) < 10:
            statuses.append(deployer.push(MESSAGE, message_id="42"))

    assert (statuses[0], statuses[-1]) == (503, 200)
    (event,) = cloud.outcomes()
    assert (event["type"], event["data"]["changed"]) == ("dev.transship.deployed.v1", True)
    assert cloud.writes() == ["CreateService"]
