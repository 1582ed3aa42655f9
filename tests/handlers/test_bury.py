"""A dead letter comes to the function that writes it down."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from handlers.payloads import delivery_of
from tests.fixtures.functions import Cloud, Function, push_body, running

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
SOURCE = {
    "CloudPubSubDeadLetterSourceDeliveryCount": "5",
    "CloudPubSubDeadLetterSourceSubscription": "transship-deploy",
    "CloudPubSubDeadLetterSourceSubscriptionProject": "sample-project",
    "CloudPubSubDeadLetterSourceTopicPublishTime": "2026-11-01T12:00:00.000Z",
}


@pytest.fixture
def burier(cloud: Cloud) -> Iterator[Function]:
    with running("bury", cloud.settings()) as function:
        yield function


def entries(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What the function has logged."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_dead_letter_is_one_entry_of_the_log(
    burier: Function, cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    attributes = {**SOURCE, "kind": "deploy"}

    assert burier.push({"image": "nginx"}, message_id="42", attributes=attributes) == 200

    (entry,) = entries(capsys)
    assert entry["message"] == "dead letter"
    assert entry["severity"] == "ERROR", "somebody has to look"
    assert entry["dead_letter"] == "42"
    assert entry["subscription"] == "projects/sample-project/subscriptions/transship-deploy"
    assert entry["published_at"] == "2026-11-01T12:00:00+00:00"
    assert json.loads(entry["text"]) == {"image": "nginx"}
    assert cloud.outcomes() == [], "it is no event of its own"


def test_a_replay_that_dies_again_is_written_down_under_its_own_id(
    burier: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    attributes = {
        **SOURCE,
        "replay_of": "41",
        "first_published": "2026-11-01T06:00:00+00:00",
    }

    burier.push({"image": "nginx"}, message_id="42", attributes=attributes)

    (entry,) = entries(capsys)
    assert entry["dead_letter"] == "42"
    assert entry["attributes"]["replay_of"] == "41"
    assert entry["published_at"] == "2026-11-01T06:00:00+00:00", "the first time, not the last"


def test_bytes_that_are_no_text_are_written_down_too(
    burier: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    assert burier.push(b"\xff\x00", attributes=SOURCE) == 200

    (entry,) = entries(capsys)
    assert base64.b64decode(entry["base64"]) == b"\xff\x00"


def test_a_message_of_ten_megabytes_is_written_down_short(
    burier: Function, capsys: pytest.CaptureFixture[str]
) -> None:
    assert burier.push(b"x" * 10_000_000, attributes=SOURCE) == 200

    (line,) = capsys.readouterr().out.splitlines()
    assert len(line) < 4096
    assert json.loads(line)["size"] == 10_000_000


def test_a_verdict_is_written_down(burier: Function, capsys: pytest.CaptureFixture[str]) -> None:
    verdict = {"dead_letter": "42", "verdict": "replayed", "by": "tester"}

    assert burier.push(verdict, attributes={"dead_letter": "42", "verdict": "replayed"}) == 200

    (entry,) = entries(capsys)
    assert entry["message"] == "dead letter settled"
    assert {key: entry[key] for key in verdict} == verdict


def test_a_verdict_that_is_none_settles_as_rejected(burier: Function, cloud: Cloud) -> None:
    assert burier.push({"verdict": "maybe"}, attributes={"verdict": "maybe"}) == 200

    (event,) = cloud.outcomes()
    assert event["type"] == "dev.transship.rejected.v1"
    assert event["data"]["error"] == "InvalidEvent"


@pytest.mark.parametrize(
    ("first", "published"),
    [
        ("2026-11-01T06:00:00+00:00", datetime(2026, 11, 1, 6, tzinfo=UTC)),
        ("2026-11-30T06:00:00+00:00", NOON),
        ("yesterday", NOON),
    ],
    ids=["earlier", "later", "no time"],
)
def test_a_replay_is_its_dead_letters_event_at_its_first_time(
    first: str, published: datetime
) -> None:
    attributes = {"replay_of": "41", "first_published": first}
    body = push_body(b"{}", message_id="42", published=NOON, attributes=attributes)

    delivery = delivery_of({}, json.dumps(body).encode(), now=NOON)

    assert (delivery.event_id, delivery.message_id) == ("41", "42")
    assert delivery.published_at == published
