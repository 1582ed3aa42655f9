"""An outcome becomes one notice for each destination that wants it, and a notice is sent.

Two steps, so that a destination that fails repeats nothing at the others, and so that a slow one
delays no deploy: both topics are this function's own subscriptions.
"""

from collections.abc import Callable, Sequence

import msgspec
import structlog

from handlers.payloads import Delivery
from transship.errors import AccessDenied, InvalidEvent, Refused
from transship.followers import Send
from transship.model.destination import Destination
from transship.model.notice import Event, Notice, decode_event, decode_notice
from transship.model.outcome import Outcome

log = structlog.get_logger()

# Sends an event, parsed and whole, to a destination.
Tell = Callable[[Destination, Event, bytes], None]

DESTINATION = "destination"


def handle(
    delivery: Delivery, *, destinations: Sequence[Destination], send: Send, tell: Tell
) -> None:
    """Raises TemporaryError to be redelivered; what a receiver refuses for good is logged."""
    if DESTINATION in delivery.attributes:
        _tell(delivery, destinations, tell)
        return
    event = decode_event(delivery.data)
    if not event.is_news:
        return
    for each in destinations:
        if each.wants(event.kind, event.text("service")):
            notice = Notice(destination=each.name, event=msgspec.Raw(delivery.data))
            send(msgspec.json.encode(notice), {DESTINATION: each.name, "id": event.id})


def _tell(delivery: Delivery, destinations: Sequence[Destination], tell: Tell) -> None:
    notice = decode_notice(delivery.data)
    event = decode_event(notice.event)
    destination = next((each for each in destinations if each.name == notice.destination), None)
    if destination is None:
        # Taken out of the configuration meanwhile.
        log.info("notice dropped", destination=notice.destination[:100], id=event.id)
        return
    try:
        tell(destination, event, bytes(notice.event))
    except (AccessDenied, Refused) as error:
        log.warning("notice refused", destination=destination.name, id=event.id, reason=str(error))
        return
    log.info("notice sent", destination=destination.name, id=event.id)


def nobody(outcome: Outcome) -> None:
    """Where the end of a notice is told: what cannot be told is no news."""
    if outcome.reason:
        log.warning("notice not understood", error=InvalidEvent.__name__, reason=outcome.reason)
