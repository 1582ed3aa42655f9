"""Docker Hub's webhook: who may knock, what he may say, and what no log keeps."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from local import world
from local.pubsub.emulator import Emulator
from tests.fixtures.events import event
from tests.fixtures.functions import Function, running
from tests.fixtures.topics import retained

OLD, NEW = "the-old-secret-of-the-webhook", "the-new-secret-of-the-webhook"
HINTS = world.subscription("hints-retained")
PUSHED = event("docker_hub_webhook")


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    function: Function
    pubsub: Emulator

    def post(self, path: str = f"/{NEW}", document: object = PUSHED) -> int:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.function.client.post(path, data=body).status_code

    def hints(self) -> list[dict[str, Any]]:
        return [json.loads(message.data) for message in self.pubsub.backlog(HINTS)]


@pytest.fixture
def pubsub() -> Iterator[Emulator]:
    with Emulator() as pubsub, retained(pubsub.grpc_address, {world.HINTS: HINTS}):
        yield pubsub


def settings(pubsub: Emulator) -> dict[str, str]:
    """All that infra/ gives the function."""
    return {
        "FUNCTION_TARGET": "docker_hub_webhook",
        "TRANSSHIP_PROJECT": world.PROJECT,
        "TRANSSHIP_REGION": world.LOCATION,
        "TRANSSHIP_MIRRORS": f"docker.io={world.MIRROR}",
        "TRANSSHIP_POLICY": json.dumps({"images": ["docker.io/svendowideit/*"]}),
        "TRANSSHIP_HINTS_TOPIC": world.HINTS,
        "TRANSSHIP_WEBHOOK_SECRETS": f"{OLD},{NEW}",
        "PUBSUB_EMULATOR_HOST": pubsub.grpc_address,
    }


@pytest.fixture
def webhook(pubsub: Emulator) -> Iterator[Webhook]:
    with running("docker_hub_webhook", settings(pubsub)) as function:
        yield Webhook(function=function, pubsub=pubsub)


def pushed(repository: str, tag: str = "latest") -> dict[str, Any]:
    return {"push_data": {"tag": tag}, "repository": {"repo_name": repository}}


def test_a_push_becomes_a_hint(webhook: Webhook) -> None:
    assert webhook.post() == 204

    assert webhook.hints() == [
        {"kind": "hint", "image": "docker.io/svendowideit/testhook:latest", "origin": "webhook"}
    ]


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_both_secrets_are_good_while_they_are_exchanged(webhook: Webhook, secret: str) -> None:
    assert webhook.post(f"/{secret}") == 204


@pytest.mark.parametrize(
    "path",
    ["/", "/wrong", f"/{NEW[:-1]}", f"/{NEW}x", f"/{NEW}/", f"/x/{NEW}", f"/{OLD},{NEW}", "/ü"],
)
def test_whoever_does_not_know_the_path_is_told_nothing(webhook: Webhook, path: str) -> None:
    answer = webhook.function.client.post(path, data=json.dumps(PUSHED))

    assert (answer.status_code, answer.data) == (404, b"")
    assert webhook.hints() == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_a_post_is_heard(webhook: Webhook, method: str) -> None:
    assert webhook.function.client.open(f"/{NEW}", method=method).status_code == 404


def test_an_image_that_policy_does_not_allow_is_refused(webhook: Webhook) -> None:
    assert webhook.post(document=pushed("somebody/else")) == 403

    assert webhook.hints() == []


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"\xff",
        b"[" * 60_000,
        {},
        {"push_data": {"tag": 1}, "repository": {"repo_name": "svendowideit/x"}},
        pushed("svendowideit/x:1"),
        pushed(f"svendowideit/x@sha256:{'a' * 64}"),
        pushed("svendowideit/x", ""),
        pushed("svendowideit/x", "latest\n"),
        pushed("svendowideit/x", f"latest@sha256:{'a' * 64}"),
        pushed("https://svendowideit/x"),
    ],
)
def test_a_payload_that_names_no_tag_is_refused(webhook: Webhook, document: object) -> None:
    assert webhook.post(document=document) in {400, 403}

    assert webhook.hints() == []


def test_a_host_in_the_name_is_a_namespace_of_docker_hub(webhook: Webhook) -> None:
    assert webhook.post(document=pushed("evil.example.com/svendowideit/x")) == 403


def test_a_body_beyond_the_limit_is_not_read(webhook: Webhook) -> None:
    assert webhook.post(document=b"x" * (64 * 1024 + 1)) == 413


def test_a_tag_gets_one_hint_a_minute(webhook: Webhook) -> None:
    answers = [webhook.post() for _ in range(3)]
    webhook.post(document=pushed("svendowideit/testhook", "other"))

    assert answers == [204, 204, 204]
    assert [hint["image"].rpartition(":")[2] for hint in webhook.hints()] == ["latest", "other"]


def test_a_hint_that_could_not_be_published_is_published_by_the_next_push(webhook: Webhook) -> None:
    with retained(webhook.pubsub.grpc_address, {}) as publisher:
        publisher.delete_topic(topic=world.HINTS)
    assert webhook.post() == 503

    again = world.subscription("hints-retained-again")
    with retained(webhook.pubsub.grpc_address, {world.HINTS: again}):
        assert webhook.post() == 204
    assert len(webhook.pubsub.backlog(again)) == 1


def test_an_error_of_our_own_is_logged_without_the_secret(
    pubsub: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # Without credentials no client can be made, which is not among the errors that we know: the
    # framework logs it, and with it the path.
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/credentials.json")
    unable = settings(pubsub) | {"PUBSUB_EMULATOR_HOST": ""}
    with running("docker_hub_webhook", unable) as function:
        assert Webhook(function=function, pubsub=pubsub).post() == 500

    written = caplog.text + "".join(capfd.readouterr())
    assert "Exception on / [POST]" in written
    assert NEW not in written


def test_a_refusal_is_logged_without_the_secret(
    webhook: Webhook, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    webhook.post(document=pushed("somebody/else"))

    written = caplog.text + "".join(capfd.readouterr())
    assert "request refused" in written
    assert NEW not in written
