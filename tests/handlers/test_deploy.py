"""A message deploys an image: through the function itself, with a cloud of stand-ins behind it."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.cloud import run_v2

from local import images, world
from local.run.behaviour import Fault
from tests.fixtures.functions import PARENT, SITE, Cloud, Function, push_body
from transship.model.reason import Reason

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def last(cloud: Cloud) -> dict[str, Any]:
    """The newest outcome's type and data in one."""
    event = cloud.outcomes()[-1]
    return {"type": event["type"], **event["data"]}


def test_a_message_makes_a_service(cloud: Cloud, deployer: Function) -> None:
    image = images.static_site("one")

    assert deployer.push({"image": SITE, "service": "web"}, message_id="42") == 200

    (event,) = cloud.outcomes()
    service = cloud.service("web")
    child = image.child(images.AMD64)
    assert event["id"] == "42.outcome"
    assert event["type"] == "dev.transship.deployed.v1"
    assert event["data"] == {
        "event_id": "42",
        "image": f"docker.io/{SITE}:latest",
        "service": "web",
        "project": world.PROJECT,
        "region": world.LOCATION,
        "reason": "new_service",
        "changed": True,
        "index_digest": image.digest,
        "child_digest": child.digest,
        "revision": service.latest_ready_revision.rpartition("/")[2],
        "url": service.uri,
        "resolved_by": "upstream",
        "mirror_agrees": True,
        "blobs": len(list(child.blobs())),
        "bytes": event["data"]["bytes"],
        "seconds": event["data"]["seconds"],
    }
    assert event["data"]["bytes"] > 0


def test_the_child_is_deployed_from_the_mirror_with_its_port(
    cloud: Cloud, deployer: Function
) -> None:
    deployer.push({"image": SITE, "service": "web"})

    template = cloud.service("web").template
    child = images.static_site("one").child(images.AMD64).digest
    assert template.containers[0].image == f"{world.MIRROR}/{SITE}@{child}"
    assert template.containers[0].ports[0].container_port == 80
    assert template.service_account == world.RUNTIME
    assert template.scaling.max_instance_count == 5
    assert template.containers[0].resources.cpu_idle


def test_a_new_service_is_private_and_tracks_its_tag(cloud: Cloud, deployer: Function) -> None:
    deployer.push({"image": SITE, "service": "web"})

    assert cloud.service("web").annotations["transship.dev/tracks"] == f"docker.io/{SITE}:latest"
    assert cloud.writes() == ["CreateService"], "one write, and no IAM policy"


def test_the_same_message_again_repeats_its_outcome(cloud: Cloud, deployer: Function) -> None:
    for _ in range(3):
        assert deployer.push({"image": SITE, "service": "web"}, message_id="42") == 200

    first, *others = cloud.outcomes()
    assert [{**other, "time": ""} for other in others] == [{**first, "time": ""}] * 2
    assert cloud.writes() == ["CreateService"]


def test_another_message_for_the_same_finds_nothing_to_do(cloud: Cloud, deployer: Function) -> None:
    deployer.push({"image": SITE, "service": "web", "cpu": 1, "memory": "1Gi", "timeout": "5m"})
    pulled = len(cloud.asked_of_mirror("GET"))

    # The same in other words: Cloud Run's, and gcloud's.
    again = {"image": SITE, "service": "web", "cpu": "1000m", "memory": "1024Mi", "timeout": 300}
    assert deployer.push(again) == 200

    assert last(cloud)["type"] == "dev.transship.deployed.v1"
    assert (last(cloud)["changed"], last(cloud)["reason"]) == (False, "up_to_date")
    assert cloud.writes() == ["CreateService"]
    assert len(cloud.asked_of_mirror("GET")) == pulled, "what is proved is not pulled again"


def test_a_moved_tag_is_deployed_by_the_next_message(cloud: Cloud, deployer: Function) -> None:
    deployer.push({"image": SITE, "service": "web"})
    moved = images.static_site("two")
    cloud.hub.push(SITE, "latest", moved)

    deployer.push({"image": SITE, "service": "web"})

    assert last(cloud)["child_digest"] == moved.child(images.AMD64).digest
    assert last(cloud)["reason"] == "new_image"
    # The mirror's own tag is an hour old at most, and says so.
    assert last(cloud)["mirror_agrees"] is False
    assert len(cloud.revision_names("web")) == 2


