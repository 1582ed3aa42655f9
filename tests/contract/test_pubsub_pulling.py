"""Who pulls: leases, acknowledgements and filters, whoever implements Pub/Sub.

https://cloud.google.com/pubsub/docs/pull
"""

from typing import ClassVar

import pytest
from google.api_core import exceptions

from local.pubsub.emulator import Emulator
from local.pubsub.google_emulator import GoogleEmulator
from tests.fixtures.pubsub import PubSubContract, World


class PullingContract(PubSubContract):
    def test_an_acknowledged_message_is_gone(self, world: World) -> None:
        topic = world.topic()
        subscription = world.subscription(topic)
        message_id = world.publish(topic, b"data", image="nginx")
        received = world.pull(subscription)
        assert (received.message.message_id, received.message.data) == (message_id, b"data")
        assert received.message.attributes == {"image": "nginx"}
        world.subscriber.acknowledge(
            subscription=subscription, ack_ids=[received.ack_id], timeout=5
        )
        assert world.is_empty(subscription)

    def test_a_leased_message_is_not_delivered_to_another(self, world: World) -> None:
        topic = world.topic()
        subscription = world.subscription(topic)
        world.publish(topic, b"data")
        world.pull(subscription)
        assert world.is_empty(subscription)

    def test_a_negative_acknowledgement_brings_the_message_back(self, world: World) -> None:
        topic = world.topic()
        subscription = world.subscription(topic)
        world.publish(topic, b"data")
        first = world.pull(subscription)
        world.subscriber.modify_ack_deadline(
            subscription=subscription, ack_ids=[first.ack_id], ack_deadline_seconds=0, timeout=5
        )
        assert world.pull(subscription).message.message_id == first.message.message_id

    def test_every_subscription_gets_its_own_copy(self, world: World) -> None:
        topic = world.topic()
        subscriptions = [world.subscription(topic), world.subscription(topic)]
        message_id = world.publish(topic, b"data")
        assert [world.pull(each).message.message_id for each in subscriptions] == [message_id] * 2

    def test_an_unknown_acknowledgement_is_refused(self, world: World) -> None:
        subscription = world.subscription(world.topic())
        with pytest.raises(exceptions.InvalidArgument):
            world.subscriber.acknowledge(subscription=subscription, ack_ids=["no"], timeout=5)

    def test_a_filter_keeps_the_rest_away(self, world: World) -> None:
        topic = world.topic()
        subscription = world.subscription(topic, filter='attributes.kind = "image"')
        world.publish(topic, b"1", kind="other")
        world.publish(topic, b"2", kind="image")
        assert world.pull(subscription).message.data == b"2"

    def test_a_filter_that_is_none_is_refused(self, world: World) -> None:
        with pytest.raises(exceptions.InvalidArgument):
            world.subscription(world.topic(), filter="kind is image")


class TestLocalPulling(PullingContract):
    implementation = Emulator


class TestGooglePulling(PullingContract):
    implementation = GoogleEmulator
    differences: ClassVar[dict[str, str]] = {
        **dict.fromkeys(
            ["test_a_filter_keeps_the_rest_away", "test_a_filter_that_is_none_is_refused"],
            "Google's emulator ignores filters",
        ),
    }
