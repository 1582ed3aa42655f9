"""Images that cannot run, permissions that are missing, and services that are not ours."""

import json
from typing import Any

import grpc
import pytest
from google.cloud import run_v2

from local import images, world
from local.manifests import Image, Manifest
from local.registry.faults import Fault as RegistryFault
from local.run.behaviour import Fault as RunFault
from tests.fixtures.functions import SITE, Cloud, Function, running
from tests.handlers.rejections import policy, rejection

OTHER = f"{world.MIRROR}/dockersamples/static-site:latest"


def schema_1() -> Image:
    document = {"schemaVersion": 1, "name": SITE, "tag": "old", "fsLayers": [], "history": []}
    media_type = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    return Image(root=Manifest(media_type=media_type, content=json.dumps(document).encode()))


@pytest.mark.parametrize(
    ("image", "error", "says"),
    [
        (
            images.index(images.site("arm", platform=images.ARM64)),
            "PlatformMissing",
            ("linux/amd64", "linux/arm64"),
        ),
        (images.site("arm", platform=images.ARM64), "PlatformMissing", ("linux/amd64",)),
        (schema_1(), "InvalidManifest", ("manifest.v1+prettyjws",)),
    ],
    ids=["an index without the platform", "another platform alone", "schema 1"],
)
def test_an_image_that_cannot_run_is_never_deployed(
    cloud: Cloud, deployer: Function, image: Image, error: str, says: tuple[str, ...]
) -> None:
    cloud.hub.push(SITE, "odd", image)

    assert deployer.push({"image": f"{SITE}:odd"}) == 200

    told = rejection(cloud)
    assert told["error"] == error
    assert [part for part in says if part not in told["reason"]] == []


def test_a_media_type_that_lies_is_never_deployed(cloud: Cloud, deployer: Function) -> None:
    lie = {"Content-Type": images.DOCKER.manifest}
    cloud.mirror.faults.add(RegistryFault(path="/manifests/sha256", headers=lie))

    assert deployer.push({"image": SITE}) == 200

    assert rejection(cloud)["error"] == "InvalidManifest"


def test_a_digest_that_lies_is_never_deployed(cloud: Cloud, deployer: Function) -> None:
    lie = {"Docker-Content-Digest": f"sha256:{'0' * 64}"}
    cloud.hub.faults.add(RegistryFault(method="HEAD", path="/manifests/", headers=lie))

    assert deployer.push({"image": SITE}) == 200

    assert rejection(cloud)["error"] == "ImageNotFound"


def test_a_reader_that_the_mirror_does_not_know_is_told_the_grant(
    cloud: Cloud, deployer: Function
) -> None:
    cloud.mirror.readers.clear()

    assert deployer.push({"image": SITE}) == 200

    told = rejection(cloud)
    assert told["error"] == "AccessDenied"
    assert "artifactregistry" in told["reason"]


def test_a_deployer_without_permission_is_told_the_grants(cloud: Cloud, deployer: Function) -> None:
    denied = grpc.StatusCode.PERMISSION_DENIED
    cloud.run.inject(RunFault(method="CreateService", code=denied))

    assert deployer.push({"image": SITE}) == 200

    (event,) = cloud.outcomes()
    assert event["data"]["error"] == "AccessDenied"
    assert "roles/run.developer" in event["data"]["reason"]
    assert list(cloud.services.list_services(parent=PARENT)) == []


PARENT = f"projects/{world.PROJECT}/locations/{world.LOCATION}"


def somebodys(**fields: Any) -> run_v2.Service:
    template = run_v2.RevisionTemplate(containers=[run_v2.Container(image=OTHER)])
    return run_v2.Service(template=template, **fields)


@pytest.fixture
def others(cloud: Cloud) -> Cloud:
    """With a service `web` that somebody else made, of the same image."""
    cloud.mirror.remote(world.REMOTE).manifest(SITE, "latest", head=False)
    cloud.make_service("web", somebodys())
    return cloud


def test_a_service_of_others_is_refused(others: Cloud, deployer: Function) -> None:
    assert deployer.push({"image": SITE, "service": "web"}) == 200

    (event,) = others.outcomes()
    assert event["data"]["rule"] == "adopt"
    assert '"adopt": true' in event["data"]["reason"]
    assert others.writes() == ["CreateService"], "only the one that made it"


def test_adoption_needs_a_policy(others: Cloud) -> None:
    with running("deploy_image", others.settings(**policy())) as deployer:
        assert deployer.push({"image": SITE, "service": "web", "adopt": True}) == 200

    (event,) = others.outcomes()
    assert event["data"]["rule"] == "policy.adopt"
    assert others.writes() == ["CreateService"]


@pytest.mark.parametrize(
    "fields",
    [
        {"build_config": run_v2.BuildConfig(function_target="hello")},
        {"labels": {"transship-part": "deploy_image"}},
        {"labels": {"goog-managed-by": "cloudfunctions"}},
    ],
    ids=["a function", "a part of transship", "another product's"],
)
def test_what_is_no_ordinary_service_is_never_a_target(
    cloud: Cloud, deployer: Function, fields: dict[str, Any]
) -> None:
    cloud.make_service("web", somebodys(**fields))

    assert deployer.push({"image": SITE, "service": "web", "adopt": True}) == 200

    (event,) = cloud.outcomes()
    assert event["type"] == "dev.transship.rejected.v1"
    assert event["data"]["rule"]
    assert cloud.writes() == ["CreateService"]
