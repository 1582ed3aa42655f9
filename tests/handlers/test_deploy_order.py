"""Messages that come late, again, at once, or in another form: the end is one."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from local import images, world
from local.run.behaviour import Fault
from tests.fixtures.functions import SITE, Cloud, Function, push_body
from transship.model.reason import Reason

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_an_older_message_that_comes_late_is_superseded(cloud: Cloud, deployer: Function) -> None:
    deployer.push({"image": SITE, "service": "web"}, published=NOON)
    cloud.hub.push(SITE, "old", images.static_site("old"))

    late = NOON - timedelta(seconds=1)
    assert deployer.push({"image": f"{SITE}:old", "service": "web"}, published=late) == 200

    assert cloud.last()["type"] == "dev.transship.unchanged.v1"
    assert cloud.last()["reason"] == "superseded"
    assert cloud.last()["clear"] == Reason.SUPERSEDED.help
    assert cloud.writes() == ["CreateService"]


def test_an_old_message_redelivered_after_a_newer_one_repeats_its_outcome(
    cloud: Cloud, deployer: Function
) -> None:
    old = {"image": SITE, "service": "web"}
    deployer.push(old, message_id="1", published=NOON)
    first = cloud.last()
    cloud.hub.push(SITE, "new", images.static_site("new"))
    newer = {"image": f"{SITE}:new", "service": "web"}
    deployer.push(newer, message_id="2", published=NOON + timedelta(seconds=1))

    deployer.push(old, message_id="1", published=NOON)

    assert cloud.last() == {**first, "detail": "superseded since"}
    assert len(cloud.revision_names("web")) == 2


def test_two_messages_of_one_instant_end_in_one_state_whatever_comes_first(
    cloud: Cloud, deployer: Function
) -> None:
    cloud.hub.push(SITE, "b", images.static_site("b"))
    for service, order in (("forwards", ("1", "2")), ("backwards", ("2", "1"))):
        for message_id in order:
            tag = {"1": "latest", "2": "b"}[message_id]
            message = {"image": f"{SITE}:{tag}", "service": service}
            deployer.push(message, message_id=message_id, published=NOON)

    ended = {cloud.service(name).template.containers[0].image for name in ("forwards", "backwards")}
    assert ended == {f"{world.MIRROR}/{SITE}@{images.static_site('b').child(images.AMD64).digest}"}


def test_a_dead_letter_that_is_published_again_keeps_its_place_in_time(
    cloud: Cloud, deployer: Function
) -> None:
    deployer.push({"image": SITE, "service": "web"}, published=NOON)
    cloud.hub.push(SITE, "old", images.static_site("old"))

    before = (NOON - timedelta(hours=1)).isoformat()
    deployer.push(
        {"image": f"{SITE}:old", "service": "web"},
        published=NOON + timedelta(hours=1),
        attributes={"CloudPubSubDeadLetterSourceTopicPublishTime": before},
    )

    assert cloud.last()["reason"] == "superseded"


def test_ten_deliveries_at_once_make_one_revision(cloud: Cloud, deployer: Function) -> None:
    message = {"image": SITE, "service": "web"}
    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(lambda _: deployer.push(message, message_id="42"), range(10)))

    # Whoever loses the race again and again comes back: that is at least once.
    assert set(statuses) <= {200, 503}
    assert {event["id"] for event in cloud.outcomes()} == {"42.outcome"}
    assert {event["data"]["revision"] for event in cloud.outcomes()} == set(
        cloud.revision_names("web")
    )


def test_ten_deliveries_at_once_for_a_service_that_exists_make_one_revision(
    cloud: Cloud, deployer: Function
) -> None:
    deployer.push({"image": SITE, "service": "web"})
    cloud.hub.push(SITE, "latest", images.static_site("two"))
    message = {"image": SITE, "service": "web"}
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: deployer.push(message, message_id="42"), range(10)))

    told = [event["data"] for event in cloud.outcomes() if event["id"] == "42.outcome"]
    assert {(data["changed"], data["revision"]) for data in told} == {
        (True, cloud.revision_names("web")[0])
    }
    assert len(cloud.revision_names("web")) == 2


def test_whoever_loses_a_race_looks_again(cloud: Cloud, deployer: Function) -> None:
    """Somebody changes the service between the read and the write."""
    deployer.push({"image": SITE, "service": "web"})
    cloud.hub.push(SITE, "latest", images.static_site("two"))

    def meddle() -> None:
        service = cloud.service("web")
        service.description = "somebody was here"
        cloud.change(service)

    cloud.run.inject(Fault(method="GetService", when="after", principal=None, action=meddle))
    assert deployer.push({"image": SITE, "service": "web"}) == 200

    service = cloud.service("web")
    assert service.description == "somebody was here"
    assert cloud.last()["reason"] == "new_image"
    assert cloud.last()["revision"] == service.latest_ready_revision.rpartition("/")[2]


def test_nothing_unproved_is_deployed_by_whoever_loses_a_race(
    cloud: Cloud, deployer: Function
) -> None:
    """At first there was only the tracking to change; then somebody deployed another image."""
    deployer.push({"image": SITE, "service": "web"})
    other = images.static_site("two")
    cloud.hub.push(SITE, "other", other)
    cloud.mirror.remote(world.REMOTE).manifest(SITE, other.digest, head=False)

    def meddle() -> None:
        service = cloud.service("web")
        service.template.revision = ""
        service.template.containers[0].image = f"{world.MIRROR}/{SITE}@{other.digest}"
        cloud.change(service)

    cloud.run.inject(Fault(method="GetService", when="after", action=meddle))
    deployer.push({"image": SITE, "service": "web", "track": False})

    child = images.static_site("one").child(images.AMD64).digest
    assert cloud.service("web").template.containers[0].image.endswith(child)
    assert cloud.last()["blobs"] > 0


@pytest.mark.parametrize("code", [grpc.StatusCode.ABORTED, grpc.StatusCode.FAILED_PRECONDITION])
def test_a_stale_etag_is_a_lost_race_whatever_its_code(
    cloud: Cloud, deployer: Function, code: grpc.StatusCode
) -> None:
    cloud.run.behaviour.stale_etag = code
    test_whoever_loses_a_race_looks_again(cloud, deployer)


def binary(inner: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    headers = {
        "ce-id": "77",
        "ce-source": f"//pubsub.googleapis.com/{world.DEPLOY}",
        "ce-specversion": "1.0",
        "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
    }
    return json.dumps(inner).encode(), headers


def structured(inner: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    _body, headers = binary(inner)
    event = {name.removeprefix("ce-"): value for name, value in headers.items()}
    return (
        json.dumps({**event, "data": inner}).encode(),
        {"Content-Type": "application/cloudevents+json; charset=utf-8"},
    )


@pytest.mark.parametrize("form", [binary, structured])
def test_what_eventarc_sends_is_understood(cloud: Cloud, deployer: Function, form: Any) -> None:
    inner = push_body(json.dumps({"image": SITE, "service": "web"}).encode(), message_id="77")

    assert deployer.post(*form(inner)) == 200

    assert cloud.last()["type"] == "dev.transship.deployed.v1"
    assert cloud.outcomes()[0]["id"] == "77.outcome"


def test_a_push_without_id_and_time_has_an_id_of_its_own(cloud: Cloud, deployer: Function) -> None:
    data = base64.b64encode(json.dumps({"image": SITE, "service": "web"}).encode()).decode()
    body = json.dumps({"message": {"data": data}}).encode()

    assert [deployer.post(body), deployer.post(body)] == [200, 200]

    assert len({event["id"] for event in cloud.outcomes()}) == 1
    assert cloud.writes() == ["CreateService"]