def test_only_what_a_message_names_is_changed(cloud: Cloud, deployer: Function) -> None:
    deployer.push({"image": SITE, "service": "web", "memory": "1Gi", "env_vars": {"A": "1"}})

    deployer.push({"image": SITE, "service": "web", "concurrency": 7})

    template = cloud.service("web").template
    assert template.max_instance_request_concurrency == 7
    assert template.containers[0].resources.limits["memory"] == "1Gi"
    assert {v.name: v.value for v in template.containers[0].env} == {"A": "1"}
    assert last(cloud)["reason"] == "new_settings"


def test_variables_are_replaced_or_merged(cloud: Cloud, deployer: Function) -> None:
    def after(**message: Any) -> dict[str, str]:
        deployer.push({"image": SITE, "service": "web", **message})
        return {v.name: v.value for v in cloud.service("web").template.containers[0].env}

    assert after(env_vars={"A": "1", "B": "2"}) == {"A": "1", "B": "2"}
    assert after(update_env_vars={"B": "3", "C": "4"}) == {"A": "1", "B": "3", "C": "4"}
    assert after(remove_env_vars=["A"]) == {"B": "3", "C": "4"}
    assert after(update_env_vars={"D": "5"}, remove_env_vars=["B", "D"]) == {"C": "4"}
    assert after(env_vars={}) == {}


def test_a_port_can_be_changed(cloud: Cloud, deployer: Function) -> None:
    deployer.push({"image": SITE, "service": "web"})

    deployer.push({"image": SITE, "service": "web", "port": 8081})

    container = cloud.service("web").template.containers[0]
    assert container.ports[0].container_port == 8081
    assert container.startup_probe.tcp_socket.port == 8081, "where Cloud Run knocks"


def test_a_tag_that_is_not_tracked_any_more_makes_no_revision(
    cloud: Cloud, deployer: Function
) -> None:
    deployer.push({"image": SITE, "service": "web"})

    deployer.push({"image": SITE, "service": "web", "track": False})

    service = cloud.service("web")
    assert "transship.dev/tracks" not in service.annotations
    assert not any(key.startswith("transship-") for key in service.labels)
    assert last(cloud)["reason"] == "new_tracking"
    assert len(cloud.revision_names("web")) == 1


def test_a_digest_is_deployed_and_not_tracked(cloud: Cloud, deployer: Function) -> None:
    digest = images.static_site("one").digest

    assert deployer.push({"image": f"{SITE}@{digest}", "service": "web"}) == 200

    assert last(cloud)["index_digest"] == digest
    assert "transship.dev/tracks" not in cloud.service("web").annotations


def test_a_single_manifest_is_deployed(cloud: Cloud, deployer: Function) -> None:
    site = images.site("single", form=images.DOCKER)
    cloud.hub.push(SITE, "single", site)

    assert deployer.push({"image": f"{SITE}:single", "service": "web"}) == 200

    assert last(cloud)["child_digest"] == site.digest
    assert "index_digest" not in last(cloud)


def test_an_older_message_that_comes_late_is_superseded(cloud: Cloud, deployer: Function) -> None:
    deployer.push({"image": SITE, "service": "web"}, published=NOON)
    cloud.hub.push(SITE, "old", images.static_site("old"))

    late = NOON - timedelta(seconds=1)
    assert deployer.push({"image": f"{SITE}:old", "service": "web"}, published=late) == 200

    assert last(cloud)["type"] == "dev.transship.unchanged.v1"
    assert last(cloud)["reason"] == "superseded"
    assert last(cloud)["clear"] == Reason.SUPERSEDED.help
    assert cloud.writes() == ["CreateService"]


def test_an_old_message_redelivered_after_a_newer_one_repeats_its_outcome(
    cloud: Cloud, deployer: Function
) -> None:
    old = {"image": SITE, "service": "web"}
    deployer.push(old, message_id="1", published=NOON)
    first = last(cloud)
    cloud.hub.push(SITE, "new", images.static_site("new"))
    newer = {"image": f"{SITE}:new", "service": "web"}
    deployer.push(newer, message_id="2", published=NOON + timedelta(seconds=1))

    deployer.push(old, message_id="1", published=NOON)

    assert last(cloud) == {**first, "detail": "superseded since"}
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

    assert last(cloud)["reason"] == "superseded"


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
    assert last(cloud)["reason"] == "new_image"
    assert last(cloud)["revision"] == service.latest_ready_revision.rpartition("/")[2]


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
    assert last(cloud)["blobs"] > 0


@pytest.mark.parametrize("code", [grpc.StatusCode.ABORTED, grpc.StatusCode.FAILED_PRECONDITION])
def test_a_stale_etag_is_a_lost_race_whatever_its_code(
    cloud: Cloud, deployer: Function, code: grpc.StatusCode
) -> None:
    cloud.run.behaviour.stale_etag = code
    test_whoever_loses_a_race_looks_again(cloud, deployer)


