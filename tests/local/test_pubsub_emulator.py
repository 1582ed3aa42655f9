"""What ours does beyond the contract: refusals, disturbances, inspection, and a clean end."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.pubsub_v1 import PublisherClient, SubscriberClient, types
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from local.pubsub.broker import PUSH_WINDOW
from local.pubsub.emulator import Emulator
from tests.local.pubsub_receiver import Receiver

TOPIC = "projects/sample-project/topics/transship-deploy"
NAME = "projects/sample-project/subscriptions/deploy"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator() as emulator:
        yield emulator


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def channel(emulator: Emulator) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(emulator.grpc_address) as channel:
        yield channel


@pytest.fixture
def publisher(channel: grpc.Channel) -> PublisherClient:
    client = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
    client.create_topic(name=TOPIC, timeout=5)
    return client


@pytest.fixture
def subscriber(channel: grpc.Channel, publisher: PublisherClient) -> SubscriberClient:
    return SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))


def subscribe(subscriber: SubscriberClient, name: str = NAME, **settings: Any) -> None:
    request = {"name": name, "topic": TOPIC, **settings}
    subscriber.create_subscription(request=request, timeout=5)


def publish(publisher: PublisherClient, *texts: str) -> list[str]:
    messages = [types.PubsubMessage(data=text.encode()) for text in texts]
    return list(publisher.publish(topic=TOPIC, messages=messages, timeout=5).message_ids)


# Refusals


@pytest.mark.parametrize(
    "settings",
    [
        {"enable_exactly_once_delivery": True},
        {"bigquery_config": {"table": "project.dataset.table"}},
        {"cloud_storage_config": {"bucket": "bucket"}},
    ],
    ids=lambda settings: str(next(iter(settings))),
)
def test_a_setting_that_ours_lacks_is_refused_and_logged(
    subscriber: SubscriberClient, settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(exceptions.MethodNotImplemented, match=next(iter(settings))):
        subscribe(subscriber, **settings)
    assert next(iter(settings)) in caplog.text


def test_a_method_that_ours_lacks_is_refused_and_logged(
    subscriber: SubscriberClient, caplog: pytest.LogCaptureFixture
) -> None:
    subscribe(subscriber)
    snapshot = "projects/sample-project/snapshots/one"
    with pytest.raises(exceptions.MethodNotImplemented, match="Seek"):
        subscriber.seek(request={"subscription": NAME}, timeout=5)
    with pytest.raises(exceptions.MethodNotImplemented, match="CreateSnapshot"):
        subscriber.create_snapshot(name=snapshot, subscription=NAME, timeout=5)
    refused = [record.levelno for record in caplog.records if "does not" in record.message]
    assert refused == [logging.WARNING] * 2


def test_a_push_subscription_cannot_be_pulled(
    subscriber: SubscriberClient, receiver: Receiver
) -> None:
    subscribe(subscriber, push_config={"push_endpoint": receiver.url("/deploy")})
    with pytest.raises(exceptions.FailedPrecondition):
        subscriber.pull(subscription=NAME, max_messages=1, timeout=5)


def test_an_acknowledgement_of_another_subscription_is_refused(
    publisher: PublisherClient, subscriber: SubscriberClient
) -> None:
    subscribe(subscriber)
    subscribe(subscriber, f"{NAME}-other")
    publish(publisher, "a")
    pulled = subscriber.pull(subscription=NAME, max_messages=1, timeout=5).received_messages[0]
    with pytest.raises(exceptions.InvalidArgument, match="does not belong"):
        subscriber.acknowledge(subscription=f"{NAME}-other", ack_ids=[pulled.ack_id], timeout=5)


# Disturbances


def test_duplicates_reach_the_receiver(
    emulator: Emulator, publisher: PublisherClient, subscriber: SubscriberClient, receiver: Receiver
) -> None:
    subscribe(subscriber, push_config={"push_endpoint": receiver.url("/deploy")})
    emulator.disturb(duplicate_deliveries=2)
    publish(publisher, "again")
    emulator.wait_idle(10)
    assert [hit.data for hit in receiver.hits("/deploy")] == [b"again"] * 3


def test_late_messages_are_overtaken(
    emulator: Emulator, publisher: PublisherClient, subscriber: SubscriberClient, receiver: Receiver
) -> None:
    subscribe(subscriber, push_config={"push_endpoint": receiver.url("/deploy")})
    emulator.disturb(late_deliveries=0.3)
    publish(publisher, "first", "second")
    assert [hit.data for hit in receiver.wait("/deploy", 2)] == [b"second", b"first"]


# Inspection


def test_idle_is_when_the_receiver_has_answered(
    emulator: Emulator, publisher: PublisherClient, subscriber: SubscriberClient, receiver: Receiver
) -> None:
    receiver.keep_silent("/deploy")
    subscribe(subscriber, push_config={"push_endpoint": receiver.url("/deploy")})
    (message_id,) = publish(publisher, "a")
    receiver.wait("/deploy")
    with pytest.raises(TimeoutError, match=f"{NAME} \\(1\\)"):
        emulator.wait_idle(0.1)
    assert [message.message_id for message in emulator.backlog(NAME)] == [message_id]
    receiver.speak("/deploy")
    emulator.wait_idle(10)
    assert not emulator.backlog(NAME)


def test_what_only_a_pull_would_take_does_not_keep_it_busy(
    emulator: Emulator, publisher: PublisherClient, subscriber: SubscriberClient
) -> None:
    subscribe(subscriber)
    publish(publisher, "a")
    emulator.wait_idle(0)
    assert len(emulator.backlog(NAME)) == 1


def test_a_delivery_is_on_record_with_its_answer(
    emulator: Emulator, publisher: PublisherClient, subscriber: SubscriberClient, receiver: Receiver
) -> None:
    receiver.answers["/deploy"].append(503)
    subscribe(subscriber, push_config={"push_endpoint": receiver.url("/deploy")})
    (message_id,) = publish(publisher, "a")
    emulator.wait_idle(10)
    assert [
        (each.subscription, each.message_id, each.attempt, each.status)
        for each in emulator.deliveries
    ] == [(NAME, message_id, 1, 503), (NAME, message_id, 2, 204)]


def test_a_receiver_that_is_not_there_is_on_record(
    emulator: Emulator, publisher: PublisherClient, subscriber: SubscriberClient
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        subscribe(subscriber, push_config={"push_endpoint": endpoint})
        publish(publisher, "a")
        with pytest.raises(TimeoutError):
            emulator.wait_idle(0.3)
    assert emulator.deliveries[0].status is None
    assert "ConnectionRefusedError" in emulator.deliveries[0].problem


# Delivery


def test_a_pull_tells_the_attempt_when_there_is_a_dead_letter_topic(
    publisher: PublisherClient, subscriber: SubscriberClient
) -> None:
    policy = {"dead_letter_topic": TOPIC, "max_delivery_attempts": 5}
    subscribe(subscriber, dead_letter_policy=policy)
    subscribe(subscriber, f"{NAME}-without")
    publish(publisher, "a")
    attempts = [
        subscriber.pull(subscription=name, max_messages=1, timeout=5)
        .received_messages[0]
        .delivery_attempt
        for name in (NAME, f"{NAME}-without")
    ]
    assert attempts == [1, 0]


def test_a_hung_receiver_does_not_hold_up_another_subscription(
    emulator: Emulator, publisher: PublisherClient, subscriber: SubscriberClient, receiver: Receiver
) -> None:
    receiver.keep_silent("/hung")
    subscribe(subscriber, push_config={"push_endpoint": receiver.url("/hung")})
    subscribe(subscriber, f"{NAME}-other", push_config={"push_endpoint": receiver.url("/other")})
    publish(publisher, *[str(number) for number in range(50)])
    assert len(receiver.wait("/other", 50)) == 50
    assert len(receiver.hits("/hung")) <= PUSH_WINDOW


def test_a_push_backoff_slows_the_whole_subscription(
    emulator: Emulator, publisher: PublisherClient, subscriber: SubscriberClient, receiver: Receiver
) -> None:
    receiver.answers["/deploy"].extend([503, 503])
    subscribe(subscriber, push_config={"push_endpoint": receiver.url("/deploy")})
    publish(publisher, "a")
    failed = receiver.wait("/deploy", 2)[1]
    until = time.monotonic() + 5
    while len(emulator.deliveries) < 2 and time.monotonic() < until:
        time.sleep(0.005)  # the second answer is under way
    publish(publisher, "b")
    later = receiver.wait("/deploy", 4)[2:]
    # Two failures in a row make it 0.2 s, for the new message as well.
    assert all(hit.at - failed.at >= 0.2 for hit in later)


def test_a_retry_policy_slows_a_message_alone(
    publisher: PublisherClient, subscriber: SubscriberClient, receiver: Receiver
) -> None:
    receiver.answers["/deploy"].append(503)
    subscribe(
        subscriber,
        push_config={"push_endpoint": receiver.url("/deploy")},
        retry_policy={"minimum_backoff": {"seconds": 60}},
    )
    publish(publisher, "waits")
    receiver.wait("/deploy")
    publish(publisher, "passes")
    assert receiver.wait("/deploy", 2)[1].data == b"passes"


def test_a_streaming_pull_has_no_more_than_it_asked_for(
    emulator: Emulator, publisher: PublisherClient, subscriber: SubscriberClient
) -> None:
    subscribe(subscriber)
    publish(publisher, "a", "b", "c")
    go_on, finished = threading.Event(), threading.Event()
    taken: list[types.ReceivedMessage] = []

    def requests() -> Iterator[types.StreamingPullRequest]:
        yield types.StreamingPullRequest(
            subscription=NAME, stream_ack_deadline_seconds=10, max_outstanding_messages=2
        )
        go_on.wait(10)
        yield types.StreamingPullRequest(ack_ids=[each.ack_id for each in taken])
        finished.wait(10)

    stream: Any = subscriber.streaming_pull(requests=requests(), timeout=20)
    taken += next(stream).received_messages
    assert [each.message.data for each in taken] == [b"a", b"b"]
    go_on.set()
    assert [each.message.data for each in next(stream).received_messages] == [b"c"]
    finished.set()
    stream.cancel()


def test_an_empty_pull_is_answered_before_its_deadline(subscriber: SubscriberClient) -> None:
    subscribe(subscriber)
    response = subscriber.pull(subscription=NAME, max_messages=1, timeout=1, retry=None)
    assert not response.received_messages


def test_a_waiting_pull_gets_what_is_published(
    publisher: PublisherClient, subscriber: SubscriberClient
) -> None:
    subscribe(subscriber)
    timer = threading.Timer(0.1, publish, (publisher, "a"))
    timer.start()
    response = subscriber.pull(subscription=NAME, max_messages=1, timeout=10)
    assert response.received_messages[0].message.data == b"a"
    timer.join()


# The end


def test_stopping_breaks_off_a_push_and_a_pull_and_leaves_no_thread(receiver: Receiver) -> None:
    before = set(threading.enumerate())
    emulator = Emulator()
    emulator.start()
    receiver.keep_silent("/hung")
    with grpc.insecure_channel(emulator.grpc_address) as channel:
        publisher = PublisherClient(transport=PublisherGrpcTransport(channel=channel))
        subscriber = SubscriberClient(transport=SubscriberGrpcTransport(channel=channel))
        publisher.create_topic(name=TOPIC, timeout=5)
        subscribe(subscriber, push_config={"push_endpoint": receiver.url("/hung")})
        subscribe(subscriber, f"{NAME}-pulled")
        pull = {"subscription": f"{NAME}-pulled", "stream_ack_deadline_seconds": 10}
        stream: Any = subscriber.streaming_pull(
            requests=iter([types.StreamingPullRequest(pull)]), timeout=60
        )
        publish(publisher, "a")
        receiver.wait("/hung")
        assert next(stream).received_messages
        emulator.stop()
    receiver.speak("/hung")
    until = time.monotonic() + 5
    while (left := _ours(before)) and time.monotonic() < until:
        left[0].join(0.1)
    assert not left


def _ours(before: set[threading.Thread]) -> list[threading.Thread]:
    return [each for each in set(threading.enumerate()) - before if each.name.startswith("pubsub")]
