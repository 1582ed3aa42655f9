"""A subscription: its settings with the product's defaults, and what it still owes.

https://cloud.google.com/pubsub/docs/subscription-properties
"""

from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration
from google.pubsub_v1 import types

from local.pubsub.backlog import Backlog, Redelivery
from local.pubsub.filtering import Filter, parse_filter
from local.pubsub.wire import copy, seconds

DELETED_TOPIC = "_deleted-topic_"

_WEEK = Duration(seconds=7 * 86_400)
_MONTH = Duration(seconds=31 * 86_400)
# https://cloud.google.com/pubsub/docs/push#push_backoff: 100 milliseconds to 60 seconds.
_SLOWEST = 60.0
_SLOW = 0.1


@dataclass(kw_only=True, slots=True, eq=False)
class Subscription:
    settings: types.Subscription
    accepts: Filter
    backlog: Backlog
    pushing: int = 0
    """How many push requests are under way."""
    refused: int = 0
    """How many push requests failed in a row."""
    resumes: float = 0.0
    """When pushing goes on after a push backoff."""

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def pushes(self) -> bool:
        return bool(self.settings.push_config.push_endpoint)

    def apply(self, settings: types.Subscription) -> None:
        """Take over *settings* that have passed their checks."""
        self.settings = settings
        self.backlog.retention = seconds(settings.message_retention_duration)
        self.backlog.redelivery = _redelivery(settings)

    def note_push(self, *, succeeded: bool, now: float) -> None:
        """The push backoff: it slows the whole subscription, and gives way to a retry policy."""
        self.pushing -= 1
        self.refused = 0 if succeeded else self.refused + 1
        if self.refused and "retry_policy" not in self.settings:
            self.resumes = now + min(_SLOWEST, _SLOW * 2.0 ** min(self.refused - 1, 64))


def new_subscription(settings: types.Subscription) -> Subscription:
    subscription = Subscription(
        settings=settings,
        accepts=parse_filter(settings.filter),
        backlog=Backlog(
            name=settings.name,
            ordered=settings.enable_message_ordering,
            retention=seconds(settings.message_retention_duration),
        ),
    )
    subscription.apply(settings)
    return subscription


def with_defaults(settings: types.Subscription) -> types.Subscription:
    """A copy in which everything that was left out says what applies."""
    full = copy(settings)
    full.ack_deadline_seconds = full.ack_deadline_seconds or 10
    if "message_retention_duration" not in full:
        full.message_retention_duration = _WEEK
    if "expiration_policy" not in full:
        full.expiration_policy = types.ExpirationPolicy(ttl=_MONTH)
    if "retry_policy" in full:
        if "minimum_backoff" not in full.retry_policy:
            full.retry_policy.minimum_backoff = Duration(seconds=10)
        if "maximum_backoff" not in full.retry_policy:
            full.retry_policy.maximum_backoff = Duration(seconds=600)
    if "dead_letter_policy" in full:
        policy = full.dead_letter_policy
        policy.max_delivery_attempts = policy.max_delivery_attempts or 5
    full.state = types.Subscription.State(types.Subscription.State.ACTIVE)
    return full


def _redelivery(settings: types.Subscription) -> Redelivery:
    dead_letters = "dead_letter_policy" in settings
    retries = "retry_policy" in settings
    policy = settings.retry_policy
    return Redelivery(
        minimum=seconds(policy.minimum_backoff) if retries else 0.0,
        maximum=seconds(policy.maximum_backoff) if retries else 0.0,
        attempts=settings.dead_letter_policy.max_delivery_attempts if dead_letters else None,
    )
