"""Pub/Sub topics to publish to: one call a message, acknowledged before anybody goes on.

google.pubsub_v1's plain client rather than the batching one: a function's instance may lose its
CPU as soon as it has answered, and nothing may wait in a thread by then.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
from google.api_core.retry import Retry
from google.pubsub_v1 import PublisherClient, PubsubMessage

from transship.clients.google_errors import translated
from transship.model.outcome import Outcome, cloud_event

_API = "pubsub.googleapis.com"
# The client's own retries go on for ten minutes, longer than a function may run; Eventarc waits for
# ten seconds. Whoever gives up is called again by redelivery.
_TIMEOUT = 8.0
_RETRY = Retry(initial=0.1, maximum=1.0, timeout=_TIMEOUT)


class Topics:
    def __init__(self, publisher: PublisherClient) -> None:
        self._publisher = publisher

    def publish(self, topic: str, data: bytes, attributes: dict[str, str]) -> str:
        """Returns the message's id; *topic* is ``projects/P/topics/T``."""
        message = PubsubMessage(data=data, attributes=attributes)
        with translated(f"publish to {topic}", api=_API, grant="roles/pubsub.publisher"):
            answer = self._publisher.publish(
                topic=topic, messages=[message], retry=_RETRY, timeout=_TIMEOUT
            )
        return str(answer.message_ids[0])


def outcome_publisher(topics: Topics, topic: str, *, source: str) -> Callable[[Outcome], None]:
    """Publishes outcomes as structured CloudEvents; attributes repeat what filters need.

    Structured, because it is unconfirmed whether an unwrapped push takes ``ce-`` attributes.
    """

    def publish(outcome: Outcome) -> None:
        event = cloud_event(outcome, source=source, time=datetime.now(UTC))
        attributes = {
            "content-type": "application/cloudevents+json",
            "type": event["type"],
            "event_id": outcome.event_id,
            "service": outcome.service,
            "project": outcome.project,
            "region": outcome.region,
        }
        named = {key: value for key, value in attributes.items() if value}
        topics.publish(topic, msgspec.json.encode(event), named)

    return publish
