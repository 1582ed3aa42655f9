"""What a message goes through: published, leased, acknowledged, or in the end a dead letter.

https://cloud.google.com/pubsub/docs/subscription-overview
https://cloud.google.com/pubsub/docs/handling-failures
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence

import grpc
from google.pubsub_v1 import types

from local.pubsub import checks
from local.pubsub.backlog import Disturbance, Lease, Owed
from local.pubsub.catalogue import Catalogue
from local.pubsub.delivery import Delivery, Push, dead_letter, new_message
from local.pubsub.refusal import Refused, invalid
from local.pubsub.subscription import Subscription

log = logging.getLogger(__name__)

DELIVERIES = 10_000
# So many push requests at once and subscription: one that hangs leaves workers to the others.
PUSH_WINDOW = 8
# A wait looks up this often whether its caller is still there.
_GLANCE = 1.0


class Broker:
    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._changed = catalogue.changed
        self._closed = False
        # The product's message ids are decimal and as long.
        self._last_id = 10**15
        self._deliveries: deque[Delivery] = deque(maxlen=DELIVERIES)

    def close(self) -> None:
        """Let every wait return."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed

    def disturb(self, disturbance: Disturbance) -> None:
        with self._changed:
            self._catalogue.disturbance = disturbance
            for subscription in self._catalogue.subscriptions():
                subscription.backlog.disturbance = disturbance

    def publish(self, topic: str, messages: Sequence[types.PubsubMessage]) -> list[str]:
        sizes = checks.check_publish(messages)
        with self._changed:
            self._catalogue.topic(topic)
            for subscription in self._catalogue.subscriptions_of(topic):
                subscription.backlog.check_room(len(messages), sum(sizes))
            ids = [self._publish(topic, *each) for each in zip(messages, sizes, strict=True)]
            self._changed.notify_all()
        return ids

    def pull(
        self,
        name: str,
        limit: int,
        *,
        until: float,
        alive: Callable[[], bool],
        holder: object = None,
        holdable: tuple[int, int] = (0, 0),
        seconds: int = 0,
    ) -> list[Lease]:
        """Messages for a subscriber, as soon as there is one, or none at *until* (monotonic).

        A *holder* has at most *holdable* messages and bytes at a time; zero is no limit.
        """
        with self._changed:
            while True:
                if self._closed:
                    raise Refused(grpc.StatusCode.UNAVAILABLE, "The local Pub/Sub is stopping.")
                subscription = self._catalogue.subscription(name)
                if subscription.pushes:
                    raise Refused(
                        grpc.StatusCode.FAILED_PRECONDITION,
                        "This method is not supported for this subscription type.",
                    )
                now = time.monotonic()
                self._expire(subscription, now)
                if not alive():
                    return []
                room = min(limit, subscription.backlog.room_of(holder, *holdable))
                deadline = seconds or subscription.settings.ack_deadline_seconds
                leases = subscription.backlog.lease(room, deadline, now, holder)
                if leases or now >= until:
                    return leases
                times = (subscription.backlog.next_due(), subscription.backlog.next_end(), until)
                self._changed.wait(_pause(now, *times))

    def acknowledge(self, name: str, ack_ids: Sequence[str]) -> None:
        with self._changed:
            subscription = self._subscription_of(name, ack_ids)
            now = time.monotonic()
            self._expire(subscription, now)
            for ack_id in ack_ids:
                subscription.backlog.acknowledge(ack_id, now)
            self._changed.notify_all()

    def modify_ack_deadline(self, name: str, ack_ids: Sequence[str], seconds: int) -> None:
        """Extend the leases; zero seconds is the negative acknowledgement."""
        if not 0 <= seconds <= 600:  # noqa: PLR2004 - the documented range
            raise invalid(f"Invalid ack deadline given (seconds={seconds}): must be 0 to 600.")
        with self._changed:
            subscription = self._subscription_of(name, ack_ids)
            now = time.monotonic()
            self._expire(subscription, now)
            for ack_id in ack_ids:
                if seconds:
                    subscription.backlog.extend(ack_id, seconds, now)
                else:
                    self._fail(subscription, ack_id, now)
            self._changed.notify_all()

    def due_pushes(self, limit: int) -> tuple[list[Push], float]:
        """What to push now, and in how many seconds to ask again unless something changes."""
        with self._changed:
            now = time.monotonic()
            pushes: list[Push] = []
            times: list[float | None] = []
            for subscription in self._catalogue.subscriptions():
                self._expire(subscription, now)
                times.append(subscription.backlog.next_end())
                room = min(PUSH_WINDOW - subscription.pushing, limit - len(pushes))
                if not subscription.pushes or room <= 0:
                    continue  # the end of a push request is a change
                times.append(subscription.resumes)
                if now < subscription.resumes:
                    continue
                settings = subscription.settings
                leases = subscription.backlog.lease(room, settings.ack_deadline_seconds, now)
                subscription.pushing += len(leases)
                pushes += [
                    Push(subscription=subscription, settings=settings, lease=lease)
                    for lease in leases
                ]
                times.append(subscription.backlog.next_due())
            return pushes, _pause(now, *times)

    def settle_push(self, push: Push, delivery: Delivery, *, succeeded: bool) -> None:
        subscription = push.subscription
        with self._changed:
            self._deliveries.append(delivery)
            now = time.monotonic()
            subscription.note_push(succeeded=succeeded, now=now)
            if subscription in self._catalogue.subscriptions():  # not deleted meanwhile
                self._expire(subscription, now)
                if succeeded:
                    subscription.backlog.acknowledge(push.lease.ack_id, now)
                else:
                    self._fail(subscription, push.lease.ack_id, now)
            self._changed.notify_all()

    def backlog(self, name: str) -> list[types.PubsubMessage]:
        with self._changed:
            subscription = self._catalogue.subscription(name)
            self._expire(subscription, time.monotonic())
            return list(subscription.backlog.messages())

    def deliveries_made(self) -> list[Delivery]:
        with self._changed:
            return list(self._deliveries)

    def wait_idle(self, timeout: float) -> None:
        """Until no push subscription owes a message; TimeoutError names those that do."""
        until = time.monotonic() + timeout
        with self._changed:
            while busy := [
                f"{each.name} ({len(each.backlog)})"
                for each in self._catalogue.subscriptions()
                if each.pushes and len(each.backlog)
            ]:
                rest = until - time.monotonic()
                if rest <= 0:
                    raise TimeoutError(f"not delivered after {timeout:g} s: {', '.join(busy)}")
                self._changed.wait(min(rest, _GLANCE))

    def _publish(self, topic: str, message: types.PubsubMessage, size: int) -> str:
        self._last_id += 1
        published = new_message(message, str(self._last_id), time.time_ns() // 1_000_000)
        for subscription in self._catalogue.subscriptions_of(topic):
            if subscription.accepts(published.attributes):
                subscription.backlog.add(published, size, time.monotonic())
        return published.message_id

    def _expire(self, subscription: Subscription, now: float) -> None:
        for owed in subscription.backlog.expire(now):
            self._bury(subscription, owed, now)

    def _fail(self, subscription: Subscription, ack_id: str, now: float) -> None:
        owed = subscription.backlog.fail(ack_id, now)
        if owed is not None:
            self._bury(subscription, owed, now)

    def _bury(self, subscription: Subscription, owed: Owed, now: float) -> None:
        """Hand a message that failed too often to the dead letter topic."""
        topic = subscription.settings.dead_letter_policy.dead_letter_topic
        if not self._catalogue.has_topic(topic):
            log.error("dead letter topic %s is gone: %s keeps trying", topic, subscription.name)
            return
        subscription.backlog.remove(owed, now)
        self._publish(topic, dead_letter(subscription.name, owed), owed.size)
        self._changed.notify_all()

    def _subscription_of(self, name: str, ack_ids: Sequence[str]) -> Subscription:
        subscription = self._catalogue.subscription(name)
        if not ack_ids:
            raise invalid("No ack ids specified.")
        for ack_id in ack_ids:
            owner, colon, _number = ack_id.rpartition(":")
            if not colon:
                raise invalid(
                    f"You have passed an invalid ack ID to the service (ack_id={ack_id})."
                )
            if owner != name:
                raise invalid(
                    "You have passed a subscription that does not belong to the given ack ID "
                    f"(resource={name})."
                )
        return subscription


def _pause(now: float, *times: float | None) -> float:
    return min([_GLANCE, *(each - now for each in times if each is not None and each > now)])
