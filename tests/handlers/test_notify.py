"""Outcomes told to people's tools: each destination hears, fails and is tried again alone."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local import world
from tests.fixtures.functions import Cloud, Function, running
from tests.fixtures.receiver import Receiver, receiver
from tests.fixtures.stage import eventually

__all__ = ["receiver"]

NOTICES = world.subscription("notices")
DESTINATIONS = [
    {"name": "ops", "kind": "slack", "url": "https://hooks.slack.com/services/x"},
    {
        "name": "audit",
        "kind": "webhook",
        "url": "https://hooks.example/in",
        "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "types": ["deployed", "failed", "unchanged"],
    },
    {"name": "prod", "kind": "slack", "url": "https://hooks.slack.com/y", "services": ["prod-*"]},
    {
        "name": "elsewhere",
        "kind": "slack",
        "url": "https://elsewhere.example/z",
        "services": ["nothing"],
    },
]


@pytest.fixture
def other() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def notify(cloud: Cloud, receiver: Receiver, other: Receiver) -> Iterator[Function]:
    cloud.topics.create_topic(name=world.NOTICES)
    cloud._subscriber.create_subscription(name=NOTICES, topic=world.NOTICES)
    settings = cloud.settings(
        TRANSSHIP_NOTICES_TOPIC=world.NOTICES,
        TRANSSHIP_NOTIFY=json.dumps(DESTINATIONS),
        TRANSSHIP_LOCAL_HOSTS=f"hooks.slack.com={receiver.url},hooks.example={receiver.url},"
        f"elsewhere.example={other.url}",
        TRANSSHIP_LOCAL_ACCOUNT=world.account("transship-notify"),
    )
    with running("notify", settings) as function:
        yield function


def outcome(kind: str = "deployed", **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "1.outcome",
        "source": "//transship.dev/projects/sample-project",
        "type": f"dev.transship.{kind}.v1",
        "time": "2026-01-01T00:00:00+00:00",
        "data": {"event_id": "1", "service": "web", "changed": True, **data},
    }


def notices(cloud: Cloud) -> dict[str, dict[str, Any]]:
    """By destination."""
    waiting = cloud.pubsub.backlog(NOTICES)
    return {each.attributes["destination"]: json.loads(each.data) for each in waiting}


def test_an_outcome_becomes_a_notice_for_each_that_wants_it(
    cloud: Cloud, notify: Function, receiver: Receiver
) -> None:
    assert notify.push(outcome()) == 200

    assert set(notices(cloud)) == {"ops", "audit"}
    # Nobody has been waited for yet.
    assert receiver.got == []


@pytest.mark.parametrize(
    ("event", "wanted"),
    [
        (outcome(changed=False), set()),
        (outcome("unchanged"), {"audit"}),
        (outcome("steered"), set()),
        (outcome("failed", service="prod-web"), {"ops", "audit", "prod"}),
    ],
)
def test_each_hears_what_it_wants(
    cloud: Cloud, notify: Function, event: dict[str, Any], wanted: set[str]
) -> None:
    notify.push(event)

    assert set(notices(cloud)) == wanted


def test_a_notice_is_sent_with_all_of_the_outcome(
    cloud: Cloud, notify: Function, receiver: Receiver
) -> None:
    notify.push(outcome())
    notice = notices(cloud)["audit"]

    assert notify.push(notice, attributes={"destination": "audit"}) == 200

    [(_, headers, body)] = receiver.got
    assert json.loads(body) == outcome()
    assert headers["webhook-id"] == "1.outcome"


def test_one_that_is_down_is_tried_again_alone(
    cloud: Cloud, notify: Function, receiver: Receiver
) -> None:
    notify.push(outcome())
    found = notices(cloud)

    receiver.status = 503
    assert notify.push(found["ops"], attributes={"destination": "ops"}) == 503
    receiver.status = 200
    assert notify.push(found["audit"], attributes={"destination": "audit"}) == 200

    assert [path for path, _, _ in receiver.got] == ["/services/x", "/in"]


def test_one_that_is_slow_delays_neither_another_nor_what_comes_next(
    cloud: Cloud, notify: Function, receiver: Receiver, other: Receiver
) -> None:
    receiver.held.clear()
    ops = {"destination": "ops", "event": outcome()}
    elsewhere = {"destination": "elsewhere", "event": outcome()}

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(notify.push, ops, attributes={"destination": "ops"})
        eventually(lambda: bool(receiver.got), "the slow one is asked")

        assert notify.push(elsewhere, attributes={"destination": "elsewhere"}) == 200
        assert notify.push(outcome("failed")) == 200

        assert len(other.got) == 1
        assert "ops" in notices(cloud)
        assert not slow.done()
        receiver.held.set()
        assert slow.result(10) == 200


def test_one_that_refuses_for_good_is_not_asked_again(
    cloud: Cloud, notify: Function, receiver: Receiver
) -> None:
    receiver.status = 410
    notice = {"destination": "ops", "event": outcome()}

    assert notify.push(notice, attributes={"destination": "ops"}) == 200
    assert len(receiver.got) == 1


def test_a_destination_that_was_taken_out_is_forgotten(
    notify: Function, receiver: Receiver
) -> None:
    notice = {"destination": "gone", "event": outcome()}

    assert notify.push(notice, attributes={"destination": "gone"}) == 200
    assert receiver.got == []


@pytest.mark.parametrize("data", [b"", b"{}", b"[1]", b"\xff", b'{"id": 1}'])
@pytest.mark.parametrize("attributes", [{}, {"destination": "ops"}], ids=["outcome", "notice"])
def test_what_is_no_outcome_goes_no_further(
    cloud: Cloud, notify: Function, data: bytes, attributes: dict[str, str]
) -> None:
    assert notify.push(data, attributes=attributes) == 200

    # Above all no outcome, which would come back here.
    assert cloud.outcomes() == []
    assert notices(cloud) == {}
