"""What is delivered again, and when, whoever implements Pub/Sub.

https://cloud.google.com/pubsub/docs/handling-failures

The ends of leases are looked at last: they take the ack deadline, which runs out meanwhile.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import ClassVar

import pytest
from google.pubsub_v1 import types

from local.pubsub.emulator import Emulator
from local.pubsub.google_emulator import GoogleEmulator
from tests.fixtures.pubsub import ACK_DEADLINE, PubSubContract, World, seconds


@dataclass(frozen=True, kw_only=True)
class Overdue:
    """Two leases that run out while the other tests go on: a push request's and a pull's."""

    path: str
    subscription: str
    first: types.ReceivedMessage


def begun(world: World) -> Overdue:
    topic = world.topic()
    path = world.path()
    world.receiver.keep_silent(path)
    world.subscription(topic, push_config=world.push_to(path))
    subscription = world.subscription(topic)
    world.publish(topic, b"nobody answers in time")
    world.receiver.wait(path)
    return Overdue(path=path, subscription=subscription, first=world.pull(subscription))


@pytest.fixture(scope="module")
def overdue_of() -> Callable[[World], Overdue]:
    """Begun once for each world."""
    return cache(begun)


class RedeliveryContract(PubSubContract):
    @pytest.fixture(autouse=True)
    def overdue(self, overdue_of: Callable[[World], Overdue], world: World) -> Overdue:
        return overdue_of(world)

    def answered(self, world: World, *statuses: int) -> dict[int, str]:
        """A receiver's path for each status, which it answers once to a message of its own."""
        paths = {status: world.path(status) for status in statuses}
        for path in paths.values():
            topic = world.topic()
            world.subscription(topic, push_config=world.push_to(path))
            world.publish(topic, b"data")
            world.receiver.wait(path)
        return paths

    @pytest.mark.parametrize("statuses", [(102, 200, 201, 204), (202,)], ids=["most", "202"])
    def test_a_success_acknowledges(self, world: World, statuses: tuple[int, ...]) -> None:
        paths = self.answered(world, *statuses)
        # A message of its own tells when a retry would have come: that of the same age.
        (peer,) = self.answered(world, 500).values()
        world.receiver.wait(peer, 2)
        counts = {status: len(world.receiver.hits(path)) for status, path in paths.items()}
        assert counts == dict.fromkeys(statuses, 1)

    @pytest.mark.parametrize("statuses", [(302, 400, 404, 429, 503), (203,)], ids=["most", "203"])
    def test_anything_else_is_redelivered(self, world: World, statuses: tuple[int, ...]) -> None:
        for path in self.answered(world, *statuses).values():
            first, second = world.receiver.wait(path, 2, timeout=4)
            assert first.message["messageId"] == second.message["messageId"]

    def test_a_retry_policy_spaces_the_attempts(self, world: World) -> None:
        topic = world.topic()
        path = world.path(500, 503)
        world.subscription(
            topic,
            push_config=world.push_to(path),
            retry_policy={"minimum_backoff": seconds(0.4), "maximum_backoff": seconds(5)},
        )
        world.publish(topic, b"data")
        first, second, third = world.receiver.wait(path, 3)
        assert second.at - first.at >= 0.4
        assert third.at - second.at >= 0.8

    def test_a_message_that_keeps_failing_becomes_a_dead_letter(self, world: World) -> None:
        topic, dead = world.topic(), world.topic()
        letters = world.subscription(dead)
        path = world.path(*[500] * 20)
        name = world.subscription(
            topic,
            push_config=world.push_to(path),
            dead_letter_policy={"dead_letter_topic": dead, "max_delivery_attempts": 5},
        )
        world.publish(topic, b"poison", kind="deploy")
        letter = world.pull(letters).message
        assert len(world.receiver.hits(path)) == 5
        assert letter.data == b"poison"
        assert letter.attributes["kind"] == "deploy"
        assert letter.attributes["CloudPubSubDeadLetterSourceDeliveryCount"] == "5"
        assert letter.attributes["CloudPubSubDeadLetterSourceSubscription"] == name.split("/")[-1]
        project = letter.attributes["CloudPubSubDeadLetterSourceSubscriptionProject"]
        assert project == "sample-project"
        assert letter.attributes["CloudPubSubDeadLetterSourceTopicPublishTime"]

    def test_messages_of_an_ordering_key_keep_their_order(self, world: World) -> None:
        topic = world.topic()
        path = world.path(500)
        world.subscription(topic, push_config=world.push_to(path), enable_message_ordering=True)
        for number in range(4):
            world.publish(topic, str(number).encode(), key="key")
        hits = world.receiver.wait(path, 5)
        assert [hit.data for hit in hits] == [b"0", b"0", b"1", b"2", b"3"]

    def test_a_new_push_endpoint_gets_the_next_message(self, world: World) -> None:
        topic = world.topic()
        before, after = world.path(), world.path()
        name = world.subscription(topic, push_config=world.push_to(before))
        world.subscriber.modify_push_config(
            request={"subscription": name, "push_config": world.push_to(after)}, timeout=5
        )
        world.publish(topic, b"data")
        assert world.receiver.wait(after)[0].data == b"data"
        assert not world.receiver.hits(before)


class LeaseContract(PubSubContract):
    @pytest.fixture
    def overdue(self, overdue_of: Callable[[World], Overdue], world: World) -> Overdue:
        return overdue_of(world)

    def test_a_pulled_message_comes_back_when_its_lease_ends(
        self, world: World, overdue: Overdue
    ) -> None:
        again = world.pull(overdue.subscription)
        assert again.message.message_id == overdue.first.message.message_id

    def test_a_receiver_that_is_too_late_gets_the_message_again(
        self, world: World, overdue: Overdue
    ) -> None:
        first, second = world.receiver.wait(overdue.path, 2)[:2]
        assert first.message["messageId"] == second.message["messageId"]
        # Real time may be measured a little short of the emulator's.
        assert second.at - first.at > ACK_DEADLINE * 0.9
        world.receiver.speak(overdue.path)


class TestLocalRedelivery(RedeliveryContract):
    implementation = Emulator


class TestGoogleRedelivery(RedeliveryContract):
    implementation = GoogleEmulator
    differences: ClassVar[dict[str, str]] = {
        "test_a_success_acknowledges[202]": "Google's emulator redelivers after 202",
        "test_anything_else_is_redelivered[203]": "Google's emulator takes 203 for a success",
    }


class TestLocalLease(LeaseContract):
    implementation = Emulator


class TestGoogleLease(LeaseContract):
    implementation = GoogleEmulator
