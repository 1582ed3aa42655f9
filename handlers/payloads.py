"""A push request as what was delivered: an id, bytes, attributes and a time.

Pub/Sub's push body (https://cloud.google.com/pubsub/docs/push#receive_push) is read here rather
than by the functions framework, which answers 400, for ever, to a message without data, and drops
the delivery attempt and the ordering key (docs/adr/0006-http-functions.md). What Eventarc sends is
a CloudEvent with the same body inside.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from cloudevents.exceptions import GenericException
from cloudevents.http import from_http
from msgspec import Struct

from transship.errors import InvalidEvent

# Pub/Sub allows 10 MB a message; base64 and attributes come on top.
BODY_LIMIT = 16 * 1024 * 1024

_STRUCTURED = "application/cloudevents+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message, this time round. *attempt* is 0 where the subscription has no dead letters."""

    event_id: str
    data: bytes
    attributes: Mapping[str, str]
    published_at: datetime
    subscription: str = ""
    attempt: int = 0


class _Message(Struct, frozen=True):
    message_id: str = msgspec.field(name="messageId", default="")
    data: str = ""
    attributes: dict[str, str] = msgspec.field(default_factory=dict)
    publish_time: datetime | None = msgspec.field(name="publishTime", default=None)


class _Push(Struct, frozen=True):
    message: _Message
    subscription: str = ""
    delivery_attempt: int = msgspec.field(name="deliveryAttempt", default=0)


def delivery_of(headers: Mapping[str, str], body: bytes, *, now: datetime) -> Delivery:
    """The message that a push request wraps; *now* is its time where it has none.

    Raises InvalidEvent for a request that neither Pub/Sub nor Eventarc would send.
    """
    if len(body) > BODY_LIMIT:
        raise InvalidEvent(f"the request has {len(body)} bytes, over {BODY_LIMIT}")
    try:
        event_id, document = _document(headers, body)
        push = msgspec.convert(document, type=_Push)
        data = base64.b64decode(push.message.data, validate=True)
    except (msgspec.MsgspecError, binascii.Error, RecursionError, GenericException) as error:
        raise InvalidEvent(f"the request is not a Pub/Sub push: {error}") from error
    published_at = push.message.publish_time or now
    return Delivery(
        event_id=push.message.message_id or event_id or id_of(body),
        data=data,
        attributes=push.message.attributes,
        published_at=published_at if published_at.tzinfo else published_at.replace(tzinfo=UTC),
        subscription=push.subscription,
        attempt=push.delivery_attempt,
    )


def id_of(body: bytes) -> str:
    """For a request that has no id: the same request has the same one."""
    return f"body-{hashlib.sha256(body).hexdigest()[:32]}"


def _document(headers: Mapping[str, str], body: bytes) -> tuple[str, Any]:
    lower = {key.lower(): value for key, value in headers.items()}
    if "ce-id" not in lower and not lower.get("content-type", "").startswith(_STRUCTURED):
        return "", msgspec.json.decode(body)
    event = from_http(lower, body)
    return str(event["id"]), event.data
