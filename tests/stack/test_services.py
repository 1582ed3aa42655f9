"""What kinds of images and services there are, with real containers behind them."""

import json

import pytest
from google.cloud import run_v2

from local import images, world
from local.manifests import Image, Manifest
from local.registry.faults import Fault as RegistryFault
from local.run import host_platform
from tests.fixtures.operations import finished
from tests.fixtures.stage import Stage

pytestmark = pytest.mark.stack

OTHER = images.ARM64 if host_platform() == images.AMD64 else images.AMD64


def test_two_services_listen_on_the_same_port(stage: Stage) -> None:
    one, two = stage.fresh(), stage.fresh()
    ids = [stage.publish(web.message(allow_unauthenticated=True)) for web in (one, two)]

    pages = [stage.page(stage.outcome(event_id)["url"])[1] for event_id in ids]

    assert one.service in pages[0]
    assert two.service in pages[1]
    assert {
        stage.service(web).template.containers[0].ports[0].container_port for web in (one, two)
    } == {80}


def test_a_single_manifest_becomes_a_page(stage: Stage) -> None:
    image = images.site("single", platform=host_platform(), form=images.DOCKER)
    web = stage.fresh(image)

    told = stage.settle(web.message(allow_unauthenticated=True))

    assert told["child_digest"] == image.digest
    assert "single" in stage.page(told["url"])[1]


def test_a_container_is_given_what_the_message_names(stage: Stage) -> None:
    web = stage.fresh()

    told = stage.settle(
        web.message(allow_unauthenticated=True, port=8081, env_vars={"GREETING": "good morning"})
    )

    environment = stage.page(told["url"], "/cgi-bin/env")[1]
    assert "PORT=8081" in environment
    assert "GREETING=good morning" in environment
    assert f"K_REVISION={told['revision']}" in environment


def test_a_service_is_private_until_it_is_asked_to_be_public(stage: Stage) -> None:
    web = stage.fresh()
    url = stage.settle(web.message())["url"]
    assert stage.page(url)[0] == 403

    assert stage.settle(web.message(allow_unauthenticated=True))["public"] is True
    assert stage.page(url)[0] == 200

    assert stage.settle(web.message(allow_unauthenticated=False))["public"] is False
    assert stage.page(url)[0] == 403
    assert len(stage.revisions(web)) == 1


def test_an_organisation_that_forbids_public_services_leaves_it_private(stage: Stage) -> None:
    web = stage.fresh()
    stage.run.behaviour.public_allowed = False
    try:
        told = stage.settle(web.message(allow_unauthenticated=True))
    finally:
        stage.run.behaviour.public_allowed = True

    assert (told["type"], told["public"]) == ("deployed", False)
    assert "organization policy" in told["detail"]
    assert stage.page(told["url"])[0] == 403


@pytest.mark.parametrize(
    "broken", [images.exits_at_start(), images.never_listens()], ids=["exits", "never listens"]
)
def test_traffic_stays_where_it_was_when_a_container_does_not_come_up(
    stage: Stage, broken: Image
) -> None:
    web = stage.fresh()
    before = stage.settle(web.message(allow_unauthenticated=True))
    stage.hub.push(web.repository, "latest", broken)
    patience, stage.run.behaviour.startup_limit = stage.run.behaviour.startup_limit, 1.0
    try:
        told = stage.settle(web.message())
    finally:
        stage.run.behaviour.startup_limit = patience

    assert told["type"] == "failed"
    assert told["condition"] == "HEALTH_CHECK_CONTAINER_ERROR"
    assert "failed to start and listen" in told["message"]
    assert told["log_url"]
    assert (told["serving"], told["revision"]) == (before["revision"], stage.revisions(web)[0])
    assert web.service in stage.page(before["url"])[1]


def test_pinned_traffic_is_held_and_reported(stage: Stage) -> None:
    web = stage.fresh()
    before = stage.settle(web.message(allow_unauthenticated=True))
    service = stage.service(web)
    kind = run_v2.TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION
    service.traffic = [run_v2.TrafficTarget(type_=kind, revision=before["revision"], percent=100)]
    stage.change(service)
    stage.hub.push(web.repository, "latest", images.static_site("moved"))

    told = stage.settle(web.message())

    assert (told["type"], told["reason"]) == ("unchanged", "operator_hold")
    assert web.service in stage.page(before["url"])[1]


def test_a_service_of_others_is_left_alone_until_it_is_adopted(stage: Stage) -> None:
    web = stage.fresh()
    stage.mirror.remote(world.REMOTE).manifest(web.repository, "latest", head=False)
    container = run_v2.Container(
        image=f"{world.MIRROR}/{web.repository}:latest",
        env=[run_v2.EnvVar(name="OWNER", value="them")],
        ports=[run_v2.ContainerPort(container_port=8088)],
    )
    theirs = run_v2.Service(template=run_v2.RevisionTemplate(containers=[container]))
    finished(
        stage.services.create_service(
            parent=web.full_name.rpartition("/services/")[0], service=theirs, service_id=web.service
        )
    )

    refused = stage.settle(web.message())
    assert (refused["type"], refused["rule"]) == ("rejected", "adopt")
    assert len(stage.revisions(web)) == 1

    adopted = stage.settle(web.message(adopt=True, allow_unauthenticated=True))
    assert adopted["type"] == "deployed"
    environment = stage.page(adopted["url"], "/cgi-bin/env")[1]
    assert "OWNER=them" in environment
    assert "PORT=8088" in environment


def test_a_dry_run_touches_nothing(stage: Stage) -> None:
    web = stage.fresh()

    told = stage.settle(web.message(dry_run=True, allow_unauthenticated=True))

    assert told["type"] == "planned"
    assert len(told["plan"]) == 2
    assert stage.writes(web) == []
    assert not any(web.repository in seen.path for seen in stage.mirror.requests)


def schema_1() -> Image:
    document = {"schemaVersion": 1, "name": "x", "tag": "old", "fsLayers": [], "history": []}
    media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    return Image(root=Manifest(media_type=media_type, content=json.dumps(document).encode()))


@pytest.mark.parametrize(
    ("image", "error"),
    [
        (images.index(images.site("other", platform=OTHER)), "PlatformMissing"),
        (schema_1(), "InvalidManifest"),
    ],
    ids=["no platform of ours", "schema 1"],
)
def test_an_image_that_cannot_run_is_rejected(stage: Stage, image: Image, error: str) -> None:
    web = stage.fresh(image)

    told = stage.settle(web.message())

    assert (told["type"], told["error"]) == ("rejected", error)
    assert stage.writes(web) == []


def test_a_digest_that_lies_is_rejected(stage: Stage) -> None:
    web = stage.fresh()
    lie = {"Docker-Content-Digest": f"sha256:{'0' * 64}"}
    stage.hub.faults.add(RegistryFault(method="HEAD", path=web.repository, headers=lie))

    told = stage.settle(web.message())

    assert (told["type"], told["error"]) == ("rejected", "ImageNotFound")
    assert stage.writes(web) == []


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"{nope", "not JSON"),
        (b"", "empty"),
        (b"\xff\x00", "not JSON"),
        (b"[1]", "`$`"),
        (b'{"image": 5}', "`$.image`"),
    ],
)
def test_what_is_no_message_is_rejected(stage: Stage, data: bytes, says: str) -> None:
    # Pub/Sub takes no message without data and attributes.
    told = stage.outcome(stage.publish(data, attributes={"from": "a test"}))

    assert told["type"] == "rejected"
    assert says in told["reason"]
