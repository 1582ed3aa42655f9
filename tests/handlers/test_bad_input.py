"""What can never succeed is acknowledged, told, and changes nothing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.cloud import run_v2

from local import images, world
from local.manifests import Image, Manifest
from local.registry.faults import Fault as RegistryFault
from local.run.behaviour import Fault as RunFault
from tests.fixtures.functions import SITE, Cloud, Function, push_body, running

OTHER = f"{world.MIRROR}/dockersamples/static-site:latest"


def rejection(cloud: Cloud, event_id: str = "") -> dict[str, Any]:
    """The one outcome there is, or there is of an event, after nothing was written."""
    (event,) = (e for e in cloud.outcomes() if event_id in ("", e["data"]["event_id"]))
    assert event["type"] == "dev.transship.rejected.v1"
    assert cloud.writes() == []
    data: dict[str, Any] = event["data"]
    return data


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A message, and what its rejection says: the field or rule, and what would be right."""

    message: object
    says: tuple[str, ...]
    error: str = "InvalidEvent"
    rule: str = ""
    settings: dict[str, str] = field(default_factory=dict)


def policy(**rules: Any) -> dict[str, str]:
    return {"TRANSSHIP_POLICY": json.dumps(rules)}


MESSAGES = {
    "not JSON": Bad(message=b"{nope", says=("not JSON", "byte 1")),
    "empty": Bad(message=b"", says=("empty", '{"image": "nginx:1.27"}')),
    "a list": Bad(message=[1], says=("Expected `object`, got `array` - at `$`",)),
    "null": Bad(message=None, says=("Expected `object`, got `null` - at `$`",)),
    "a string": Bad(message="nginx", says=("Expected `object`, got `str` - at `$`",)),
    "bytes": Bad(message=b"\xff\xfe\x00\x01", says=("not JSON",)),
    "deep": Bad(message=b"[" * 100_000, says=("not JSON",)),
    "enormous": Bad(message={"image": "x" * 300_000}, says=("bytes, over 262144",)),
    "no image": Bad(message={"service": "web"}, says=("missing required field `image`",)),
    "a wrong type": Bad(message={"image": 5}, says=("Expected `str`, got `int` - at `$.image`",)),
    "null for absent": Bad(
        message={"image": SITE, "port": None}, says=("got `null` - at `$.port`", "int")
    ),
    "an unknown field": Bad(
        message={"image": SITE, "enviroment": {}}, says=("unknown field `enviroment`",)
    ),
    "a misspelt field": Bad(
        message={"image": SITE, "prot": 80}, says=("unknown field `prot`", "did you mean `port`?")
    ),
    "an unknown kind": Bad(message={"kind": "deplyo"}, says=("'deplyo'", "deploy", "`$.kind`")),
    "a port out of range": Bad(message={"image": SITE, "port": 65536}, says=("65535", "`$.port`")),
    "a reserved label": Bad(
        message={"image": SITE, "labels": {"transship-part": "x"}},
        says=("transship's own", "`$.labels`"),
    ),
    "both ways to give variables": Bad(
        message={"image": SITE, "env_vars": {"A": "1"}, "update_env_vars": {"B": "2"}},
        says=("replaces", "`$.env_vars`"),
    ),
    "a request from the future": Bad(
        message={"image": SITE, "requested_at": "2999-01-01T00:00:00Z"},
        says=("later than the message", "`$.requested_at`"),
    ),
    "an impossible reference": Bad(message={"image": "nginx:"}, says=("tag", "`$.image`")),
    "an impossible service": Bad(
        message={"image": SITE, "service": "Web_1"}, says=("'Web_1'", "right", "`$.service`")
    ),
    "an unknown image": Bad(
        message={"image": "nobody/nothing"},
        # Docker Hub does not tell the two apart.
        says=("docker.io/nobody/nothing does not exist on Docker Hub, or is private", "401"),
        error="AccessDenied",
    ),
    "an unknown tag": Bad(
        message={"image": f"{SITE}:v9"},
        says=("static-site has no tag v9 on Docker Hub", f"`transship tags {SITE}`"),
        error="ImageNotFound",
    ),
    "an unknown digest": Bad(
        message={"image": f"{SITE}@sha256:{'0' * 64}"}, says=("0000",), error="ImageNotFound"
    ),
    "another registry": Bad(
        message={"image": "ghcr.io/someone/thing"},
        says=("ghcr.io", "docker.io"),
        error="NoMirror",
        settings=policy(images=["**"]),
    ),
    "an image that policy does not list": Bad(
        message={"image": SITE},
        says=("static-site", "docker.io/library/*"),
        error="Refused",
        rule="policy.images",
        settings=policy(images=["docker.io/library/*"]),
    ),
    "another project": Bad(
        message={"image": SITE, "project": "somebody-elses"},
        says=("somebody-elses", "sample-project"),
        error="Refused",
        rule="policy.targets",
    ),
    "a runtime account that policy does not list": Bad(
        message={"image": SITE, "service_account": "owner@sample-project.iam.gserviceaccount.com"},
        says=("owner@",),
        error="Refused",
        rule="policy.runtime_accounts",
    ),
    "public where policy does not allow it": Bad(
        message={"image": SITE, "allow_unauthenticated": True},
        says=("static-site may not be public", "allow_unauthenticated: false"),
        error="Refused",
        rule="policy.public",
        settings=policy(),
    ),
    "more memory than the cap": Bad(
        message={"image": SITE, "memory": "64Gi"},
        says=("64Gi", "4Gi"),
        error="Refused",
        rule="policy.caps.memory",
    ),
    "too large an image": Bad(
        message={"image": SITE},
        says=("1000",),
        error="ImageTooLarge",
        settings={"TRANSSHIP_MAX_IMAGE_BYTES": "1000"},
    ),
}


