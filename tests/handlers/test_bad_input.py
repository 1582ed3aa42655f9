"""What can never succeed is acknowledged, told, and changes nothing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from local import world
from tests.fixtures.functions import SITE, Cloud, Function, push_body, running
from tests.handlers.rejections import policy, rejection


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A message, and what its rejection says: the field or rule, and what would be right."""

    message: object
    says: tuple[str, ...]
    error: str = "InvalidEvent"
    rule: str = ""
    settings: dict[str, str] = field(default_factory=dict)


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
