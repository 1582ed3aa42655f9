"""Where the end of a handler becomes an acknowledgement: the only place that knows HTTP status.

Pub/Sub takes 200 as an acknowledgement and redelivers after anything else
(https://cloud.google.com/pubsub/docs/push#receive_push). Whoever knocks at a public function gets
a bare status.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NoReturn

import flask
import structlog

from handlers.payloads import Delivery, delivery_of, id_of
from transship.errors import (
    InvalidEvent,
    InvalidReference,
    PermanentError,
    Refused,
    TemporaryError,
    TransshipError,
)
from transship.model.outcome import Outcome, Rejected, in_words

log = structlog.get_logger()

Publish = Callable[[Outcome], None]


def settle(
    request: flask.Request, handle: Callable[[Delivery], Outcome | None], publish: Publish
) -> tuple[str, int]:
    """Run *handle* and publish its outcome, where it has one, or let the event be redelivered.

    An error that is not ours is a bug: it is redelivered too, and the framework logs it.
    """
    body = request.get_data(cache=False)
    event_id, published_at = "", None
    try:
        delivery = delivery_of(request.headers, body, now=datetime.now(UTC))
        event_id, published_at = delivery.event_id, delivery.published_at
        outcome = handle(delivery)
    except PermanentError as error:
        outcome = Rejected(event_id=event_id or id_of(body), **in_words(error))
    except TemporaryError as error:
        deferred(event_id or id_of(body), error, published_at)
    if outcome is None:
        return "", 200
    try:
        publish(outcome)
    except TransshipError as error:
        # Whatever it is, a permission too: an outcome that nobody hears of is no outcome.
        deferred(event_id or id_of(body), error, published_at)
    log.info("event settled", type=type(outcome).type, **outcome.fields())
    return "", 200


def deferred(event_id: str, error: TransshipError, published_at: datetime | None) -> NoReturn:
    """Raise: the event source redelivers with backoff. 503 keeps it out of the error reports.

    Pub/Sub gives a dead letter another id: by *published_at* its reason is found
    (transship.burials).
    """
    log.warning(
        "event deferred",
        event_id=event_id,
        error=type(error).__name__,
        reason=str(error),
        published_at=published_at.isoformat() if published_at else "",
    )
    flask.abort(503)


def admit(
    request: flask.Request,
    may_enter: Callable[[str], bool],
    handle: Callable[[bytes], None],
    *,
    limit: int,
) -> tuple[str, int]:
    """Run *handle* on a body of up to *limit* bytes, for whoever knows the path.

    Who does not is told nothing. A body that is longer, or shorter than it says, is the framework's
    to refuse.
    """
    path = request.path.removeprefix("/")
    # Flask logs the path of a request that ends in an error of its own, and this one is a secret.
    request.path = "/"
    if request.method != "POST" or not may_enter(path):
        return "", 404
    request.max_content_length = limit
    try:
        handle(request.get_data(cache=False))
    except Refused as error:
        return _turned_away(403, error)
    except (InvalidEvent, InvalidReference) as error:
        return _turned_away(400, error)
    except TransshipError as error:
        return _turned_away(503, error)
    return "", 204


def _turned_away(status: int, error: TransshipError) -> tuple[str, int]:
    log.warning("request refused", status=status, error=type(error).__name__, reason=str(error))
    return "", status