@pytest.fixture(scope="module")
def unmoved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One for all that changes nothing."""
    with Cloud(tmp_path_factory.mktemp("unmoved")) as cloud:
        yield cloud


@pytest.mark.parametrize("name", MESSAGES)
def test_a_bad_message_is_acknowledged_told_and_changes_nothing(unmoved: Cloud, name: str) -> None:
    bad = MESSAGES[name]
    with running("deploy_image", unmoved.settings(**bad.settings)) as deployer:
        assert deployer.push(bad.message, message_id=name) == 200

    told = rejection(unmoved, name)
    assert told["error"] == bad.error
    assert told.get("rule", "") == bad.rule
    assert [part for part in bad.says if part not in told["reason"]] == []


def test_a_rejection_says_what_the_message_was_about(cloud: Cloud, deployer: Function) -> None:
    deployer.push({"image": f"{SITE}:v9", "service": "web"}, message_id="77")

    (event,) = cloud.outcomes()
    assert event["id"] == "77.outcome"
    assert event["subject"] == f"projects/{world.PROJECT}/locations/{world.LOCATION}/services/web"
    assert event["data"]["image"] == f"docker.io/{SITE}:v9"


def test_attributes_alone_are_no_message(cloud: Cloud, deployer: Function) -> None:
    assert deployer.push(b"", attributes={"image": "nginx"}) == 200

    assert "the message is empty" in rejection(cloud)["reason"]


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


BODIES = {
    "empty": b"",
    "not JSON": b"{nope",
    "a list": b"[1]",
    "an object": b"{}",
    "bytes": b"\x00\xff",
    "no base64": json.dumps({"message": {"messageId": "1", "data": "%%%"}}).encode(),
    "no message": json.dumps({"message": None}).encode(),
    "a wrong type": json.dumps({"message": {"data": 5}}).encode(),
}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/cloudevents+json"},
        {"ce-id": "1", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0"},
        {"ce-id": "1"},
    ],
    ids=["raw", "text", "structured", "binary", "half binary"],
)
def test_a_request_that_is_no_push_is_acknowledged_and_told(
    cloud: Cloud, deployer: Function, headers: dict[str, str]
) -> None:
    assert {name: deployer.post(body, headers) for name, body in BODIES.items()} == dict.fromkeys(
        BODIES, 200
    )

    told = [event["data"]["reason"] for event in cloud.outcomes()]
    assert len(told) == len(BODIES)
    assert [reason for reason in told if "not a Pub/Sub push" not in reason] == []
    assert cloud.writes() == []


def test_a_request_that_is_too_large_is_not_read(cloud: Cloud, deployer: Function) -> None:
    body = json.dumps(push_body(b" " * 13 * 1024 * 1024)).encode()

    assert deployer.post(body) == 200

    assert "over" in rejection(cloud)["reason"]
