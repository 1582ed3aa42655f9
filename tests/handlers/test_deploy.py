"""A message becomes a service: what is deployed, and what it costs to say it twice."""

from local import images, world
from tests.fixtures.functions import SITE, Cloud, Function


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

    assert cloud.last()["type"] == "dev.transship.deployed.v1"
    assert (cloud.last()["changed"], cloud.last()["reason"]) == (False, "up_to_date")
    assert cloud.writes() == ["CreateService"]
    assert len(cloud.asked_of_mirror("GET")) == pulled, "what is proved is not pulled again"


def test_a_moved_tag_is_deployed_by_the_next_message(cloud: Cloud, deployer: Function) -> None:
    deployer.push({"image": SITE, "service": "web"})
    moved = images.static_site("two")
    cloud.hub.push(SITE, "latest", moved)

    deployer.push({"image": SITE, "service": "web"})

    assert cloud.last()["child_digest"] == moved.child(images.AMD64).digest
    assert cloud.last()["reason"] == "new_image"
    # The mirror's own tag is an hour old at most, and says so.
    assert cloud.last()["mirror_agrees"] is False
    assert len(cloud.revision_names("web")) == 2


def test_a_digest_is_deployed_and_not_tracked(cloud: Cloud, deployer: Function) -> None:
    digest = images.static_site("one").digest

    assert deployer.push({"image": f"{SITE}@{digest}", "service": "web"}) == 200

    assert cloud.last()["index_digest"] == digest
    assert "transship.dev/tracks" not in cloud.service("web").annotations


def test_a_single_manifest_is_deployed(cloud: Cloud, deployer: Function) -> None:
    site = images.site("single", form=images.DOCKER)
    cloud.hub.push(SITE, "single", site)

    assert deployer.push({"image": f"{SITE}:single", "service": "web"}) == 200

    assert cloud.last()["child_digest"] == site.digest
    assert "index_digest" not in cloud.last()


def test_an_image_that_never_becomes_ready_is_a_failed_outcome(
    cloud: Cloud, deployer: Function
) -> None:
    deployer.push({"image": SITE, "service": "web"})
    serving = cloud.last()["revision"]
    broken = images.static_site("broken")
    cloud.hub.push(SITE, "latest", broken)
    child = broken.child(images.AMD64).digest
    cloud.run.behaviour.unhealthy_images.add(f"{world.MIRROR}/{SITE}@{child}")

    assert deployer.push({"image": SITE, "service": "web"}) == 200

    told = cloud.last()
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

    assert cloud.last()["type"] == "dev.transship.deployed.v1"
    assert len(cloud.revision_names("web")) == 2


def test_a_dry_run_touches_nothing(cloud: Cloud, deployer: Function) -> None:
    message = {"image": SITE, "service": "web", "allow_unauthenticated": True, "dry_run": True}

    assert deployer.push(message) == 200

    told = cloud.last()
    assert told["type"] == "dev.transship.planned.v1"
    assert told["index_digest"] == images.static_site("one").digest
    assert [step.split()[0] for step in told["plan"]] == ["create", "let"]
    assert cloud.writes() == []
    assert list(cloud.mirror.requests) == []


def test_a_dry_run_says_what_would_change(cloud: Cloud, deployer: Function) -> None:
    deployer.push({"image": SITE, "service": "web"})
    message = {"image": SITE, "service": "web", "concurrency": 3, "memory": "1Gi", "dry_run": True}

    deployer.push(message)

    (step,) = cloud.last()["plan"]
    assert "concurrency, memory" in step


def test_the_mirrors_own_name_for_an_image_means_the_image(
    cloud: Cloud, deployer: Function
) -> None:
    assert deployer.push({"image": f"{world.MIRROR}/{SITE}:latest", "service": "web"}) == 200

    assert cloud.last()["image"] == f"docker.io/{SITE}:latest"


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
    assert cloud.last()["index_digest"] == changed.digest
