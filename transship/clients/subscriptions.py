"""Pub/Sub subscriptions that somebody looks through: made for a while, or retained for a person.

google.pubsub_v1's plain client: a few messages, taken one call at a time, and given back at once
where they are not the ones that were looked for.
"""

import contextlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from google.api_core import exceptions
from google.protobuf import duration_pb2
from google.pubsub_v1 import ExpirationPolicy, SubscriberClient, Subscription
from msgspec import Struct

from transship.clients.google_errors import translated
from transship.errors import TransshipError

_API = "pubsub.googleapis.com"
_TIMEOUT = 30.0
_DELETE = 5.0
_PAGE = 100
# Pub/Sub's least for both: https://cloud.google.com/pubsub/docs/subscription-properties
_DAY, _TEN_MINUTES = 24 * 3600, 600
_ACK_DEADLINE = 60
# Whoever waits for a message may have to be interrupted: a pull is not held longer than this.
_PULL = 5.0


class Received(Struct, frozen=True, kw_only=True):
    """A message that is leased to us; *ack_id* gives it up or back."""

    ack_id: str
    message_id: str
    data: bytes
    attributes: Mapping[str, str]


class Subscriptions:
    def __init__(self, subscriber: SubscriberClient) -> None:
        self._subscriber = subscriber

    @contextmanager
    def listening(self, project: str, topic: str, matching: str) -> Iterator[str]:
        """A subscription of one's own: from now on, of what *matching* lets through.

        Google's emulator ignores filters: whoever reads filters again. Deleted at the end; where
        that fails, Pub/Sub forgets it after a day.
        """
        name = f"projects/{project}/subscriptions/transship-cli-{secrets.token_hex(8)}"
        wanted = Subscription(
            name=name,
            topic=topic,
            filter=matching,
            ack_deadline_seconds=_ACK_DEADLINE,
            message_retention_duration=duration_pb2.Duration(seconds=_TEN_MINUTES),
            expiration_policy=ExpirationPolicy(ttl=duration_pb2.Duration(seconds=_DAY)),
            labels={"transship-part": "follower"},
        )
        grant = f"roles/pubsub.editor on the project {project}"
        with translated(f"subscribe to {topic}", api=_API, grant=grant):
            self._subscriber.create_subscription(wanted, timeout=_TIMEOUT)
        try:
            yield name
        finally:
            with contextlib.suppress(TransshipError):
                self._delete(name)

    def pull(self, subscription: str, *, seconds: float = _PULL) -> list[Received]:
        """Some messages as soon as there are any; none after so many *seconds*, at most five."""
        with translated(f"pull from {subscription}", api=_API, grant=_reads(subscription)):
            try:
                answer = self._subscriber.pull(
                    subscription=subscription,
                    max_messages=_PAGE,
                    retry=None,
                    timeout=min(seconds, _PULL),
                )
            except exceptions.DeadlineExceeded:
                return []
        return [
            Received(
                ack_id=each.ack_id,
                message_id=each.message.message_id,
                data=each.message.data,
                attributes=dict(each.message.attributes),
            )
            for each in answer.received_messages
        ]

    def acknowledge(self, subscription: str, received: Sequence[Received]) -> None:
        if received:
            with translated(f"acknowledge in {subscription}", api=_API, grant=_reads(subscription)):
                self._subscriber.acknowledge(
                    subscription=subscription,
                    ack_ids=[each.ack_id for each in received],
                    timeout=_TIMEOUT,
                )

    def give_back(self, subscription: str, received: Sequence[Received]) -> None:
        """For others to take at once."""
        if received:
            with translated(f"give back to {subscription}", api=_API, grant=_reads(subscription)):
                self._subscriber.modify_ack_deadline(
                    subscription=subscription,
                    ack_ids=[each.ack_id for each in received],
                    ack_deadline_seconds=0,
                    timeout=_TIMEOUT,
                )

    def topic_of(self, subscription: str) -> str | None:
        """None where there is no such subscription any more."""
        grant = f"roles/pubsub.viewer on {subscription}"
        with translated(f"get {subscription}", api=_API, grant=grant):
            try:
                return str(
                    self._subscriber.get_subscription(
                        subscription=subscription, timeout=_TIMEOUT
                    ).topic
                )
            except exceptions.NotFound:
                return None

    def _delete(self, name: str) -> None:
        with translated(f"delete {name}", api=_API, grant="roles/pubsub.editor"):
            # Once, and soon: somebody waits for the end, and Pub/Sub forgets it by itself.
            self._subscriber.delete_subscription(subscription=name, retry=None, timeout=_DELETE)


def _reads(subscription: str) -> str:
    return f"roles/pubsub.subscriber on {subscription}"
