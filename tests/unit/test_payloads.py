"""What was delivered: an id, bytes, attributes and a time, whoever wrapped them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.datastructures import Headers

from handlers.payloads import BODY_LIMIT, Delivery, delivery_of
from transship.errors import InvalidEvent

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
MESSAGE = {
    "messageId": "77",
    "data": "aGVsbG8=",
    "attributes": {"a": "b"},
    "publishTime": "2026-11-24T11:59:00.123Z",
}


def delivered(message: dict[str, Any], **push: Any) -> Delivery:
    return delivery_of({}, json.dumps({"message": message, **push}).encode(), now=NOW)


def test_a_push_is_unwrapped() -> None:
    told = delivered(MESSAGE, subscription="projects/p/subscriptions/s", deliveryAttempt=3)

    assert (told.event_id, told.data, told.attributes) == ("77", b"hello", {"a": "b"})
    assert told.published_at == datetime(2026, 11, 24, 11, 59, 0, 123000, tzinfo=UTC)
    assert (told.subscription, told.attempt) == ("projects/p/subscriptions/s", 3)


def test_what_pub_sub_adds_later_is_ignored() -> None:
    assert delivered({**MESSAGE, "new": 1}, other={}).data == b"hello"


def test_a_message_may_have_no_data() -> None:
    assert delivered({"messageId": "77", "attributes": {"a": "b"}}).data == b""


def test_a_message_without_id_and_time_is_given_both_and_always_the_same_id() -> None:
    one, same = delivered({"data": "aGVsbG8="}), delivered({"data": "aGVsbG8="})

    assert one == same
    assert one.published_at == NOW
    assert one.event_id.startswith("body-")
    assert delivered({"data": "aGVsbG8h"}).event_id != one.event_id


def test_a_dead_letter_keeps_the_time_of_its_first_publication() -> None:
    first = "2026-11-20T08:00:00Z"
    attributes = {"CloudPubSubDeadLetterSourceTopicPublishTime": first}

    replayed = delivered({**MESSAGE, "attributes": attributes})

    assert replayed.published_at == datetime(2026, 11, 20, 8, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "", (NOW + timedelta(days=1)).isoformat()])
def test_a_first_publication_that_cannot_be_is_ignored(text: str) -> None:
    attributes = {"CloudPubSubDeadLetterSourceTopicPublishTime": text}

    told = delivered({**MESSAGE, "attributes": attributes})

    assert told.published_at == delivered(MESSAGE).published_at


@pytest.mark.parametrize("size", [0, 1])
def test_a_body_has_a_limit(size: int) -> None:
    body = json.dumps({"message": MESSAGE}).encode()
    body += b" " * (BODY_LIMIT - len(body) + size)
    if not size:
        assert delivery_of({}, body, now=NOW).data == b"hello"
        return
    with pytest.raises(InvalidEvent, match=f"{BODY_LIMIT + 1} bytes, over {BODY_LIMIT}"):
        delivery_of({}, body, now=NOW)


def test_a_binary_event_is_told_by_its_headers_in_any_case() -> None:
    headers = {"Ce-Id": "5", "CE-SOURCE": "s", "ce-type": "t", "Ce-Specversion": "1.0"}
    body = json.dumps({"message": {"data": "aGVsbG8="}}).encode()

    assert delivery_of(Headers(headers), body, now=NOW).event_id == "5"
