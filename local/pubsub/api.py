"""The methods of the two services, for whichever face calls them.

https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1
"""

import time
from typing import Protocol

from google.protobuf import empty_pb2
from google.pubsub_v1 import types

from local.pubsub import checks
from local.pubsub.backlog import Lease
from local.pubsub.broker import Broker
from local.pubsub.catalogue import Catalogue
from local.pubsub.refusal import invalid
from local.pubsub.wire import pb

# An empty pull answers before its caller gives up, and within this many seconds.
_PULL_WAIT = 20.0
_BEFORE_DEADLINE = 0.25


class Call(Protocol):
    """The part of a gRPC context that a method needs."""

    def is_active(self) -> bool: ...

    def time_remaining(self) -> float | None: ...


class Api:
    def __init__(self, catalogue: Catalogue, broker: Broker) -> None:
        self._catalogue = catalogue
        self._broker = broker

    # Publisher

    def create_topic(self, request: types.Topic, _call: Call) -> types.Topic:
        return self._catalogue.create_topic(request)

    def get_topic(self, request: types.GetTopicRequest, _call: Call) -> types.Topic:
        return self._catalogue.topic(request.topic)

    def update_topic(self, request: types.UpdateTopicRequest, _call: Call) -> types.Topic:
        return self._catalogue.update_topic(request.topic, request.update_mask.paths)

    def delete_topic(self, request: types.DeleteTopicRequest, _call: Call) -> empty_pb2.Empty:
        self._catalogue.delete_topic(request.topic)
        return empty_pb2.Empty()

    def list_topics(
        self, request: types.ListTopicsRequest, _call: Call
    ) -> types.ListTopicsResponse:
        topics, following = self._catalogue.list_topics(
            request.project, request.page_size, request.page_token
        )
        return types.ListTopicsResponse(topics=topics, next_page_token=following)

    def list_topic_subscriptions(
        self, request: types.ListTopicSubscriptionsRequest, _call: Call
    ) -> types.ListTopicSubscriptionsResponse:
        names, following = self._catalogue.list_topic_subscriptions(
            request.topic, request.page_size, request.page_token
        )
        return types.ListTopicSubscriptionsResponse(subscriptions=names, next_page_token=following)

    def publish(self, request: types.PublishRequest, _call: Call) -> types.PublishResponse:
        ids = self._broker.publish(request.topic, request.messages)
        return types.PublishResponse(message_ids=ids)

    # Subscriber

    def create_subscription(self, request: types.Subscription, _call: Call) -> types.Subscription:
        return self._catalogue.create_subscription(request)

    def get_subscription(
        self, request: types.GetSubscriptionRequest, _call: Call
    ) -> types.Subscription:
        return self._catalogue.subscription(request.subscription).settings

    def update_subscription(
        self, request: types.UpdateSubscriptionRequest, _call: Call
    ) -> types.Subscription:
        return self._catalogue.update_subscription(request.subscription, request.update_mask.paths)

    def modify_push_config(
        self, request: types.ModifyPushConfigRequest, _call: Call
    ) -> empty_pb2.Empty:
        wanted = types.Subscription(name=request.subscription, push_config=request.push_config)
        self._catalogue.update_subscription(wanted, ["push_config"])
        return empty_pb2.Empty()

    def delete_subscription(
        self, request: types.DeleteSubscriptionRequest, _call: Call
    ) -> empty_pb2.Empty:
        self._catalogue.delete_subscription(request.subscription)
        return empty_pb2.Empty()

    def list_subscriptions(
        self, request: types.ListSubscriptionsRequest, _call: Call
    ) -> types.ListSubscriptionsResponse:
        subscriptions, following = self._catalogue.list_subscriptions(
            request.project, request.page_size, request.page_token
        )
        return types.ListSubscriptionsResponse(
            subscriptions=subscriptions, next_page_token=following
        )

    def pull(self, request: types.PullRequest, call: Call) -> types.PullResponse:
        if request.max_messages <= 0:
            raise invalid("No max_messages specified: it must be greater than zero.")
        remaining = call.time_remaining()
        wait = min(_PULL_WAIT, (remaining or _PULL_WAIT) - _BEFORE_DEADLINE)
        at_once = pb(request).return_immediately  # deprecated: read from request, it warns
        leases = self._broker.pull(
            request.subscription,
            min(request.max_messages, checks.MESSAGES_LIMIT),
            until=time.monotonic() + (0 if at_once else wait),
            alive=call.is_active,
        )
        settings = self._catalogue.subscription(request.subscription).settings
        return types.PullResponse(received_messages=[received(settings, each) for each in leases])

    def acknowledge(self, request: types.AcknowledgeRequest, _call: Call) -> empty_pb2.Empty:
        self._broker.acknowledge(request.subscription, request.ack_ids)
        return empty_pb2.Empty()

    def modify_ack_deadline(
        self, request: types.ModifyAckDeadlineRequest, _call: Call
    ) -> empty_pb2.Empty:
        self._broker.modify_ack_deadline(
            request.subscription, request.ack_ids, request.ack_deadline_seconds
        )
        return empty_pb2.Empty()


def received(settings: types.Subscription, lease: Lease) -> types.ReceivedMessage:
    """The attempt is told only where there is a dead letter policy, as the product does."""
    return types.ReceivedMessage(
        ack_id=lease.ack_id,
        message=lease.message,
        delivery_attempt=lease.attempt if "dead_letter_policy" in settings else 0,
    )