def test_traffic_that_somebody_pinned_is_held_and_reported(
    cloud: Cloud, deployer: Function
) -> None:
    deployer.push({"image": SITE, "service": "web"})
    (revision,) = cloud.revision_names("web")
    service = cloud.service("web")
    pinned = run_v2.TrafficTarget(
        type_=run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION,
        revision=revision,
        percent=100,
    )
    service.traffic = [pinned]
    cloud.change(service)
    cloud.hub.push(SITE, "latest", images.static_site("two"))

    assert deployer.push({"image": SITE, "service": "web"}) == 200

    assert last(cloud)["type"] == "dev.transship.unchanged.v1"
    assert last(cloud)["reason"] == "operator_hold"
    assert last(cloud)["clear"] == Reason.OPERATOR_HOLD.help
    assert cloud.revision_names("web") == [revision]


def test_an_adopted_service_keeps_what_nobody_named(cloud: Cloud, deployer: Function) -> None:
    cloud.mirror.remote(world.REMOTE).manifest(SITE, "latest", head=False)
    container = run_v2.Container(
        image=f"{world.MIRROR}/{SITE}:latest",
        env=[run_v2.EnvVar(name="OF", value="theirs")],
        ports=[run_v2.ContainerPort(container_port=8888)],
    )
    theirs = run_v2.Service(
        labels={"team": "theirs"},
        annotations={"example.com/owner": "them"},
        template=run_v2.RevisionTemplate(
            containers=[container], service_account="theirs@sample-project.iam.gserviceaccount.com"
        ),
    )
    cloud.make_service("web", theirs)

    assert deployer.push({"image": SITE, "service": "web", "adopt": True}) == 200

    service = cloud.service("web")
    assert last(cloud)["type"] == "dev.transship.deployed.v1"
    assert service.labels["team"] == "theirs"
    assert service.annotations["example.com/owner"] == "them"
    assert service.template.containers[0].ports[0].container_port == 8888
    assert service.template.containers[0].env[0].value == "theirs"
    assert service.template.service_account.startswith("theirs@")
    assert service.annotations["transship.dev/tracks"] == f"docker.io/{SITE}:latest"
    # From now on it is one of transship's.
    assert deployer.push({"image": SITE, "service": "web"}) == 200
    assert last(cloud)["type"] == "dev.transship.deployed.v1"


def test_a_service_is_made_public_and_private_again(cloud: Cloud, deployer: Function) -> None:
    def after(public: bool) -> bool:
        deployer.push({"image": SITE, "service": "web", "allow_unauthenticated": public})
        assert last(cloud)["public"] is public
        policy = cloud.services.get_iam_policy({"resource": f"{PARENT}/services/web"})
        return any("allUsers" in binding.members for binding in policy.bindings)

    assert after(public=True)
    assert not after(public=False)
    assert last(cloud)["reason"] == "new_access"
    assert last(cloud)["changed"]
    assert len(cloud.revision_names("web")) == 1


def test_an_organisation_that_forbids_public_services_leaves_the_service(
    cloud: Cloud, deployer: Function
) -> None:
    cloud.run.behaviour.public_allowed = False

    assert deployer.push({"image": SITE, "service": "web", "allow_unauthenticated": True}) == 200

    told = last(cloud)
    assert told["type"] == "dev.transship.deployed.v1"
    assert told["public"] is False
    assert "stays private" in told["detail"]


def test_a_permission_that_is_missing_for_access_alone_leaves_the_service(
    cloud: Cloud, deployer: Function
) -> None:
    cloud.run.inject(Fault(method="SetIamPolicy", code=grpc.StatusCode.PERMISSION_DENIED))

    assert deployer.push({"image": SITE, "service": "web", "allow_unauthenticated": True}) == 200

    told = last(cloud)
    assert (told["type"], told["public"]) == ("dev.transship.deployed.v1", False)
    assert "run.services.setIamPolicy" in told["detail"]


def test_an_image_that_never_becomes_ready_is_a_failed_outcome(
    cloud: Cloud, deployer: Function
) -> None:
    deployer.push({"image": SITE, "service": "web"})
    serving = last(cloud)["revision"]
    broken = images.static_site("broken")
    cloud.hub.push(SITE, "latest", broken)
    child = broken.child(images.AMD64).digest
    cloud.run.behaviour.unhealthy_images.add(f"{world.MIRROR}/{SITE}@{child}")

    assert deployer.push({"image": SITE, "service": "web"}) == 200

    told = last(cloud)
    assert told["type"] == "dev.transship.failed.v1"
    assert told["child_digest"] == child
    assert told["condition"] == "HEALTH_CHECK_CONTAINER_ERROR"
    assert "failed to start and listen" in told["message"]
    assert told["revision"] in told["log_url"]
    assert told["serving"] == serving
    assert told["revision"] != serving


