"""Topics, subscriptions and what is published, over gRPC and REST, whoever implements Pub/Sub.

https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1
"""

import base64
import json
import threading
import urllib.error
import urllib.request
from concurrent.futures import Future
from typing import Any, ClassVar

import google.cloud.pubsub_v1 as pubsub
import pytest
from google.api_core import exceptions
from google.protobuf.field_mask_pb2 import FieldMask
from google.pubsub_v1 import types

from local.pubsub.emulator import Emulator
from local.pubsub.google_emulator import GoogleEmulator
from tests.fixtures.pubsub import PROJECT, PubSubContract, World, seconds


def total_seconds(duration: Any) -> float:
    """Of a timedelta: that is what an attribute annotated as Duration gives."""
    return float(duration.total_seconds())


class TopicsContract(PubSubContract):
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


class PublishingContract(PubSubContract):
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


class RestContract(PubSubContract):
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


class TestLocalTopics(TopicsContract):
    implementation = Emulator


class TestGoogleTopics(TopicsContract):
    implementation = GoogleEmulator


class TestLocalPublishing(PublishingContract):
    implementation = Emulator


class TestGooglePublishing(PublishingContract):
    implementation = GoogleEmulator
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
    }


class TestLocalRest(RestContract):
    implementation = Emulator


class TestGoogleRest(RestContract):
    implementation = GoogleEmulator


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
