"""The subscription of whoever follows: filtered, its own, and gone by itself at the latest."""

from collections.abc import Iterator
from datetime import timedelta

import grpc
import pytest
from google.api_core.exceptions import NotFound
from google.pubsub_v1 import PublisherClient, PubsubMessage, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from local.pubsub.emulator import Emulator
from transship.clients.subscriptions import Subscriptions

PROJECT = "sample-project"
TOPIC = f"projects/{PROJECT}/topics/transship-outcomes"
WEB = 'attributes.service = "web"'


@pytest.fixture
def channel() -> Iterator[grpc.Channel]:
    with Emulator() as emulator, grpc.insecure_channel(emulator.grpc_address) as channel:
        topics(channel).create_topic(name=TOPIC)
        yield channel


def topics(channel: grpc.Channel) -> PublisherClient:
    return PublisherClient(transport=PublisherGrpcTransport(channel=channel))


def subscriber(channel: grpc.Channel) -> SubscriberClient:
    return SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))


def test_it_hears_what_it_asked_for_and_nothing_else(channel: grpc.Channel) -> None:
    subscriptions = Subscriptions(subscriber(channel))
    with subscriptions.listening(PROJECT, TOPIC, WEB) as name:
        for service in ("shop", "web"):
            message = PubsubMessage(data=service.encode(), attributes={"service": service})
            topics(channel).publish(topic=TOPIC, messages=[message])

        (received,) = subscriptions.pull(name, seconds=5)

    assert received.data == b"web"


def test_it_is_forgotten_a_day_after_somebody_was_killed(channel: grpc.Channel) -> None:
    with Subscriptions(subscriber(channel)).listening(PROJECT, TOPIC, WEB) as name:
        made = subscriber(channel).get_subscription(subscription=name)

    assert made.expiration_policy.ttl == timedelta(days=1)
    assert not made.retain_acked_messages


def test_it_goes_with_whoever_made_it_however_that_ends(channel: grpc.Channel) -> None:
    names = []

    def interrupted() -> None:
        with Subscriptions(subscriber(channel)).listening(PROJECT, TOPIC, WEB) as name:
            names.append(name)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    with pytest.raises(NotFound):
        subscriber(channel).get_subscription(subscription=names[0])