def test_a_failure_is_repeated_to_a_redelivery_and_tried_again_by_a_new_message(
    cloud: Cloud, deployer: Function
) -> None:
    child = images.static_site("one").child(images.AMD64).digest
    cloud.run.behaviour.unhealthy_images.add(f"{world.MIRROR}/{SITE}@{child}")
    for message_id in ("1", "1"):
        deployer.push({"image": SITE, "service": "web"}, message_id=message_id)
    first, again = (event["data"] for event in cloud.outcomes())
    assert first == again
    assert len(cloud.revision_names("web")) == 1

    cloud.run.behaviour.unhealthy_images.clear()
    deployer.push({"image": SITE, "service": "web"}, message_id="2")

    assert last(cloud)["type"] == "dev.transship.deployed.v1"
    assert len(cloud.revision_names("web")) == 2


def test_a_dry_run_touches_nothing(cloud: Cloud, deployer: Function) -> None:
    message = {"image": SITE, "service": "web", "allow_unauthenticated": True, "dry_run": True}

    assert deployer.push(message) == 200

    told = last(cloud)
    assert told["type"] == "dev.transship.planned.v1"
    assert told["index_digest"] == images.static_site("one").digest
    assert [step.split()[0] for step in told["plan"]] == ["create", "let"]
    assert cloud.writes() == []
    assert list(cloud.mirror.requests) == []


def test_a_dry_run_says_what_would_change(cloud: Cloud, deployer: Function) -> None:
    deployer.push({"image": SITE, "service": "web"})
    message = {"image": SITE, "service": "web", "concurrency": 3, "memory": "1Gi", "dry_run": True}

    deployer.push(message)

    (step,) = last(cloud)["plan"]
    assert "concurrency, memory" in step


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

    assert last(cloud)["type"] == "dev.transship.deployed.v1"
    assert cloud.outcomes()[0]["id"] == "77.outcome"


def test_a_push_without_id_and_time_has_an_id_of_its_own(cloud: Cloud, deployer: Function) -> None:
    data = base64.b64encode(json.dumps({"image": SITE, "service": "web"}).encode()).decode()
    body = json.dumps({"message": {"data": data}}).encode()

    assert [deployer.post(body), deployer.post(body)] == [200, 200]

    assert len({event["id"] for event in cloud.outcomes()}) == 1
    assert cloud.writes() == ["CreateService"]


def test_the_mirrors_own_name_for_an_image_means_the_image(
    cloud: Cloud, deployer: Function
) -> None:
    assert deployer.push({"image": f"{world.MIRROR}/{SITE}:latest", "service": "web"}) == 200

    assert last(cloud)["image"] == f"docker.io/{SITE}:latest"


def test_an_index_that_changed_for_another_platform_makes_no_revision(
    cloud: Cloud, deployer: Function
) -> None:
    ours, other = (images.site("one", platform=each) for each in (images.AMD64, images.ARM64))
    cloud.hub.push(SITE, "latest", images.index(ours, other))
    deployer.push({"image": SITE, "service": "web"})
    changed = images.index(ours, images.site("two", platform=images.ARM64))
    cloud.hub.push(SITE, "latest", changed)

    for _ in range(2):
        deployer.push({"image": SITE, "service": "web"})

    assert len(cloud.revision_names("web")) == 1
    assert [event["data"]["reason"] for event in cloud.outcomes()] == [
        "new_service",
        "other_platform_only",
        "up_to_date",
    ]
    assert [event["data"]["changed"] for event in cloud.outcomes()] == [True, False, False]
    assert last(cloud)["index_digest"] == changed.digest


def test_what_somebody_else_set_back_is_set_again(cloud: Cloud, deployer: Function) -> None:
    """The asked-for hash still says so; who wrote last does not."""
    message = {"image": SITE, "service": "web", "concurrency": 7}
    deployer.push(message)
    service = cloud.service("web")
    service.template.revision = ""
    service.template.max_instance_request_concurrency = 80
    cloud.change(service)
    # A change of the tracking alone does not make the template ours.
    deployer.push({"image": SITE, "service": "web", "track": False})

    deployer.push(message)

    assert cloud.service("web").template.max_instance_request_concurrency == 7
