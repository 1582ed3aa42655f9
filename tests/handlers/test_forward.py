"""Eventarc's deliveries, put onto the topic of hints as they came."""

import json
from collections.abc import Iterator

import pytest

from local import world
from local.pubsub.emulator import Emulator
from tests.fixtures.events import event
from tests.fixtures.functions import Function, running
from tests.fixtures.topics import retained

HINTS = world.subscription("hints-retained")
EVENT = event("synthetic_cloudevent_get_manifest")


@pytest.fixture
def pubsub() -> Iterator[Emulator]:
    with (
        Emulator() as pubsub,
        retained(pubsub.grpc_address, {world.HINTS: HINTS, world.OUTCOMES: ""}),
    ):
        yield pubsub


@pytest.fixture
def forwarder(pubsub: Emulator) -> Iterator[Function]:
    settings = {
        "FUNCTION_TARGET": "forward_hints",
        "TRANSSHIP_PROJECT": world.PROJECT,
        "TRANSSHIP_REGION": world.LOCATION,
        "TRANSSHIP_MIRRORS": f"docker.io={world.MIRROR}",
        "TRANSSHIP_HINTS_TOPIC": world.HINTS,
        "TRANSSHIP_OUTCOMES_TOPIC": world.OUTCOMES,
        "PUBSUB_EMULATOR_HOST": pubsub.grpc_address,
    }
    with running("forward_hints", settings) as function:
        yield function


def test_a_binary_event_is_forwarded_as_its_log_entry(
    pubsub: Emulator, forwarder: Function
) -> None:
    headers = {f"ce-{key.lower()}": value for key, value in EVENT.items() if key != "data"}

    assert forwarder.post(json.dumps(EVENT["data"]).encode(), headers) == 200

    (message,) = pubsub.backlog(HINTS)
    assert json.loads(message.data) == EVENT["data"]
    assert dict(message.attributes) == {"origin": "eventarc", "cause": EVENT["id"]}


def test_a_structured_event_is_forwarded_as_its_log_entry(
    pubsub: Emulator, forwarder: Function
) -> None:
    headers = {"Content-Type": "application/cloudevents+json"}

    assert forwarder.post(json.dumps(EVENT).encode(), headers) == 200

    (message,) = pubsub.backlog(HINTS)
    assert json.loads(message.data) == EVENT["data"]


def test_an_event_that_cannot_be_forwarded_is_delivered_again(
    pubsub: Emulator, forwarder: Function
) -> None:
    with retained(pubsub.grpc_address, {}) as publisher:
        publisher.delete_topic(topic=world.HINTS)

    headers = {"Content-Type": "application/cloudevents+json"}
    assert forwarder.post(json.dumps(EVENT).encode(), headers) == 503
