"""The forms that a hint comes in, and what is none."""

import json
from typing import Any

import pytest

from local import world
from tests.fixtures.events import event
from tests.fixtures.functions import SITE
from tests.fixtures.refresher import NOW, TAG, Refresher


def test_an_unwrapped_push_is_the_same_hint(refresher: Refresher, follower: str) -> None:
    entry = json.dumps(event("synthetic_audit_head_manifest_by_tag")).encode()
    headers = {
        "X-Goog-Pubsub-Message-Id": "7",
        "X-Goog-Pubsub-Publish-Time": NOW.isoformat(),
        "X-Goog-Pubsub-Subscription-Name": world.subscription("transship-hints"),
    }

    assert refresher.function.post(entry, headers) == 200

    (refreshed,) = refresher.refreshed()
    assert (refreshed["event_id"], refreshed["image"]) == ("7", TAG)


def test_a_structured_cloud_event_is_the_same_hint(refresher: Refresher, follower: str) -> None:
    document = event("synthetic_cloudevent_get_manifest")
    body = json.dumps(document).encode()

    assert (
        refresher.function.post(
            body, {"Content-Type": "application/cloudevents+json; charset=utf-8"}
        )
        == 200
    )

    (refreshed,) = refresher.refreshed()
    assert (refreshed["event_id"], refreshed["image"]) == (document["id"], TAG)


@pytest.mark.parametrize("spelled", [str, str.lower])
def test_a_binary_cloud_event_is_the_same_hint_however_its_extensions_are_spelled(
    refresher: Refresher, follower: str, spelled: Any
) -> None:
    document = event("synthetic_cloudevent_get_manifest")
    body = json.dumps(document.pop("data")).encode()
    headers = {f"ce-{spelled(key)}": value for key, value in document.items()}

    assert refresher.function.post(body, headers) == 200

    (refreshed,) = refresher.refreshed()
    assert (refreshed["event_id"], refreshed["image"]) == (document["id"], TAG)


def test_a_gcr_message_is_the_same_hint(refresher: Refresher, follower: str) -> None:
    image = f"{world.MIRROR}/{SITE}"
    message = {"action": "INSERT", "digest": f"{image}@sha256:0", "tag": f"{image}:latest"}

    assert refresher.hint(message) == 200

    assert [refreshed["origin"] for refreshed in refresher.refreshed()] == ["gcr"]


@pytest.mark.parametrize("data", [b"", b"{}", b'{"image": "nginx"}', b"\xff"])
def test_what_is_no_hint_is_rejected_and_told(refresher: Refresher, data: bytes) -> None:
    assert refresher.function.push(data) == 200

    (outcome,) = refresher.cloud.outcomes()
    assert outcome["data"]["error"] == "InvalidEvent"


def test_pushes_with_duplicated_fields_are_read(refresher: Refresher) -> None:
    body = json.dumps(event("push_with_duplicated_fields")).encode()

    assert refresher.function.post(body) == 200

    (outcome,) = refresher.cloud.outcomes()
    assert outcome["id"] == "message-id.outcome"
