"""A push request before and after it was made, and the message that gives one up."""

from dataclasses import dataclass

from google.pubsub_v1 import types

from local.pubsub.backlog import Lease, Owed
from local.pubsub.subscription import Subscription
from local.pubsub.wire import pb

_DEAD_LETTER = "CloudPubSubDeadLetterSource"


@dataclass(frozen=True, kw_only=True, slots=True)
class Push:
    """A push request to make; *settings* are those of the moment it became due."""

    subscription: Subscription
    settings: types.Subscription
    lease: Lease


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A push request that was made."""

    subscription: str
    message_id: str
    attempt: int
    status: int | None
    """The receiver's answer; None when there was none."""
    seconds: float
    problem: str = ""


def new_message(
    message: types.PubsubMessage, message_id: str, milliseconds: int
) -> types.PubsubMessage:
    """A copy of *message* as published then; the product's time has milliseconds, too."""
    published = types.PubsubMessage(
        data=message.data,
        attributes=dict(message.attributes),
        ordering_key=message.ordering_key,
        message_id=message_id,
    )
    pb(published).publish_time.FromMilliseconds(milliseconds)
    return published


def publish_time(message: types.PubsubMessage) -> str:
    """RFC 3339, as in JSON."""
    return str(pb(message).publish_time.ToJsonString())


def dead_letter(subscription: str, owed: Owed) -> types.PubsubMessage:
    """https://cloud.google.com/pubsub/docs/dead-letter-topics#how_dead_letter_topics_work"""
    _projects, project, _subscriptions, name = subscription.split("/")
    return types.PubsubMessage(
        data=owed.message.data,
        attributes={
            **owed.message.attributes,
            f"{_DEAD_LETTER}DeliveryCount": str(owed.failures),
            f"{_DEAD_LETTER}Subscription": name,
            f"{_DEAD_LETTER}SubscriptionProject": project,
            f"{_DEAD_LETTER}TopicPublishTime": publish_time(owed.message),
        },
        ordering_key=owed.message.ordering_key,
    )
