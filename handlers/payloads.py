"""A push request as what was delivered: an id, bytes, attributes and a time.

Pub/Sub's push body (https://cloud.google.com/pubsub/docs/push#receive_push) is read here rather
than by the functions framework, which answers 400, for ever, to a message without data, and drops
the delivery attempt and the ordering key (docs/adr/0006-http-functions.md). What Eventarc sends is
a CloudEvent, with the same body inside where it comes from a topic, and with a log entry where it
comes from the audit log.
"""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Protocol

import msgspec
from cloudevents.exceptions import GenericException
from cloudevents.http import CloudEvent, from_http
from msgspec import Struct

from transship.errors import InvalidEvent
from transship.model.dead_letter import FIRST_PUBLISHED, SOURCE_PUBLISHED, identity

# Pub/Sub allows 10 MB a message; base64 and attributes come on top.
BODY_LIMIT = 16 * 1024 * 1024

_STRUCTURED = "application/cloudevents+json"
_AUDIT_LOG = "google.cloud.audit.log.v1.written"

_MESSAGE_ID = "x-goog-pubsub-message-id"
_PUBLISH_TIME = "x-goog-pubsub-publish-time"
_SUBSCRIPTION = "x-goog-pubsub-subscription-name"


class Delivery(Struct, frozen=True, kw_only=True):
    """One message, this time round. *attempt* is 0 where the subscription has no dead letters.

    *event_id* is the message's own id, unless it is a dead letter that is published again: then it
    is the dead letter's, however often that is done.
    """

    event_id: str
    data: bytes
    attributes: Mapping[str, str]
    published_at: datetime
    message_id: str = ""
    subscription: str = ""
    attempt: int = 0


class _Message(Struct, frozen=True):
    message_id: str = msgspec.field(name="messageId", default="")
    data: bytes = b""
    attributes: dict[str, str] = msgspec.field(default_factory=dict)
    publish_time: datetime | None = msgspec.field(name="publishTime", default=None)


class _Push(Struct, frozen=True):
    message: _Message
    subscription: str = ""
    delivery_attempt: int = msgspec.field(name="deliveryAttempt", default=0)


class Headers(Protocol):
    """Of a request, asked for by names of any case: to list them all takes longer than the rest."""

    def get(self, key: str, default: str) -> str: ...
    def items(self) -> Iterable[tuple[str, str]]: ...


def delivery_of(headers: Headers, body: bytes, *, now: datetime) -> Delivery:
    """The message in a push request, wrapped or not; *now* is its time where it has none.

    Raises InvalidEvent for a request that neither Pub/Sub nor Eventarc would send.
    """
    if len(body) > BODY_LIMIT:
        raise InvalidEvent(f"the request has {len(body)} bytes, over {BODY_LIMIT}")
    try:
        if message_id := headers.get(_MESSAGE_ID, ""):
            return _unwrapped(message_id, headers, body, now)
        if not headers.get("ce-id", "") and not headers.get("content-type", "").startswith(
            _STRUCTURED
        ):
            push = msgspec.json.decode(body, type=_Push)
            return _wrapped(push, push.message.message_id or id_of(body), now)
        event = from_http({key.lower(): value for key, value in headers.items()}, body)
        if event["type"] == _AUDIT_LOG:
            return _audit_event(event, now)
        push = msgspec.convert(event.data, type=_Push)
        return _wrapped(push, push.message.message_id or str(event["id"]), now)
    except (msgspec.MsgspecError, RecursionError, GenericException) as error:
        raise InvalidEvent(f"the request is not a Pub/Sub push: {error}") from error


def _wrapped(push: _Push, message_id: str, now: datetime) -> Delivery:
    return Delivery(
        event_id=identity(message_id, push.message.attributes),
        message_id=message_id,
        data=push.message.data,
        attributes=push.message.attributes,
        published_at=_published(push.message, now),
        subscription=push.subscription,
        attempt=push.delivery_attempt,
    )


def _unwrapped(message_id: str, headers: Headers, body: bytes, now: datetime) -> Delivery:
    """https://cloud.google.com/pubsub/docs/payload-unwrapping, with metadata.

    Attributes have become headers among other headers, and are not read.
    """
    return Delivery(
        event_id=message_id,
        message_id=message_id,
        data=body,
        attributes={},
        published_at=_time(headers.get(_PUBLISH_TIME, ""), now),
        subscription=headers.get(_SUBSCRIPTION, ""),
    )


def _audit_event(event: CloudEvent, now: datetime) -> Delivery:
    """Eventarc's own delivery, LogEntryData and all. Its extensions repeat what the entry says."""
    return Delivery(
        event_id=str(event["id"]),
        data=msgspec.json.encode(event.data),
        attributes={},
        published_at=_time(event.get("time"), now),
    )


def _published(message: _Message, now: datetime) -> datetime:
    """A message that was given up and is published again keeps its place in time, so that it does
    not undo what was asked for since.
    """
    times = [message.publish_time or now]
    for key in (FIRST_PUBLISHED, SOURCE_PUBLISHED):
        if key in message.attributes:
            with suppress(ValueError):
                times.append(datetime.fromisoformat(message.attributes[key]))
    return min(map(_aware, times))


def _time(text: str | None, default: datetime) -> datetime:
    return _aware(msgspec.convert(text, type=datetime)) if text else default


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def id_of(body: bytes) -> str:
    """For a request that has no id: the same request has the same one."""
    return f"body-{hashlib.sha256(body).hexdigest()[:32]}"
