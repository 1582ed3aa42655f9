"""The topics and subscriptions that exist.

https://cloud.google.com/pubsub/docs/reference/rpc/google.pubsub.v1

Every method takes the one lock of the stand-in, `changed`, and announces what it changed there.
"""

import threading
from collections.abc import Iterable
from typing import TypeVar

from google.pubsub_v1 import types

from local.pubsub import checks
from local.pubsub.backlog import Disturbance
from local.pubsub.refusal import already_exists, exhausted, invalid, not_found
from local.pubsub.subscription import DELETED_TOPIC, Subscription, new_subscription, with_defaults
from local.pubsub.wire import copy

# https://cloud.google.com/pubsub/quotas#resource_limits, far above what one machine needs.
RESOURCES_LIMIT = 10_000
PAGE = 100
PAGE_LIMIT = 1_000

_Resource = TypeVar("_Resource", types.Topic, types.Subscription)

_TOPIC_FIELDS = {"labels", "message_retention_duration", "message_storage_policy"}
# Some are kept without effect: only a seek, which is refused, would show retained messages.
_SUBSCRIPTION_FIELDS = {
    "ack_deadline_seconds",
    "dead_letter_policy",
    "expiration_policy",
    "labels",
    "message_retention_duration",
    "push_config",
    "retain_acked_messages",
    "retry_policy",
}


class Catalogue:
    def __init__(self) -> None:
        self.changed = threading.Condition()  # over an RLock: methods call each other
        self.disturbance = Disturbance()
        self._topics: dict[str, types.Topic] = {}
        self._subscriptions: dict[str, Subscription] = {}

    # Topics

    def create_topic(self, topic: types.Topic) -> types.Topic:
        checks.check_topic(topic)
        with self.changed:
            if topic.name in self._topics:
                raise already_exists(topic.name)
            self._check_room()
            topic.state = types.Topic.State(types.Topic.State.ACTIVE)
            self._topics[topic.name] = topic
        return topic

    def topic(self, name: str) -> types.Topic:
        checks.check_name("topics", name)
        with self.changed:
            if name not in self._topics:
                raise not_found(name)
            return self._topics[name]

    def has_topic(self, name: str) -> bool:
        with self.changed:
            return name in self._topics

    def update_topic(self, wanted: types.Topic, paths: Iterable[str]) -> types.Topic:
        fields = checks.check_mask("UpdateTopicRequest", "Topic", paths, _TOPIC_FIELDS)
        with self.changed:
            topic: types.Topic = copy(self.topic(wanted.name))
            _transfer(fields, wanted, topic)
            checks.check_topic(topic)
            self._topics[topic.name] = topic
        return topic

    def delete_topic(self, name: str) -> None:
        with self.changed:
            self.topic(name)
            del self._topics[name]
            for subscription in self._subscriptions.values():
                if subscription.settings.topic == name:
                    # A copy, since an answer that is being sent may hold the old one.
                    orphaned = with_defaults(subscription.settings)
                    orphaned.topic = DELETED_TOPIC
                    subscription.settings = orphaned

    def list_topics(self, project: str, size: int, token: str) -> tuple[list[types.Topic], str]:
        checks.check_project(project)
        with self.changed:
            names, following = _page(self._topics, f"{project}/topics/", size, token)
            return [self._topics[name] for name in names], following

    # Subscriptions

    def create_subscription(self, settings: types.Subscription) -> types.Subscription:
        settings = with_defaults(settings)
        checks.check_subscription(settings)
        subscription = new_subscription(settings)
        subscription.backlog.disturbance = self.disturbance
        with self.changed:
            if settings.name in self._subscriptions:
                raise already_exists(settings.name)
            self._check_room()
            self.topic(settings.topic)
            self._check_dead_letter_topic(settings)
            self._subscriptions[settings.name] = subscription
        return settings

    def subscription(self, name: str) -> Subscription:
        checks.check_name("subscriptions", name)
        with self.changed:
            if name not in self._subscriptions:
                raise not_found(name)
            return self._subscriptions[name]

    def update_subscription(
        self, wanted: types.Subscription, paths: Iterable[str]
    ) -> types.Subscription:
        fields = checks.check_mask(
            "UpdateSubscriptionRequest", "Subscription", paths, _SUBSCRIPTION_FIELDS
        )
        with self.changed:
            subscription = self.subscription(wanted.name)
            settings = with_defaults(subscription.settings)
            _transfer(fields, wanted, settings)
            settings = with_defaults(settings)
            checks.check_subscription(settings)
            self._check_dead_letter_topic(settings)
            subscription.apply(settings)
            self.changed.notify_all()
        return settings

    def delete_subscription(self, name: str) -> None:
        with self.changed:
            self.subscription(name)
            del self._subscriptions[name]
            self.changed.notify_all()

    def list_subscriptions(
        self, project: str, size: int, token: str
    ) -> tuple[list[types.Subscription], str]:
        checks.check_project(project)
        with self.changed:
            names, following = _page(self._subscriptions, f"{project}/subscriptions/", size, token)
            return [self._subscriptions[name].settings for name in names], following

    def subscriptions(self) -> list[Subscription]:
        with self.changed:
            return list(self._subscriptions.values())

    def subscriptions_of(self, topic: str) -> list[Subscription]:
        with self.changed:
            return [each for each in self._subscriptions.values() if each.settings.topic == topic]

    def list_topic_subscriptions(self, topic: str, size: int, token: str) -> tuple[list[str], str]:
        with self.changed:
            self.topic(topic)
            return _page((each.name for each in self.subscriptions_of(topic)), "", size, token)

    def _check_dead_letter_topic(self, settings: types.Subscription) -> None:
        if "dead_letter_policy" in settings:
            self.topic(settings.dead_letter_policy.dead_letter_topic)

    def _check_room(self) -> None:
        if len(self._topics) + len(self._subscriptions) >= RESOURCES_LIMIT:
            raise exhausted(f"The local Pub/Sub holds {RESOURCES_LIMIT} topics and subscriptions.")


def _transfer(fields: Iterable[str], wanted: _Resource, into: _Resource) -> None:
    for field in fields:
        if field in wanted:
            setattr(into, field, getattr(wanted, field))
        else:
            delattr(into, field)


def _page(names: Iterable[str], prefix: str, size: int, token: str) -> tuple[list[str], str]:
    """The names that follow *token*, which is the last name of the page before."""
    if size < 0:
        raise invalid(f"Invalid page_size given: {size} is negative.")
    wanted = min(size or PAGE, PAGE_LIMIT)
    rest = sorted(name for name in names if name.startswith(prefix) and name > token)
    return rest[:wanted], rest[wanted - 1] if len(rest) > wanted else ""
