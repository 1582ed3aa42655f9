"""What is written down of a dead letter, and what of it is published again."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transship.errors import InvalidEvent
from transship.model.dead_letter import (
    FIRST_PUBLISHED,
    REPLAY_OF,
    TEXT_LIMIT,
    DeadLetter,
    Judged,
    Verdict,
    decode_judgement,
    identity,
    is_judgement,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
# https://cloud.google.com/pubsub/docs/dead-letter-topics#how_dead_letter_topics_work
SOURCE = {
    "CloudPubSubDeadLetterSourceDeliveryCount": "100",
    "CloudPubSubDeadLetterSourceSubscription": "transship-deploy",
    "CloudPubSubDeadLetterSourceSubscriptionProject": "sample-project",
    "CloudPubSubDeadLetterSourceTopicPublishTime": "2026-11-24T12:00:00.000Z",
}
# A log entry's limit: https://cloud.google.com/logging/quotas#log-limits
ENTRY = 256 * 1024


def letter(data: bytes = b'{"image": "nginx"}', **attributes: str) -> DeadLetter:
    return DeadLetter.of("42", data, {**SOURCE, **attributes}, NOON)


def logged(found: DeadLetter) -> dict[str, Any]:
    """As it comes back from the log: through JSON."""
    fields: dict[str, Any] = json.loads(json.dumps(found.fields()))
    return fields


def test_a_record_says_who_gave_it_up_and_after_how_many_deliveries() -> None:
    fields = letter(kind="deploy").fields()

    assert fields["subscription"] == "projects/sample-project/subscriptions/transship-deploy"
    assert fields["deliveries"] == 100
    assert fields["attributes"] == {"kind": "deploy"}, "its own, and none of Pub/Sub's"


def test_a_message_that_is_text_can_be_read_in_the_log() -> None:
    assert letter().fields()["text"] == '{"image": "nginx"}'


@settings(max_examples=25)
@given(st.binary(max_size=500), st.dictionaries(st.text(min_size=1), st.text(), max_size=5))
def test_what_comes_back_from_the_log_is_what_was_given_up(
    data: bytes, attributes: dict[str, str]
) -> None:
    found = DeadLetter.of("42", data, {**attributes, **SOURCE}, NOON)

    assert DeadLetter.read(logged(found)) == found


@pytest.mark.parametrize("data", [b"x" * TEXT_LIMIT, b"\x00" * TEXT_LIMIT, b"\xff" * TEXT_LIMIT])
def test_the_longest_message_that_is_kept_fits_into_a_log_entry(data: bytes) -> None:
    found = letter(data, note="n" * 1000)

    assert len(json.dumps(found.fields())) < ENTRY
    assert DeadLetter.read(logged(found)) == found


@pytest.mark.parametrize("data", [b"x" * (TEXT_LIMIT + 1), b"x" * 10_000_000])
def test_a_longer_one_is_known_by_its_hash_alone(data: bytes) -> None:
    read = DeadLetter.read(logged(letter(data)))

    assert read is not None
    assert read.data is None
    assert (read.size, read.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def test_attributes_that_do_not_fit_are_not_replayed_by_half() -> None:
    many = {f"key{number}": "v" * 1000 for number in range(90)}
    found = DeadLetter.of("42", b"{}", {**SOURCE, **many}, NOON)

    read = DeadLetter.read(logged(found))

    assert len(json.dumps(found.fields())) < ENTRY
    assert read is not None
    assert read.data is None, "a message without its attributes is another message"


@pytest.mark.parametrize(
    "change",
    [{"text": "another"}, {"sha256": "0" * 64}],
    ids=["text", "hash"],
)
def test_a_record_that_was_changed_is_not_replayed(change: dict[str, str]) -> None:
    read = DeadLetter.read({**logged(letter()), **change})

    assert read is not None
    assert read.data is None


@pytest.mark.parametrize("fields", [{}, {"dead_letter": 5}, {"message": "event settled"}])
def test_other_entries_are_no_dead_letters(fields: dict[str, Any]) -> None:
    assert DeadLetter.read(fields) is None


def test_a_replay_keeps_time_identity_and_attributes() -> None:
    again = letter(kind="deploy", service="web").again()

    assert again == {
        "kind": "deploy",
        "service": "web",
        REPLAY_OF: "42",
        FIRST_PUBLISHED: NOON.isoformat(),
    }


def test_a_replay_that_is_given_up_again_is_still_the_first_one() -> None:
    first = letter().again()
    second = DeadLetter.of("43", b"{}", {**SOURCE, **first}, NOON).again()

    assert second[REPLAY_OF] == "42"
    assert identity("44", second) == "42"


@pytest.mark.parametrize("text", ["", "a/b", "x" * 101, "a\nb", "é"])
def test_an_identity_that_is_none_is_not_taken(text: str) -> None:
    assert identity("44", {REPLAY_OF: text}) == "44"


def test_what_nobody_gave_up_has_no_origin() -> None:
    found = DeadLetter.of("42", b"by hand", {}, NOON + timedelta(hours=1))

    assert (found.subscription, found.deliveries) == ("", 0)


def test_a_verdict_is_told_from_a_dead_letter_that_has_one_among_its_attributes() -> None:
    judged = Judged(dead_letter="42", verdict=Verdict.REPLAYED, by="tester")

    assert is_judgement(judged.attributes)
    assert not is_judgement({**SOURCE, **judged.attributes})


@pytest.mark.parametrize(
    "data",
    [b"", b"\xff", b"[]", b'{"dead_letter": "42"}', b'{"dead_letter": "42", "verdict": "buried"}'],
)
def test_what_is_no_verdict_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidEvent):
        decode_judgement(data)
