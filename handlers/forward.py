"""Eventarc's audit events, put onto the topic of hints, and nothing else.

A subscription of Eventarc's waits ten seconds and has no dead letters; that of the topic waits ten
minutes and has them. https://docs.cloud.google.com/eventarc/docs/retry-events
"""

from handlers.payloads import Delivery
from transship.followers import Send


def handle(delivery: Delivery, *, send: Send) -> None:
    """The log entry as it came: what it says is for the reader of hints to judge."""
    send(delivery.data, {"origin": "eventarc", "cause": delivery.event_id})
