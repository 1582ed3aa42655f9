"""Where the end of a handler becomes an acknowledgement: the only place that knows HTTP status.

Pub/Sub takes 200 as an acknowledgement and redelivers after anything else
(https://cloud.google.com/pubsub/docs/push#receive_push).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NoReturn

import flask
import structlog

from handlers.payloads import Delivery, delivery_of, id_of
from transship.errors import PermanentError, TemporaryError, TransshipError
from transship.model.outcome import Outcome, Rejected, in_words

log = structlog.get_logger()

Publish = Callable[[Outcome], None]


def settle(
    request: flask.Request, handle: Callable[[Delivery], Outcome], publish: Publish
) -> tuple[str, int]:
    """Run *handle* and publish its outcome, or let the event be redelivered.

    An error that is not ours is a bug: it is redelivered too, and the framework logs it.
    """
    body = request.get_data(cache=False)
    event_id = id_of(body)
    try:
        delivery = delivery_of(dict(request.headers), body, now=datetime.now(UTC))
        event_id = delivery.event_id
        outcome = handle(delivery)
    except PermanentError as error:
        outcome = Rejected(event_id=event_id, **in_words(error))
    except TemporaryError as error:
        deferred(event_id, error)
    try:
        publish(outcome)
    except TransshipError as error:
        # Whatever it is, a permission too: an outcome that nobody hears of is no outcome.
        deferred(event_id, error)
    log.info("event settled", type=type(outcome).type, **outcome.fields())
    return "", 200


def deferred(event_id: str, error: TransshipError) -> NoReturn:
    """Raise: the event source redelivers with backoff. 503 keeps it out of the error reports."""
    log.warning("event deferred", event_id=event_id, error=type(error).__name__, reason=str(error))
    flask.abort(503)
