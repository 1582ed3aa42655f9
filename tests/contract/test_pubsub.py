"""What Pub/Sub must do, whoever implements it: ours, and Google's emulator where it is installed.

https://cloud.google.com/pubsub/docs/overview

A behaviour of the product that Google's emulator lacks is declared as a difference there, and must
fail: should a newer emulator have it, the declaration is what breaks.
"""

import base64
import itertools
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import functions_framework
import google.cloud.pubsub_v1 as pubsub
import grpc
import pytest
from google.api_core import exceptions
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import PublisherClient, SubscriberClient, types
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from werkzeug.serving import make_server

from local.pubsub.emulator import Emulator
from local.pubsub.google_emulator import Absent, GoogleEmulator
from tests.local.pubsub_receiver import Hit, Receiver

PROJECT = "projects/sample-project"
ACK_DEADLINE = 10
"""The shortest that the product allows."""


def seconds(value: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(int(value * 1e9))
    return duration


def total_seconds(duration: Any) -> float:
    """Of a timedelta: that is what an attribute annotated as Duration gives."""
    return float(duration.total_seconds())


@dataclass(frozen=True, kw_only=True)
class World:
    """The clients of one emulator, a receiver, and names that no other test has."""

    address: str
    rest_url: str
    publisher: PublisherClient
    subscriber: SubscriberClient
    receiver: Receiver
    numbers: Iterator[int] = field(default_factory=itertools.count)

    def topic(self) -> str:
        name = f"{PROJECT}/topics/topic-{next(self.numbers)}"
        self.publisher.create_topic(name=name, timeout=5)
        return name

    def subscription(self, topic: str, **settings: Any) -> str:
        name = f"{PROJECT}/subscriptions/subscription-{next(self.numbers)}"
        request = {"name": name, "topic": topic, "ack_deadline_seconds": ACK_DEADLINE, **settings}
        self.subscriber.create_subscription(request=request, timeout=5)
        return name

    def path(self, *answers: int) -> str:
        path = f"/receiver-{next(self.numbers)}"
        self.receiver.answers[path].extend(answers)
        return path

    def push_to(self, path: str, **settings: Any) -> dict[str, Any]:
        return {"push_endpoint": self.receiver.url(path), **settings}

    def publish(self, topic: str, data: bytes = b"", key: str = "", **attributes: str) -> str:
        message = types.PubsubMessage(data=data, attributes=attributes, ordering_key=key)
        response = self.publisher.publish(topic=topic, messages=[message], timeout=5)
        return response.message_ids[0]

    def pull(self, subscription: str, timeout: float = 20) -> types.ReceivedMessage:
        """The next message; an empty answer and a deadline both mean "not yet"."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            try:
                response = self.subscriber.pull(
                    subscription=subscription, max_messages=1, timeout=3, retry=None
                )
            except exceptions.DeadlineExceeded:
                continue
            if response.received_messages:
                return response.received_messages[0]
        raise AssertionError(f"no message for {subscription}")

    def is_empty(self, subscription: str) -> bool:
        """Whether nothing is waiting now."""
        with pytest.warns(DeprecationWarning, match="return_immediately"):
            response = self.subscriber.pull(
                request={
                    "subscription": subscription,
                    "max_messages": 1,
                    "return_immediately": True,
                },
                timeout=5,
            )
        return not response.received_messages


@dataclass(frozen=True, kw_only=True)
class Overdue:
    """Two leases that run out while the other tests go on: a push request's and a pull's."""

    path: str
    subscription: str
    first: types.ReceivedMessage


@pytest.fixture(scope="class")
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    try:
        emulator = request.cls.emulator()
    except Absent as reason:
        pytest.skip(str(reason))
    with (
        emulator,
        grpc.insecure_channel(emulator.grpc_address) as channel,
        Receiver() as receiver,
    ):
        yield World(
            address=emulator.grpc_address,
            rest_url=emulator.rest_url,
            publisher=PublisherClient(transport=PublisherGrpcTransport(channel=channel)),
            subscriber=SubscriberClient(transport=SubscriberGrpcTransport(channel=channel)),
            receiver=receiver,
        )


@pytest.fixture(scope="class")
def overdue(world: World) -> Overdue:
    topic = world.topic()
    path = world.path()
    world.receiver.keep_silent(path)
    world.subscription(topic, push_config=world.push_to(path))
    subscription = world.subscription(topic)
    world.publish(topic, b"nobody answers in time")
    world.receiver.wait(path)
    return Overdue(path=path, subscription=subscription, first=world.pull(subscription))


@pytest.mark.usefixtures("overdue")
class PubSubContract:
    differences: ClassVar[dict[str, str]] = {}
    """Test -> why it must fail here."""

    @staticmethod
    def emulator() -> Emulator | GoogleEmulator:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def _difference(self, request: pytest.FixtureRequest) -> None:
        reason = self.differences.get(request.node.name)
        if reason:
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    # Topics and subscriptions

    def test_a_topic_exists_once(self, world: World) -> None:
        topic = world.topic()
        assert world.publisher.get_topic(topic=topic, timeout=5).name == topic
        with pytest.raises(exceptions.AlreadyExists):
            world.publisher.create_topic(name=topic, timeout=5)

    def test_a_deleted_topic_leaves_its_subscriptions_orphaned(self, world: World) -> None:
        topic = world.topic()
        subscription = world.subscription(topic)
        world.publisher.delete_topic(topic=topic, timeout=5)
        with pytest.raises(exceptions.NotFound):
            world.publisher.get_topic(topic=topic, timeout=5)
        settings = world.subscriber.get_subscription(subscription=subscription, timeout=5)
        assert settings.topic == "_deleted-topic_"

    def test_topics_are_listed_in_pages(self, world: World) -> None:
        topics = {world.topic() for _ in range(3)}
        request = types.ListTopicsRequest(project=PROJECT, page_size=2)
        pages = list(world.publisher.list_topics(request=request, timeout=5).pages)
        assert all(len(page.topics) <= 2 for page in pages)
        assert topics <= {topic.name for page in pages for topic in page.topics}

    def test_the_subscriptions_of_a_topic_are_its_own(self, world: World) -> None:
        topic, other = world.topic(), world.topic()
        mine = {world.subscription(topic), world.subscription(topic)}
        world.subscription(other)
        assert set(world.publisher.list_topic_subscriptions(topic=topic, timeout=5)) == mine

    def test_a_subscription_has_the_defaults_of_the_product(self, world: World) -> None:
        name = world.subscription(world.topic(), ack_deadline_seconds=0)
        settings = world.subscriber.get_subscription(subscription=name, timeout=5)
        assert settings.ack_deadline_seconds == 10
        assert total_seconds(settings.message_retention_duration) == 7 * 86_400

    def test_a_retry_policy_is_completed(self, world: World) -> None:
        name = world.subscription(world.topic(), retry_policy={"minimum_backoff": seconds(20)})
        policy = world.subscriber.get_subscription(subscription=name, timeout=5).retry_policy
        assert total_seconds(policy.maximum_backoff) == 600

    def test_a_subscription_can_be_updated_listed_and_deleted(self, world: World) -> None:
        name = world.subscription(world.topic())
        wanted = types.Subscription(name=name, ack_deadline_seconds=42)
        mask = FieldMask(paths=["ack_deadline_seconds"])
        world.subscriber.update_subscription(subscription=wanted, update_mask=mask, timeout=5)
        listed = {
            each.name: each
            for each in world.subscriber.list_subscriptions(project=PROJECT, timeout=5)
        }
        assert listed[name].ack_deadline_seconds == 42
        world.subscriber.delete_subscription(subscription=name, timeout=5)
        with pytest.raises(exceptions.NotFound):
            world.subscriber.get_subscription(subscription=name, timeout=5)

    @pytest.mark.parametrize(
        "settings",
        [
            pytest.param({"ack_deadline_seconds": 601}, id="deadline"),
            pytest.param({"message_retention_duration": seconds(60)}, id="retention"),
            pytest.param({"push_config": {"push_endpoint": "ftp://receiver"}}, id="endpoint"),
            pytest.param({"retry_policy": {"minimum_backoff": seconds(601)}}, id="backoff"),
            pytest.param(
                {
                    "retry_policy": {
                        "minimum_backoff": seconds(60),
                        "maximum_backoff": seconds(10),
                    }
                },
                id="backoffs",
            ),
            pytest.param({"name": f"{PROJECT}/subscriptions/ab"}, id="name"),
            pytest.param({"name": f"{PROJECT}/subscriptions/google"}, id="reserved"),
        ],
    )
    def test_impossible_settings_are_refused(self, world: World, settings: dict[str, Any]) -> None:
        with pytest.raises(exceptions.InvalidArgument):
            world.subscription(world.topic(), **settings)

    @pytest.mark.parametrize("path", ["topic", "enable_message_ordering", "filter", "nonsense"])
    def test_a_field_that_cannot_change_is_refused(self, world: World, path: str) -> None:
        wanted = types.Subscription(name=world.subscription(world.topic()))
        with pytest.raises(exceptions.InvalidArgument):
            world.subscriber.update_subscription(
                subscription=wanted, update_mask=FieldMask(paths=[path]), timeout=5
            )

    def test_a_dead_letter_topic_must_exist(self, world: World) -> None:
        policy = {"dead_letter_topic": f"{PROJECT}/topics/nowhere", "max_delivery_attempts": 5}
        with pytest.raises(exceptions.NotFound):
            world.subscription(world.topic(), dead_letter_policy=policy)

    # Publishing

    def test_publishing_to_nowhere_is_not_found(self, world: World) -> None:
        with pytest.raises(exceptions.NotFound):
            world.publish(f"{PROJECT}/topics/nowhere", b"lost")

    @pytest.mark.parametrize("key", ["", "a key is no content"])
    def test_an_empty_message_is_refused(self, world: World, key: str) -> None:
        with pytest.raises(exceptions.InvalidArgument):
            world.publish(world.topic(), key=key)

    @pytest.mark.parametrize(
        "attributes",
        [
            pytest.param({"k" * 257: "v"}, id="key"),
            pytest.param({"k": "v" * 1025}, id="value"),
            pytest.param({str(number): "v" for number in range(101)}, id="count"),
            pytest.param({"googclient": "v"}, id="reserved"),
        ],
    )
    def test_attributes_beyond_the_limits_are_refused(
        self, world: World, attributes: dict[str, str]
    ) -> None:
        with pytest.raises(exceptions.InvalidArgument):
            world.publish(world.topic(), b"data", **attributes)

    def test_a_message_beyond_ten_megabytes_is_refused(self, world: World) -> None:
        with pytest.raises(exceptions.InvalidArgument):
            world.publish(world.topic(), b"x" * 10_000_001)

    def test_the_client_library_publishes_and_subscribes(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", world.address)
        topic = world.topic()
        subscription = world.subscription(topic)
        received: list[bytes] = []
        complete = threading.Event()

        def callback(message: Any) -> None:
            received.append(message.data)
            message.ack()
            if len(received) == 3:
                complete.set()

        publisher = pubsub.PublisherClient()
        with pubsub.SubscriberClient() as subscriber:
            streaming = subscriber.subscribe(subscription, callback=callback)
            futures: list[Future[str]] = [
                publisher.publish(topic, data) for data in (b"one", b"two", b"three")
            ]
            assert len({future.result(10) for future in futures}) == 3
            assert complete.wait(15)
            streaming.cancel()
            streaming.result(10)
        publisher.stop()
        publisher.transport.close()
        assert sorted(received) == [b"one", b"three", b"two"]

    # Pulling

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

    # Pushing

    def pushed(self, world: World, data: bytes = b"data", **settings: Any) -> Hit:
        """The first push request of a message with an attribute and an ordering key."""
        topic = world.topic()
        path = world.path()
        push = world.push_to(path, **settings.pop("push", {}))
        world.subscription(topic, push_config=push, **settings)
        world.publish(topic, data, key="key", image="docker.io/library/nginx:1.27")
        return world.receiver.wait(path)[0]

    def test_a_push_request_wraps_the_message(self, world: World) -> None:
        hit = self.pushed(world)
        assert hit.data == b"data"
        assert hit.message["attributes"] == {"image": "docker.io/library/nginx:1.27"}
        assert hit.document["subscription"].startswith(f"{PROJECT}/subscriptions/")
        assert hit.message["messageId"] == hit.message["message_id"]
        assert hit.message["publishTime"] == hit.message["publish_time"]
        assert hit.headers["content-type"] == "application/json"

    def test_a_push_request_tells_the_ordering_key(self, world: World) -> None:
        assert self.pushed(world).message["orderingKey"] == "key"

    def test_a_push_request_tells_the_attempt_when_there_is_a_dead_letter_topic(
        self, world: World
    ) -> None:
        policy = {"dead_letter_topic": world.topic(), "max_delivery_attempts": 5}
        assert self.pushed(world, dead_letter_policy=policy).document["deliveryAttempt"] == 1
        assert "deliveryAttempt" not in self.pushed(world).document

    def test_a_push_request_carries_an_identity_token(self, world: World) -> None:
        account = "pusher@sample-project.iam.gserviceaccount.com"
        token = {"service_account_email": account, "audience": "https://receiver/path"}
        authorization = self.pushed(world, push={"oidc_token": token}).headers["authorization"]
        claims = authorization.removeprefix("Bearer ").split(".")[1]
        document = json.loads(base64.urlsafe_b64decode(claims + "=="))
        assert (document["aud"], document["email"]) == ("https://receiver/path", account)
        assert document["email_verified"] is True

    def test_an_unwrapped_push_request_is_the_data(self, world: World) -> None:
        hit = self.pushed(world, b"raw", push={"no_wrapper": {"write_metadata": False}})
        assert hit.body == b"raw"
        assert "x-goog-pubsub-message-id" not in hit.headers

    def test_an_unwrapped_push_request_has_its_metadata_in_headers(self, world: World) -> None:
        hit = self.pushed(world, b"raw", push={"no_wrapper": {"write_metadata": True}})
        assert hit.body == b"raw"
        assert hit.headers["x-goog-pubsub-message-id"]
        assert hit.headers["x-goog-pubsub-subscription-name"].startswith(f"{PROJECT}/subscr")
        assert hit.headers["x-goog-pubsub-ordering-key"] == "key"
        assert hit.headers["image"] == "docker.io/library/nginx:1.27"

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

    def test_the_functions_framework_understands_a_push(self, world: World, tmp_path: Path) -> None:
        with Function(tmp_path) as function:
            topic = world.topic()
            endpoint = f"{function.url}/{topic}"
            world.subscription(topic, push_config={"push_endpoint": endpoint})
            message_id = world.publish(topic, b"data", image="nginx")
            event = function.event()
        assert event["source"] == f"//pubsub.googleapis.com/{topic}"
        assert event["type"] == "google.cloud.pubsub.topic.v1.messagePublished"
        assert event["id"] == message_id
        assert base64.b64decode(event["data"]["message"]["data"]) == b"data"
        assert event["data"]["message"]["attributes"] == {"image": "nginx"}

    # REST

    def test_rest_shares_the_state(self, world: World) -> None:
        topic = f"{PROJECT}/topics/rest-{next(world.numbers)}"
        subscription = f"{PROJECT}/subscriptions/rest-{next(world.numbers)}"
        call = Rest(world.rest_url)
        assert call("PUT", topic, {})["name"] == topic
        assert world.publisher.get_topic(topic=topic, timeout=5).name == topic
        created = call("PUT", subscription, {"topic": topic})
        assert created["ackDeadlineSeconds"] == 10
        data = base64.b64encode(b"data").decode()
        ids = call("POST", f"{topic}:publish", {"messages": [{"data": data}]})["messageIds"]
        pulled = call("POST", f"{subscription}:pull", {"maxMessages": 1})["receivedMessages"][0]
        assert [pulled["message"]["messageId"]] == ids
        call("POST", f"{subscription}:acknowledge", {"ackIds": [pulled["ackId"]]})
        assert world.is_empty(subscription)
        listed = call("GET", f"{PROJECT}/topics?pageSize=1000", None)["topics"]
        assert topic in {each["name"] for each in listed}

    def test_rest_says_what_was_not_found(self, world: World) -> None:
        with pytest.raises(urllib.error.HTTPError) as refused:
            Rest(world.rest_url)("GET", f"{PROJECT}/topics/nowhere", None)
        with refused.value as response:
            error = json.load(response)["error"]
        assert (refused.value.code, error["status"]) == (404, "NOT_FOUND")

    # The ends of leases, last: they take the ack deadline

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


class TestLocalPubSub(PubSubContract):
    @staticmethod
    def emulator() -> Emulator:
        return Emulator()


class TestGoogleEmulator(PubSubContract):
    differences: ClassVar[dict[str, str]] = {
        **dict.fromkeys(
            [
                "test_attributes_beyond_the_limits_are_refused[key]",
                "test_attributes_beyond_the_limits_are_refused[value]",
                "test_attributes_beyond_the_limits_are_refused[count]",
                "test_attributes_beyond_the_limits_are_refused[reserved]",
                "test_a_message_beyond_ten_megabytes_is_refused",
            ],
            "Google's emulator publishes messages of any shape",
        ),
        **dict.fromkeys(
            ["test_a_filter_keeps_the_rest_away", "test_a_filter_that_is_none_is_refused"],
            "Google's emulator ignores filters",
        ),
        **dict.fromkeys(
            [
                "test_a_push_request_tells_the_ordering_key",
                "test_a_push_request_tells_the_attempt_when_there_is_a_dead_letter_topic",
            ],
            "Google's emulator leaves fields out of the push body",
        ),
        "test_an_unwrapped_push_request_has_its_metadata_in_headers": (
            "Google's emulator calls that header x-goog-ordering-key"
        ),
        "test_a_push_request_carries_an_identity_token": "Google's emulator makes no tokens",
        "test_a_success_acknowledges[202]": "Google's emulator redelivers after 202",
        "test_anything_else_is_redelivered[203]": "Google's emulator takes 203 for a success",
    }

    @staticmethod
    def emulator() -> GoogleEmulator:
        return GoogleEmulator()


class Rest:
    def __init__(self, url: str) -> None:
        self._url = url

    def __call__(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        request = urllib.request.Request(
            f"{self._url}v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)


class Function:
    """A CloudEvent function in the functions framework, as Cloud Run functions run it."""

    _SOURCE = """
import json, pathlib
import functions_framework

@functions_framework.cloud_event
def record(event):
    document = {"id": event["id"], "source": event["source"], "type": event["type"]}
    pathlib.Path(__file__).with_name("event.json").write_text(
        json.dumps({**document, "data": event.data})
    )
"""

    def __init__(self, folder: Path) -> None:
        source = folder / "main.py"
        source.write_text(self._SOURCE)
        self._event = folder / "event.json"
        self._answered = threading.Event()
        self._app = functions_framework.create_app(  # type: ignore[no-untyped-call]  # it has no annotations
            "record", str(source), "cloudevent"
        )
        self._server = make_server("127.0.0.1", 0, self._serve, threaded=True)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def event(self) -> Any:
        assert self._answered.wait(15), "no event"
        return json.loads(self._event.read_text())

    def _serve(self, environ: Any, start_response: Callable[..., Any]) -> Any:
        answer = self._app(environ, start_response)
        self._answered.set()
        return answer

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
